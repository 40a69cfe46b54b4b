// A population's limits: exact at their edges, across studies, with and without an accountant that composes better than adding up.
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { epsilonOf } from '@wardround/privacy/accounting/accountant';
import { emptyLedger, type LedgerEntry, nextLine, type Reservation } from '@wardround/privacy/ledger';
import { type BudgetRules, type PopulationLimit, requireWithinLimit } from '@wardround/privacy/ledger-limits';
import { composedSpending, type ReservedSpending } from '@wardround/privacy/ledger-spending';

const limit: PopulationLimit = { population: 'site', epsilon: '3', delta: '0.00001', unboundedStudies: 1 };

/** An accountant that never helps: what was said is added up. */
const adding: BudgetRules['compose'] = () => Number.POSITIVE_INFINITY;

let made = 0;
function reservation(change: Partial<Reservation> = {}): Reservation {
  made += 1;
  return {
    type: 'reserve',
    federation: 'f'.repeat(64),
    study: String(made).padStart(64, '5'),
    approval: String(made).padStart(64, 'a'),
    population: 'site',
    budget: { kind: 'unbounded' },
    rounds: 10,
    maxAttempts: 3,
    reservedAt: '2026-11-23T08:00:00.000Z',
    ...change,
  };
}

const bounded = (epsilon: string, delta = '0.000001', change: Partial<Reservation> = {}): Reservation =>
  reservation({ budget: { kind: 'bounded', epsilon, delta, accountant: 'pld' }, ...change });

function entriesOf(reservations: readonly Reservation[]): LedgerEntry[] {
  let head = emptyLedger;
  return reservations.map((entry) => {
    const next = nextLine(head, entry);
    head = next.head;
    return next.body;
  });
}

function code(before: readonly Reservation[], next: Reservation, rules: Partial<BudgetRules> = {}): string {
  try {
    requireWithinLimit(entriesOf(before), next, { limits: [limit], compose: adding, ...rules });
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('adding up', () => {
  it.each([
    [[], '3', 'accepted'],
    [[], '3.000000000000000000001', 'budget-exceeded'],
    [['2.9'], '0.1', 'accepted'],
    [['0.1', '0.2', '2.6'], '0.1', 'accepted'],
    [['0.1', '0.2', '2.6'], '0.1000000000000000000000001', 'budget-exceeded'],
    [['1', '1', '1'], '0.1', 'budget-exceeded'],
  ])('ε %j and then %s: %s', (before, next, expected) => {
    expect(
      code(
        before.map((epsilon) => bounded(epsilon)),
        bounded(next),
      ),
    ).toBe(expected);
  });

  it('δ is a budget as well', () => {
    expect(code([bounded('0.1', '0.000009')], bounded('0.1', '0.000001'))).toBe('accepted');
    expect(code([bounded('0.1', '0.000009')], bounded('0.1', '0.0000011'))).toBe('budget-exceeded');
  });

  it('each population has its own, and one without a limit has none', () => {
    const limits = [limit, { ...limit, population: 'icu', epsilon: '1' }];
    expect(code([bounded('3')], bounded('1', '0.000001', { population: 'icu' }), { limits })).toBe('accepted');
    expect(code([], bounded('1.1', '0.000001', { population: 'icu' }), { limits })).toBe('budget-exceeded');
    expect(code([], bounded('0.1', '0.000001', { population: 'er' }), { limits })).toBe('budget-no-limit');
    expect(code([], reservation({ population: 'er' }), { limits: [] })).toBe('budget-no-limit');
  });
});

describe('studies without differential privacy', () => {
  it('are counted, and are no ε of 0', () => {
    expect(code([], reservation())).toBe('accepted');
    expect(code([reservation()], reservation())).toBe('budget-unbounded');
    const first = reservation();
    expect(code([first], reservation({ study: first.study }))).toBe('accepted');
    expect(code([], reservation(), { limits: [{ ...limit, unboundedStudies: 0 }] })).toBe('budget-unbounded');
    // One that is there already leaves the others their limit.
    expect(code([reservation()], bounded('3'))).toBe('accepted');
    expect(code([reservation(), bounded('3')], bounded('0.1'))).toBe('budget-exceeded');
  });
});

const spending = (count: number, change: Partial<ReservedSpending> = {}): ReservedSpending => ({
  unit: 'patient',
  adjacency: 'addOrRemoveOne',
  uses: [{ noise: { kind: 'gaussian' }, noiseMultiplier: '4', sampling: { kind: 'poisson', rate: '0.05' }, count }],
  ...change,
});

describe('with an accountant', () => {
  const compose: BudgetRules['compose'] = (all, delta) => epsilonOf({ ...all, delta, accountant: 'rdp' });
  const study = (change: Partial<ReservedSpending> = {}): Reservation =>
    bounded('1', '0.000001', { spending: spending(100, change) });

  it('studies that say what they are made of compose to less than their sum', () => {
    const before = [study(), study(), study()];
    expect(code(before, study())).toBe('budget-exceeded');
    expect(code(before, study(), { compose })).toBe('accepted');
    const all = composedSpending([1, 2, 3, 4].map(() => spending(100)));
    expect(all).not.toBeNull();
    expect(all === null ? 0 : compose(all, 0.000_01)).toBeLessThan(3);
  });

  it('and are still refused when even so they are too many', () => {
    const many = Array.from({ length: 40 }, () => study());
    expect(code(many, study(), { compose })).toBe('budget-exceeded');
  });

  it.each<[string, Reservation]>([
    ['without saying what it is made of', bounded('1')],
    ['about other neighbours', study({ adjacency: 'replaceOne' })],
    ['about another unit', study({ unit: 'site' })],
  ])('one %s is only added up', (_, next) => {
    expect(code([study(), study(), study()], next, { compose })).toBe('budget-exceeded');
    expect(code([study(), study()], next, { compose })).toBe('accepted');
  });

  it('whose answer is no number, or where the limit has no δ, nothing is taken', () => {
    const before = [study(), study(), study()];
    expect(code(before, study(), { compose: () => Number.NaN })).toBe('budget-exceeded');
    expect(code([], study(), { compose, limits: [{ ...limit, delta: '0' }] })).toBe('budget-exceeded');
  });
});

it('spending is taken over as it is', () => {
  const uses: ReservedSpending['uses'] = [
    {
      noise: { kind: 'discreteGaussian', clipNormSteps: '16777216' },
      noiseMultiplier: '1.5',
      sampling: { kind: 'none' },
      count: 7,
    },
    {
      noise: { kind: 'discreteGaussianCount', sensitivity: 2 },
      noiseMultiplier: '0.5',
      sampling: { kind: 'fixedSize', rate: '0.25' },
      count: 1,
    },
  ];
  expect(composedSpending([{ ...spending(1), uses }])).toEqual({
    adjacency: 'addOrRemoveOne',
    uses: [
      {
        mechanism: {
          noise: { kind: 'discreteGaussian', clipNormSteps: 16_777_216 },
          noiseMultiplier: 1.5,
          sampling: { kind: 'none' },
        },
        count: 7,
      },
      {
        mechanism: {
          noise: { kind: 'discreteGaussianCount', sensitivity: 2 },
          noiseMultiplier: 0.5,
          sampling: { kind: 'fixedSize', rate: 0.25 },
        },
        count: 1,
      },
    ],
  });
  expect(composedSpending([])).toBeNull();
});
