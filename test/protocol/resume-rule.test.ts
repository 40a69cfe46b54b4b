// Where a session goes on, when up to f of the statements are lies.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptFloor, type ClosedRound, resumePoint } from '@wardround/protocol/resume-rule';

type Statement = Parameters<typeof resumePoint>[0]['statements'][number];

const hex = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0');
const closed = (round: number, variant = ''): ClosedRound => ({
  receipt: hex(`receipt ${round}${variant}`),
  round,
  checkpoint: hex(`checkpoint ${round}${variant}`),
});
const names = (site: string, round: number, held: readonly number[] = [round], variant = ''): Statement => ({
  site,
  newestReceipt: round === 0 ? null : closed(round, variant),
  held: held.filter((r) => r > 0).map((r) => ({ round: r, checkpoint: closed(r, variant).checkpoint })),
});
/** A board that still has every record. */
const whole = (receipt: string): ClosedRound | null => {
  for (let round = 2; round < 20; round += 1) if (closed(round).receipt === receipt) return closed(round - 1);
  return null;
};
const empty = (): null => null;

describe('the resume rule', () => {
  it('starts at the beginning where nobody cosigned', () => {
    expect(
      resumePoint({ statements: [names('a', 0), names('b', 0), names('c', 0)], f: 1, previous: empty }),
    ).toBeNull();
  });

  it('resumes from what more than f name', () => {
    const statements = [names('a', 3), names('b', 3), names('c', 2)];
    expect(resumePoint({ statements, f: 1, previous: empty })).toEqual(closed(3));
  });

  it('passes over what only f name: a quorum cannot have cosigned it', () => {
    const statements = [names('a', 4, [3]), names('b', 3), names('c', 3)];
    expect(resumePoint({ statements, f: 1, previous: whole })).toEqual(closed(3));
  });

  it('finds the closed round below: who cosigned the next one cosigned it too', () => {
    // b and c closed round 3; a cosigned round 4 besides; d slept since round 2. Counting newest receipts alone would start over.
    const statements = [names('a', 4, [3]), names('b', 3), names('d', 2)];
    expect(resumePoint({ statements, f: 1, previous: whole })).toEqual(closed(3));
    // The same through held checkpoints, on a board that lost the receipts.
    expect(resumePoint({ statements, f: 1, previous: empty })).toEqual(closed(3));
  });

  it('waits for the records where checkpoints alone prove a round', () => {
    const statements = [names('a', 5, [3]), names('b', 6, [3]), names('d', 2)];
    expect(() => resumePoint({ statements, f: 1, previous: empty })).toThrow(
      expect.objectContaining({ code: 'receipt-unknown', action: 'retry' }),
    );
  });

  it('stops where two checkpoints of one round are cosigned', () => {
    const statements = [names('a', 3), names('b', 3), names('c', 3, [], 'x'), names('d', 3, [], 'x')];
    expect(() => resumePoint({ statements, f: 1, previous: empty })).toThrow(
      expect.objectContaining({ code: 'receipt-fork' }),
    );
  });

  it('takes two receipts of one checkpoint for one round: it was rolled forward', () => {
    const rolled = { ...closed(3), receipt: hex('rolled') };
    const statements = [names('a', 3), { ...names('b', 3), newestReceipt: rolled }, names('c', 2)];
    expect(resumePoint({ statements, f: 1, previous: empty })?.checkpoint).toBe(closed(3).checkpoint);
  });

  it('takes no name of a receipt that does not exist, though a liar vouches for the round', () => {
    const invented = { ...closed(3), receipt: '0'.repeat(64) };
    const statements = [names('a', 3), { ...names('b', 3), newestReceipt: invented }, names('c', 2)];
    const isReceipt = ({ receipt }: ClosedRound): boolean => receipt !== invented.receipt;
    expect(resumePoint({ statements, f: 1, previous: whole, isReceipt })).toEqual(closed(3));
    expect(() => resumePoint({ statements, f: 1, previous: whole, isReceipt: () => false })).toThrow(
      expect.objectContaining({ code: 'receipt-unknown', action: 'retry' }),
    );
  });

  it('does not follow a chain that runs in a circle', () => {
    const circle = (): ClosedRound => closed(3);
    expect(resumePoint({ statements: [names('a', 3), names('b', 3)], f: 1, previous: circle })).toEqual(closed(3));
  });

  it('f liars neither invent a round nor hide one that a quorum closed, whatever they say', () => {
    const lie = fc.record({ round: fc.integer({ min: 0, max: 9 }), variant: fc.constantFrom('', 'lie') });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), lie, fc.boolean(), (round, lies, ahead) => {
        // n = 4, f = 1, q = 3: the closed round has two honest cosigners among any three; one of them may be one receipt ahead.
        const honest = [names('a', ahead ? round + 1 : round, [round]), names('b', round)];
        const statements = [...honest, names('z', lies.round, [lies.round], lies.variant)];
        const point = resumePoint({ statements, f: 1, previous: whole });
        const mayRoll = ahead && lies.round > round && lies.variant === '';
        expect(point?.round ?? 0).toBeGreaterThanOrEqual(round);
        expect(point?.round ?? 0).toBeLessThanOrEqual(mayRoll ? round + 1 : round);
        if (point !== null) expect(point.checkpoint).toBe(closed(point.round).checkpoint);
      }),
      { numRuns: 500 },
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
