// The ledger's chain: every change of any byte before the last newline is damage; budgets add up and are never taken back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import {
  emptyLedger,
  type LedgerHead,
  nextLine,
  readLedger,
  type Reservation,
  reservationOf,
  reservedOf,
} from '@wardround/privacy/ledger';

const reservation = (n: number, change: Partial<Reservation> = {}): Reservation => ({
  type: 'reserve',
  federation: 'f'.repeat(64),
  study: String(n).padStart(64, '0'),
  approval: String(n).padStart(64, 'a'),
  population: 'site',
  budget: { kind: 'unbounded' },
  rounds: 10,
  maxAttempts: 3,
  reservedAt: '2026-11-23T08:00:00.000Z',
  ...change,
});

function ledgerOf(...reservations: readonly Reservation[]): { bytes: Uint8Array; head: LedgerHead } {
  let head = emptyLedger;
  const lines = reservations.map((entry) => {
    const next = nextLine(head, entry);
    head = next.head;
    return utf8(next.line);
  });
  return { bytes: concatBytes(...lines), head };
}

function codeOf(bytes: Uint8Array): string {
  try {
    readLedger(bytes);
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const { bytes, head } = ledgerOf(reservation(1), reservation(2), reservation(3));

describe('a ledger', () => {
  it('reads what was written, and knows where it ends', () => {
    const read = readLedger(bytes);
    expect(read.entries.map(({ entry }) => entry)).toEqual([reservation(1), reservation(2), reservation(3)]);
    expect(read).toMatchObject({ head, torn: false, wholeLength: bytes.byteLength });
    expect(readLedger(new Uint8Array(0))).toMatchObject({ head: emptyLedger, torn: false, entries: [] });
  });

  it('with any bit flipped before its last newline is damaged', () => {
    fc.assert(
      fc.property(fc.nat(bytes.byteLength - 2), fc.nat(7), (at, bit) => {
        const changed = new Uint8Array(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(codeOf(changed)).toBe('ledger-damaged');
      }),
      { numRuns: 400 },
    );
  });

  it('cut anywhere is read up to its last whole line, and says that it was torn', () => {
    for (let length = 0; length < bytes.byteLength; length += 7) {
      const read = readLedger(bytes.subarray(0, length));
      const whole = bytes.subarray(0, length).lastIndexOf(0x0a) + 1;
      expect(read).toMatchObject({ wholeLength: whole, torn: whole < length });
    }
  });

  it('with a line left out, repeated, or in another order is damaged', () => {
    const [a, b, c] = new TextDecoder().decode(bytes).split('\n');
    for (const lines of [
      [b, c],
      [a, c],
      [a, a, b, c],
      [b, a, c],
      [a, b, c, ''],
      [a, b, b],
    ]) {
      expect(codeOf(utf8(`${lines.join('\n')}\n`))).toBe('ledger-damaged');
    }
  });

  it('finds a reservation by its approval', () => {
    const { entries } = readLedger(bytes);
    expect(reservationOf(entries, reservation(2).approval)).toEqual(reservation(2));
    expect(reservationOf(entries, 'b'.repeat(64))).toBeUndefined();
  });
});

describe('a population’s budget', () => {
  it('adds up over studies, and counts what has no bound as such, never as 0', () => {
    const bounded = (n: number, epsilon: string): Reservation =>
      reservation(n, { budget: { kind: 'bounded', epsilon, delta: '0.00001', accountant: 'pld' } });
    const { entries } = readLedger(
      ledgerOf(bounded(1, '1.5'), reservation(2), bounded(3, '0.5'), reservation(4, { population: 'icu' })).bytes,
    );
    expect(reservedOf(entries, 'site')).toEqual({
      population: 'site',
      unboundedStudies: 1,
      boundedStudies: 2,
      epsilon: 2,
      delta: 0.00002,
    });
    expect(reservedOf(entries, 'icu')).toMatchObject({ unboundedStudies: 1, boundedStudies: 0, epsilon: 0 });
  });
});
