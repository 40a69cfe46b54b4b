// Where a session goes on, when up to f of the sites lie and everything that can be hidden is hidden.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { quorum as quorumOf } from '@wardround/protocol/quorum';
import {
  attemptFloor,
  type ClosedRound,
  resumePoint,
  type ResumeQuestion,
  type Standing,
} from '@wardround/protocol/resume-rule';

const hex = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0');
const closed = (round: number, variant = ''): ClosedRound => ({
  receipt: hex(`receipt ${round}${variant}`),
  round,
  checkpoint: hex(`checkpoint ${round}${variant}`),
});
const names = (site: string, round: number, held: readonly number[] = [round], variant = ''): Standing => ({
  site,
  newestReceipt: round === 0 ? null : closed(round, variant),
  held: held.filter((r) => r > 0).map((r) => ({ round: r, checkpoint: closed(r, variant).checkpoint })),
});
/** A board that still has every record; results of one round differ by a letter, and all follow the plain result of the round before. */
const whole = (receipt: string): ClosedRound | null => {
  for (let round = 2; round < 20; round += 1) {
    for (const variant of ['', 'x', 'y']) if (closed(round, variant).receipt === receipt) return closed(round - 1);
  }
  return null;
};
const empty = (): null => null;
const retry = (code: string): unknown => expect.objectContaining({ code, action: 'retry' });

/** Four sites, f = 1, q = 3, unless said otherwise. */
function ask(statements: readonly Standing[], change: Partial<ResumeQuestion> = {}): ClosedRound | null {
  return resumePoint({ statements, quorum: 3, previous: whole, isReceipt: () => true, proven: [], ...change });
}

describe('the resume rule', () => {
  it('starts at the beginning where nobody cosigned', () => {
    expect(ask([names('a', 0), names('b', 0), names('c', 0)])).toBeNull();
  });

  it('asks a quorum', () => {
    expect(() => ask([names('a', 3), names('b', 3)])).toThrow(expect.objectContaining({ code: 'session-quorum' }));
  });

  it('resumes from what all name', () => {
    expect(ask([names('a', 3), names('b', 3), names('c', 3)])).toEqual(closed(3));
  });

  it('misses no closed round, though one of its cosigners denies it and another was not heard', () => {
    // a, b and d cosigned round 4; b lies, d is away, c never saw it. The cosignatures are hidden.
    expect(ask([names('a', 4, [3]), names('b', 3), names('c', 3)])).toEqual(closed(4));
  });

  it('passes over a round for which q sites do not vouch', () => {
    expect(ask([names('a', 4, [3]), names('b', 3), names('c', 3), names('d', 3)])).toEqual(closed(3));
    expect(ask([names('a', 4, [3]), names('b', 3), names('c', 3), names('d', 2)])).toEqual(closed(3));
  });

  it('takes a proven result whatever is stated', () => {
    const statements = [names('a', 3, [3]), names('b', 3), names('c', 3), names('d', 3)];
    expect(ask(statements, { proven: [closed(4)] })).toEqual(closed(4));
    const others = [names('a', 4, [], 'x'), names('b', 4, [], 'x'), names('c', 4, [], 'x')];
    expect(ask(others, { proven: [closed(4)] })).toEqual(closed(4));
    expect(ask([names('a', 5), names('b', 5), names('c', 4)], { proven: [closed(4)] })).toEqual(closed(5));
  });

  it('stops where two results of one round have q cosignatures each, and only there', () => {
    const statements = [names('a', 3), names('b', 3), names('c', 3, [], 'x'), names('d', 3, [], 'x')];
    expect(() => ask(statements, { proven: [closed(3), closed(3, 'x')] })).toThrow(
      expect.objectContaining({ code: 'receipt-fork', action: 'stop' }),
    );
    // An honest site and a liar vouch for a result that has no quorum, against the one that has: no fork.
    expect(ask(statements, { proven: [closed(3)] })).toEqual(closed(3));
    expect(() => ask(statements)).toThrow(retry('receipt-undecided'));
  });

  it('waits where either of two results may be closed, and goes on when one more site is heard', () => {
    const statements = [names('a', 3), names('b', 3, [], 'x'), names('c', 2)];
    expect(() => ask(statements)).toThrow(retry('receipt-undecided'));
    expect(ask([...statements, names('d', 3)])).toEqual(closed(3));
  });

  it('picks the same result for all readers where none can be closed and too few are free for a third', () => {
    const statements = [names('a', 3), names('b', 3, [], 'x'), names('c', 2), names('d', 2)];
    const picked = ask(statements);
    expect(picked?.round).toBe(3);
    expect(ask(statements.toReversed())).toEqual(picked);
  });

  it('takes two receipts of one checkpoint for one result: it was rolled forward', () => {
    const rolled = { ...closed(3), receipt: hex('rolled') };
    const statements = [names('a', 3), { ...names('b', 3), newestReceipt: rolled }, names('c', 2)];
    expect(ask(statements, { previous: empty })?.checkpoint).toBe(closed(3).checkpoint);
  });

  it('takes no name of a receipt that does not exist', () => {
    const invented = { ...closed(3), receipt: '0'.repeat(64) };
    const statements = [names('a', 3), { ...names('b', 3), newestReceipt: invented }, names('c', 2)];
    const isReceipt = ({ receipt }: ClosedRound): boolean => receipt !== invented.receipt;
    expect(ask(statements, { isReceipt })).toEqual(closed(3));
    expect(() => ask(statements, { isReceipt: () => false })).toThrow(retry('receipt-unknown'));
  });

  it('is not kept waiting by an invented round where all others are heard', () => {
    const isReceipt = ({ round }: ClosedRound): boolean => round < 9;
    const lie = names('d', 9, [9], 'lie');
    expect(ask([names('a', 3), names('b', 3), names('c', 2), lie], { isReceipt })).toEqual(closed(3));
    expect(() => ask([names('a', 3), names('b', 3), lie], { isReceipt })).toThrow(retry('receipt-unknown'));
  });

  it('does not believe a statement that contradicts itself', () => {
    const liar = { ...names('d', 3), held: [{ round: 3, checkpoint: closed(3, 'x').checkpoint }] };
    expect(ask([names('a', 2), names('b', 2), names('c', 2), liar])).toEqual(closed(2));
    expect(ask([names('a', 1), names('b', 1), liar])).toEqual(closed(1));
  });

  it('does not follow a chain that runs in a circle', () => {
    const statements = [names('a', 3), names('b', 3), names('c', 3)];
    expect(ask(statements, { previous: () => closed(3) })).toEqual(closed(3));
  });
});

