// What was spent: ε for δ, or δ for ε, by the accountant that is named. Never NaN, never infinite, never a number on the optimistic side.
import { type AccountantName, checkDelta, checkEpsilon, checkSpending, refused, type Spending } from './mechanism.ts';
import { pldDelta, pldEpsilon } from './pld.ts';
import { composedRdp, rdpDelta, rdpEpsilon, rdpOrders } from './rdp.ts';

export interface EpsilonQuestion extends Spending {
  readonly delta: number;
  readonly accountant: AccountantName;
}

export interface DeltaQuestion extends Spending {
  readonly epsilon: number;
  readonly accountant: AccountantName;
}

/**
 * The least ε that the accountant can prove for everything in `uses` together, at δ. Adaptive composition: later mechanisms may depend on what earlier ones released.
 *
 * @throws WardroundError `privacy-delta`, what `checkSpending` throws, `privacy-no-bound` where the accountant proves nothing, `privacy-too-fine` where its grid would not fit
 */
export function epsilonOf({ adjacency, uses, delta, accountant }: EpsilonQuestion): number {
  checkSpending({ adjacency, uses });
  checkDelta(delta);
  return bounded(
    accountant === 'pld'
      ? pldEpsilon({ adjacency, uses }, delta)
      : rdpEpsilon(rdpOrders, composedRdp({ adjacency, uses }), delta).epsilon,
    accountant,
  );
}

/**
 * The least δ that the accountant can prove at ε.
 *
 * @throws WardroundError as `epsilonOf`; `privacy-epsilon`
 */
export function deltaOf({ adjacency, uses, epsilon, accountant }: DeltaQuestion): number {
  checkSpending({ adjacency, uses });
  checkEpsilon(epsilon);
  return bounded(
    accountant === 'pld'
      ? pldDelta({ adjacency, uses }, epsilon)
      : rdpDelta(rdpOrders, composedRdp({ adjacency, uses }), epsilon),
    accountant,
  );
}

function bounded(value: number, accountant: AccountantName): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw refused('privacy-no-bound', 'this accountant proves no bound for that', {
    expected:
      accountant === 'pld'
        ? 'more noise, fewer steps, or the accountant rdp'
        : 'more noise or fewer steps, or the accountant pld',
    got: `${accountant}: ${value}`,
  });
}
