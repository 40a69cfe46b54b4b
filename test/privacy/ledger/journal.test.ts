// Thousands of kills, full disks and failing fsyncs: no acknowledged spend is ever lost, and none is ever given back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import {
  emptyLedger,
  type LedgerHead,
  nextLine,
  readLedger,
  type Reservation,
  reservedOf,
} from '@wardround/privacy/ledger';
import {
  type Admission,
  LedgerJournal,
  type LedgerStorage,
  type LedgerWitness,
} from '@wardround/privacy/ledger-journal';

function reservation(n: number, population = 'site'): Reservation {
  return {
    type: 'reserve',
    federation: 'f'.repeat(64),
    study: String(n).padStart(64, '5'),
    approval: String(n).padStart(64, 'a'),
    population,
    budget: { kind: 'bounded', epsilon: '0.5', delta: '0.000001', accountant: 'pld' },
    rounds: 10,
    maxAttempts: 3,
    reservedAt: '2026-11-23T08:00:00.000Z',
  };
}

class Killed extends Error {}
class DiskFull extends Error {}

/** What happens at the next append: all goes well, or after so many bytes something does not. */
type Fate =
  | { readonly kind: 'well' }
  | { readonly kind: 'killedWriting'; readonly bytes: number }
  | { readonly kind: 'killedBeforeAcknowledging' }
  | { readonly kind: 'full'; readonly bytes: number }
  | { readonly kind: 'syncFails'; readonly kept: boolean };

/** A disk and the witness beside it, as they are found after a restart. */
class World {
  ledger = new Uint8Array(0);
  head: LedgerHead | null = null;
  fate: Fate = { kind: 'well' };

  readonly storage: LedgerStorage = {
    read: async () => await Promise.resolve(new Uint8Array(this.ledger)),
    append: async (bytes, offset) => {
      await Promise.resolve();
      if (offset !== this.ledger.byteLength) throw new WardroundError('ledger-write', 'somebody else wrote');
      this.#write(bytes);
    },
    cut: async (length) => {
      await Promise.resolve();
      this.ledger = this.ledger.slice(0, length);
    },
  };

  readonly witness: LedgerWitness = {
    acknowledged: () => this.head,
    acknowledge: (head) => {
      if (this.fate.kind === 'killedBeforeAcknowledging') throw new Killed();
      this.head = head;
    },
  };

  #write(bytes: Uint8Array): void {
    const { fate } = this;
    const add = (length: number): void => {
      this.ledger = concatBytes(this.ledger, bytes.subarray(0, length));
    };
    switch (fate.kind) {
      case 'killedWriting':
        add(fate.bytes % (bytes.byteLength + 1));
        throw new Killed();
      case 'full':
        add(fate.bytes % bytes.byteLength);
        throw new DiskFull();
      case 'syncFails':
        if (fate.kept) add(bytes.byteLength);
        throw new DiskFull();
      case 'well':
      case 'killedBeforeAcknowledging':
        add(bytes.byteLength);
    }
  }

  async start(admit: Admission = () => undefined): Promise<LedgerJournal> {
    return await LedgerJournal.open({ storage: this.storage, witness: this.witness, admit });
  }
}

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fate>({ kind: 'well' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('killedWriting' as const), bytes: fc.nat(2000) }) },
  { weight: 1, arbitrary: fc.constant<Fate>({ kind: 'killedBeforeAcknowledging' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('full' as const), bytes: fc.nat(2000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('syncFails' as const), kept: fc.boolean() }) },
);

const step = fc.record({
  approval: fc.nat(6),
  population: fc.constantFrom('site', 'icu'),
  fate,
  restart: fc.boolean(),
});

function spent(journal: LedgerJournal): number[] {
  return ['site', 'icu'].map((population) => reservedOf(journal.entries, population).epsilon);
}

async function outcome(attempt: Promise<unknown>): Promise<'acknowledged' | 'killed' | 'failed'> {
  try {
    await attempt;
    return 'acknowledged';
  } catch (error) {
    if (error instanceof Killed) return 'killed';
    if (error instanceof DiskFull || error instanceof WardroundError) return 'failed';
    throw error;
  }
}