/** What happened, and what its readers are shown. */
interface History {
  readonly n: number;
  readonly f: number;
  readonly q: number;
  /** Rounds before this one are closed by all; this one's results are the enclaves', one an attempt. */
  readonly round: number;
  /** By site; liars are the first f of them. Null: cosigned nothing of the round. */
  readonly cosigned: readonly (string | null)[];
  /** What liars cosigned besides, and show or hide. */
  readonly lies: readonly Lie[];
  readonly heard: readonly number[];
  /** Whether each reader sees the cosignatures of a closed result. */
  readonly shown: readonly boolean[];
}

interface Lie {
  readonly cosigns: readonly string[];
  readonly says: Standing;
}

const variants = ['', 'x', 'y'] as const;
const siteName = (index: number): string => `site ${index}`;

const lieOf = (index: number, round: number): fc.Arbitrary<Lie> =>
  fc.record({
    cosigns: fc.subarray([...variants]),
    says: fc
      .record({
        round: fc.integer({ min: 0, max: round + 2 }),
        variant: fc.constantFrom(...variants, 'invented'),
        held: fc.subarray([round - 1, round, round + 1].filter((r) => r > 0)),
      })
      .map((says) => names(siteName(index), says.round, says.held, says.variant)),
  });

const history: fc.Arbitrary<History> = fc
  .record({
    f: fc.integer({ min: 0, max: 2 }),
    more: fc.integer({ min: 0, max: 2 }),
    round: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ f, more, round }) => {
    const n = Math.max(2, 3 * f + 1 + more);
    const q = quorumOf(n, f);
    return fc.record({
      n: fc.constant(n),
      f: fc.constant(f),
      q: fc.constant(q),
      round: fc.constant(round),
      cosigned: fc.array(fc.constantFrom(null, '', '', ...variants), { minLength: n, maxLength: n }),
      lies: fc.tuple(...Array.from({ length: f }, (_, index) => lieOf(index, round))),
      heard: fc.subarray(
        Array.from({ length: n }, (_, index) => index),
        { minLength: q },
      ),
      shown: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
    });
  });

const honest = ({ n, f }: History): readonly number[] => Array.from({ length: n - f }, (_, index) => f + index);

function cosigners({ cosigned, f, lies }: History, variant: string): number {
  const genuine = cosigned.filter((own, index) => index >= f && own === variant).length;
  return genuine + lies.filter(({ cosigns }) => cosigns.includes(variant)).length;
}

/** The result of the round that q sites cosigned, liars and hidden cosignatures counted. */
function closedIn(of: History): ClosedRound | null {
  const [variant] = variants.filter((name) => cosigners(of, name) >= of.q);
  return variant === undefined ? null : closed(of.round, variant);
}

function statementsOf(of: History, heard = of.heard): readonly Standing[] {
  return heard.map((index) => {
    const lie = of.lies[index];
    if (lie !== undefined) return lie.says;
    const own = of.cosigned[index] ?? null;
    const before = names(siteName(index), of.round - 1);
    return own === null ? before : { ...before, newestReceipt: closed(of.round, own) };
  });
}

