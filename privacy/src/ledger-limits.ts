// How much of a population's budget may be reserved: limits that the site sets, asked before a reservation is written.
import * as z from 'zod';
import { parseDecimal, type Rational } from '@wardround/protocol/decimal';
import {
  countSchema,
  fieldNameSchema,
  fractionSchema,
  nonNegativeDecimalSchema,
} from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import type { Spending } from './accounting/mechanism.ts';
import type { LedgerEntry, Reservation } from './ledger.ts';
import { composedSpending } from './ledger-spending.ts';

/** A budget is for good: it does not renew with time. */
export const populationLimitSchema = z.strictObject({
  population: fieldNameSchema,
  epsilon: nonNegativeDecimalSchema,
  delta: fractionSchema,
  /** How many studies without differential privacy, whose cost has no bound, may be on this population. */
  unboundedStudies: countSchema,
});
export type PopulationLimit = z.infer<typeof populationLimitSchema>;

/** The ε of all of it together at this δ, never below the true one (`epsilonOf` of the accounting). */
export type ComposeEpsilon = (spending: Spending, delta: number) => number;

export interface BudgetRules {
  readonly limits: readonly PopulationLimit[];
  readonly compose: ComposeEpsilon;
}

/**
 * Whether the ledger may take one reservation more. What is over its limit by anything at all is refused: decimals are added exactly.
 *
 * @throws WardroundError `budget-no-limit` (the site set none for this population), `budget-unbounded`, `budget-exceeded`
 */
export function requireWithinLimit(entries: readonly LedgerEntry[], next: Reservation, rules: BudgetRules): void {
  const limit = rules.limits.find(({ population }) => population === next.population);
  if (limit === undefined) {
    throw exceeded('budget-no-limit', 'this site has set no budget for the population', {
      expected: rules.limits.map(({ population }) => population).join(', '),
      got: next.population,
    });
  }
  const all = [...entries.map(({ entry }) => entry), next].filter(({ population }) => population === next.population);
  requireUnboundedWithin(all, limit);
  requireBoundedWithin(all.flatMap(boundedOf), limit, rules.compose);
}

function requireUnboundedWithin(all: readonly Reservation[], { unboundedStudies }: PopulationLimit): void {
  const studies = new Set(all.filter(({ budget }) => budget.kind === 'unbounded').map(({ study }) => study));
  if (studies.size <= unboundedStudies) return;
  throw exceeded('budget-unbounded', 'too many studies without differential privacy on this population', {
    expected: `at most ${unboundedStudies}`,
    got: String(studies.size),
  });
}

interface Bounded {
  readonly epsilon: string;
  readonly delta: string;
  readonly spending: Reservation['spending'];
}

function boundedOf({ budget, spending }: Reservation): Bounded[] {
  return budget.kind === 'bounded' ? [{ epsilon: budget.epsilon, delta: budget.delta, spending }] : [];
}

function requireBoundedWithin(all: readonly Bounded[], limit: PopulationLimit, compose: ComposeEpsilon): void {
  if (all.length === 0 || addsUp(all, limit) || composes(all, limit, compose)) return;
  throw exceeded('budget-exceeded', 'the population’s budget does not have that much left', {
    expected: `at most ε ${limit.epsilon} at δ ${limit.delta}, over all studies`,
    got: `ε ${all.map(({ epsilon }) => epsilon).join(' + ')} at δ ${all.map(({ delta }) => delta).join(' + ')}`,
  });
}

/** Basic composition (Dwork and Roth 2014, theorem 3.16): what was said of each, added up. */
function addsUp(all: readonly Bounded[], limit: PopulationLimit): boolean {
  return (
    sumWithin(
      all.map(({ epsilon }) => epsilon),
      limit.epsilon,
    ) &&
    sumWithin(
      all.map(({ delta }) => delta),
      limit.delta,
    )
  );
}

/** The accountant's: all mechanisms together at the limit's δ, where every reservation says what it is made of and of whom it speaks. */
function composes(all: readonly Bounded[], limit: PopulationLimit, compose: ComposeEpsilon): boolean {
  const said = all.flatMap(({ spending }) => (spending === undefined ? [] : [spending]));
  const spending = said.length === all.length ? composedSpending(said) : null;
  if (spending === null || limit.delta === '0') return false;
  // A NaN is within no limit.
  return compose(spending, Number(limit.delta)) <= Number(limit.epsilon);
}

/** Σ values ≤ most, in exact arithmetic: 0.1 + 0.2 is 0.3 here. */
function sumWithin(values: readonly string[], most: string): boolean {
  const sum = values.map(parseDecimal).reduce(add, { numerator: 0n, denominator: 1n });
  const bound = parseDecimal(most);
  return sum.numerator * bound.denominator <= bound.numerator * sum.denominator;
}

function add(a: Rational, b: Rational): Rational {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function exceeded(code: string, message: string, detail: { expected: string; got: string }): WardroundError {
  return new WardroundError(code, message, { ...detail, action: 'stop' });
}