describe('a journal whose machine is killed and whose disk fills up', () => {
  it('loses no acknowledged spend and gives none back, in 3000 seeded histories', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const world = new World();
        const acknowledged = new Set<string>();
        let journal = await world.start();
        let before = [0, 0];
        for (const { approval, population, fate: next, restart } of steps) {
          world.fate = next;
          const wanted = reservation(approval, population);
          const result = await outcome(journal.reserve(wanted));
          if (result === 'acknowledged') acknowledged.add(wanted.approval);
          world.fate = { kind: 'well' };
          if (restart || result === 'killed') journal = await world.start();

          const there = journal.entries.map(({ entry }) => entry.approval);
          const lost = [...acknowledged].filter((one) => !there.includes(one));
          const now = spent(journal);
          const refunded = before.some((was, i) => (now[i] ?? 0) < was);
          const twice = new Set(there).size < there.length;
          if (lost.length > 0 || refunded || twice) expect.fail(JSON.stringify({ lost, refunded, twice }));
          before = now;
        }
        journal = await world.start();
        expect(readLedger(world.ledger).entries).toEqual(journal.entries);
      }),
      { numRuns: 3000, seed: 20_261_123 },
    );
  });

  it('does not start upon a ledger that was cut at any byte, or where an entry was left out', async () => {
    const world = new World();
    const journal = await world.start();
    for (const n of [1, 2, 3]) await journal.reserve(reservation(n));
    const whole = world.ledger;
    for (let length = 0; length < whole.byteLength; length += 1) {
      world.ledger = whole.slice(0, length);
      await expect(world.start()).rejects.toMatchObject({ code: 'ledger-rolled-back' });
      // And it leaves what it found as it found it, for people to look at.
      expect(world.ledger.byteLength).toBe(length);
    }
  });

  it('makes a line durable that a kill left in memory, before it is relied on', async () => {
    const world = new World();
    const journal = await world.start();
    await journal.reserve(reservation(1));
    world.fate = { kind: 'killedBeforeAcknowledging' };
    await expect(journal.reserve(reservation(2))).rejects.toThrow(Killed);
    world.fate = { kind: 'well' };
    const cuts: number[] = [];
    const storage: LedgerStorage = {
      ...world.storage,
      cut: async (length) => {
        cuts.push(length);
        await world.storage.cut(length);
      },
    };
    const again = await LedgerJournal.open({ storage, witness: world.witness, admit: () => undefined });
    expect(cuts).toEqual([world.ledger.byteLength]);
    await again.reserve(reservation(2));
    expect(world.head).toMatchObject({ sequence: 2 });
    await LedgerJournal.open({ storage, witness: world.witness, admit: () => undefined });
    expect(cuts).toHaveLength(1);
  });

  it('takes a restored older ledger with its older witness: that is for the peers to recognise', async () => {
    const world = new World();
    await (await world.start()).reserve(reservation(1));
    const older = { ledger: world.ledger, head: world.head };
    await (await world.start()).reserve(reservation(2));
    Object.assign(world, older);
    expect((await world.start()).entries).toHaveLength(1);
  });
});

describe('a failed reservation', () => {
  it('of which nothing was written may be made again; of which a part was, not before a restart', async () => {
    const world = new World();
    const journal = await world.start();
    await journal.reserve(reservation(1));
    world.fate = { kind: 'full', bytes: 0 };
    await expect(journal.reserve(reservation(2))).rejects.toThrow(DiskFull);
    world.fate = { kind: 'well' };
    await journal.reserve(reservation(2));
    world.fate = { kind: 'full', bytes: 10 };
    await expect(journal.reserve(reservation(3))).rejects.toThrow(DiskFull);
    world.fate = { kind: 'well' };
    await expect(journal.reserve(reservation(3))).rejects.toMatchObject({ code: 'ledger-write' });
    const again = await world.start();
    await again.reserve(reservation(3));
    expect(again.entries).toHaveLength(3);
  });

  it('is not acknowledged where somebody else writes between', async () => {
    const world = new World();
    const [one, other] = [await world.start(), await world.start()];
    await one.reserve(reservation(1));
    await expect(other.reserve(reservation(2))).rejects.toMatchObject({ code: 'ledger-write' });
    await expect(other.reserve(reservation(2))).rejects.toMatchObject({ code: 'ledger-write' });
    expect(readLedger(world.ledger).entries).toHaveLength(1);
  });

  it('that is not admitted writes nothing; two at once are asked one after the other', async () => {
    const world = new World();
    const atMostOne: Admission = (entries) => {
      if (entries.length > 0) throw new WardroundError('budget-exceeded', 'one is enough');
    };
    const journal = await world.start(atMostOne);
    const results = await Promise.allSettled([1, 2, 3].map(async (n) => await journal.reserve(reservation(n))));
    expect(results).toEqual([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: expect.objectContaining({ code: 'budget-exceeded' }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'budget-exceeded' }) },
    ]);
    expect(readLedger(world.ledger).entries).toHaveLength(1);
    // The same approval again is the same reservation: nobody is asked.
    await journal.reserve(reservation(1));
  });
});

it('what a study is made of is part of its line, and lines without it read as before', () => {
  const spending: Reservation['spending'] = {
    unit: 'patient',
    adjacency: 'addOrRemoveOne',
    uses: [
      { noise: { kind: 'gaussian' }, noiseMultiplier: '1.1', sampling: { kind: 'poisson', rate: '0.01' }, count: 30 },
    ],
  };
  const first = nextLine(emptyLedger, reservation(1));
  const second = nextLine(first.head, { ...reservation(2), spending });
  const read = readLedger(new TextEncoder().encode(first.line + second.line));
  expect(read.entries.map(({ entry }) => entry.spending)).toEqual([undefined, spending]);
  expect(first.line).not.toContain('spending');
});