function reach({ newestReceipt, held }: Standing): number {
  return Math.max(newestReceipt?.round ?? 0, ...held.map(({ round }) => round));
}

type Outcome = ClosedRound | null | 'waits';

/** @throws whatever is no waiting */
function outcome(of: History, { shown, heard }: { shown: boolean; heard?: readonly number[] }): Outcome {
  const before = of.round === 1 ? [] : [closed(of.round - 1)];
  const result = closedIn(of);
  try {
    return resumePoint({
      statements: statementsOf(of, heard),
      quorum: of.q,
      previous: whole,
      isReceipt: ({ receipt, round }) =>
        round <= of.round && variants.some((variant) => closed(round, variant).receipt === receipt),
      proven: shown ? [...before, ...(result === null ? [] : [result])] : [],
    });
  } catch (error) {
    if (error instanceof WardroundError && error.action === 'retry') return 'waits';
    throw error;
  }
}

describe('over all histories with at most f liars, the resume rule', () => {
  const runs = { numRuns: 2000 };

  it('never passes over or replaces a result that q sites cosigned, and never sees a false fork', () => {
    let closedRuns = 0;
    fc.assert(
      fc.property(history, (of) => {
        const result = closedIn(of);
        if (result === null) return;
        closedRuns += 1;
        for (const shown of [false, true]) {
          const at = outcome(of, { shown });
          expect(at === 'waits' ? result : at).toEqual(result);
          // Who sees the cosignatures waits only where, beside the silent, somebody claims a later round.
          const laterClaimed = statementsOf(of).some((said) => reach(said) > of.round);
          if (shown && !laterClaimed) expect(at).toEqual(result);
        }
      }),
      runs,
    );
    expect(closedRuns).toBeGreaterThan(200);
  });

  it('goes back no further than the round before the contested one, and on to nothing that no enclave issued', () => {
    fc.assert(
      fc.property(history, (of) => {
        const at = outcome(of, { shown: false });
        if (at === 'waits') return;
        expect(at?.round ?? 0).toBeGreaterThanOrEqual(of.round - 1);
        const issued = variants.map((variant) => closed(of.round, variant));
        const before = of.round === 1 ? null : closed(of.round - 1);
        expect([before, ...issued]).toContainEqual(at);
      }),
      runs,
    );
  });

  it('passes the round over only where q of those heard vouch for nothing of it', () => {
    fc.assert(
      fc.property(history, (of) => {
        const at = outcome(of, { shown: false });
        if (at === 'waits' || (at?.round ?? 0) === of.round) return;
        const silent = statementsOf(of).filter(({ newestReceipt }) => (newestReceipt?.round ?? 0) < of.round);
        const contradictory = of.heard.filter((index) => index < of.f).length;
        expect(silent.length + contradictory).toBeGreaterThanOrEqual(of.q);
      }),
      runs,
    );
  });

  it('says the same to all who see the same, in whichever order, and nothing contrary to who sees more', () => {
    fc.assert(
      fc.property(history, (of) => {
        const [first, second] = of.shown.map((shown) => outcome(of, { shown }));
        expect(outcome(of, { shown: of.shown[0] ?? false, heard: of.heard.toReversed() })).toEqual(first);
        if (first === 'waits' || second === 'waits' || first === undefined || second === undefined) return;
        expect(first?.checkpoint).toBe(second?.checkpoint);
      }),
      runs,
    );
  });

  it('does not wait where everybody is heard and the honest sites cosigned one result at most', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...variants), (of, variant) => {
        const one = { ...of, cosigned: of.cosigned.map((own) => (own === null ? null : variant)) };
        const everybody = Array.from({ length: of.n }, (_, index) => index);
        expect(outcome(one, { shown: false, heard: everybody })).not.toBe('waits');
        // Neither does it without those who lie: f sites may be missing.
        expect(outcome(one, { shown: false, heard: honest(of) })).not.toBe('waits');
      }),
      runs,
    );
  });
});

describe('the attempt floor', () => {
  const sealed = (attempt: number): { lastSealed: { round: number; attempt: number } } => ({
    lastSealed: { round: 1, attempt },
  });

  it('is above every attempt that was sealed for', () => {
    expect(attemptFloor([sealed(3), { lastSealed: null }, sealed(7)], 1)).toBe(8);
    expect(attemptFloor([{ lastSealed: null }, { lastSealed: null }], 1)).toBe(1);
  });

  it('does not let f liars exhaust the numbers', () => {
    expect(attemptFloor([sealed(Number.MAX_SAFE_INTEGER), sealed(5), sealed(4)], 1)).toBe(6);
    expect(attemptFloor([sealed(1000), sealed(5), sealed(4)], 1)).toBe(1001);
  });
});
