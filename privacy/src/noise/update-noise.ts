// How much noise a round's sum of updates needs: the sensitivity of a weighted sum of clipped integers, and who adds what towards it.
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { DiscreteGaussian } from './discrete-gaussian.ts';
import { requirePrivateUpdates, type PrivateUpdates } from './private-updates.ts';
import { ceiling, rootCeiling, times, whole } from './rational.ts';

export type NoisePlan = Pick<StudyPlan, 'privacy' | 'encoding' | 'strategy'>;

/** Noise on a sum, and what its accountant has to be told. */
export interface UpdateNoise {
  /** On each coordinate, in steps of the integers to which it is added. Whole: rounded up. */
  readonly sigmaSteps: bigint;
  readonly gaussian: DiscreteGaussian;
  /** B: the norm that a clipped update keeps, in steps. */
  readonly clipNormSteps: number;
  /** max w · B: the most that one site gives to the sum, in steps of the sum. The accountant's clip norm. */
  readonly heaviestSteps: number;
  /** Which neighbours the accountant reckons with: by `replaceOne` the sum moves by two clipped updates, by `addOrRemoveOne` by one. */
  readonly accountedAs: 'addOrRemoveOne' | 'replaceOne';
  readonly record: RoundReceipt['noise'];
}

/**
 * What the enclave adds to each coordinate of S = Σᵢ wᵢuᵢ, where uᵢ are the contributors' integers and wᵢ their whole-numbered weights.
 *
 * The enclave measures ‖uᵢ‖ ≤ B = `normBound` / 2^`stepLog2` itself. The weights stand in signed approvals and receipts for all to see:
 * they are fixed before anything is trained, and the claim does not hide them. So between neighbours only one term changes:
 *
 * - unit `site`, `addOrRemoveOne`: wⱼuⱼ is there, or 0 in its place (its weight stays in the divisor): ‖S − S'‖ ≤ wⱼB;
 * - unit `site`, `replaceOne`: wⱼuⱼ becomes wⱼuⱼ': ‖S − S'‖ ≤ wⱼ(‖uⱼ‖ + ‖uⱼ'‖) ≤ 2wⱼB;
 * - unit `patient`: she has a part in one site's update, all of which may change with her, whether she is added, removed or replaced:
 *   2wⱼB again. A clipped update has no smaller bound for one patient than for all of them; DP-SGD has.
 *
 * With σ = z · max wᵢ · B, z the plan's `noiseMultiplier`, the noise is at least z clipped contributions of any site. `maxShare` bounds
 * what that costs: as max wᵢ ≤ maxShare · Σwᵢ, the mean S/Σw has noise of at most z · maxShare · `clipNorm` (and a step) a coordinate.
 *
 * @param weights of the contributors that the receipt counts
 * @throws WardroundError `noise-plan` where the claim would not hold, `noise-weights`, `noise-sigma`
 */
export function centralUpdateNoise(plan: NoisePlan, weights: readonly number[]): UpdateNoise {
  const updates = requirePrivateUpdates(plan, 'central');
  if (plan.encoding.update.normBound !== updates.clipNorm) {
    throw new WardroundError('noise-plan', 'the enclave must measure the norm that the noise is made for', {
      where: 'encoding.update.normBound',
      expected: updates.clipNorm,
      got: plan.encoding.update.normBound,
    });
  }
  const largest = whole(BigInt(largestOf(weights)));
  const sigmaSteps = ceiling(times(times(updates.noiseMultiplier, updates.bound), largest));
  return {
    ...described(updates, { sigmaSteps, largest: largestOf(weights) }),
    record: { mode: 'central', mechanism: 'discreteGaussian', standardDeviationSteps: `${sigmaSteps}` },
  };
}

export interface SiteNoisePlan extends NoisePlan {
  readonly sites: Pick<StudyPlan['sites'], 'minimum'>;
}

export interface SiteWeights {
  readonly own: number;
  /** Of all approvals that the site counts: at most maxShare of them together. */
  readonly largest: number;
}

/**
 * What a site adds to each of its own integers before they are sealed, so that nobody but the sites needs to be trusted.
 *
 * Up to f contributors may collude: they know their own noise and take it off. At least h = K − f of those counted are honest, the site
 * itself among them, and their noises add up: the sum holds Σ wᵢ²σᵢ² over them. With σᵢ = z · B · max w / (wᵢ · √h), rounded up to whole
 * steps, each honest site gives (z · max w · B)²/h of variance to the sum, so that h of them give what {@link centralUpdateNoise} would
 * give. What the other honest sites add beyond h is not counted.
 *
 * The sum of discrete Gaussians on the grids wᵢℤ is not quite a discrete Gaussian; it is one within less than e⁻⁷⁰⁰ in every
 * probability's ratio as long as the noise of one site in the sum is at least 12 · (max w)² steps, which this function requires
 * (Peikert, "An efficient and parallel Gaussian sampler for lattices", 2010, section 3; the case of equal weights is Kairouz, Liu, Steinke,
 * "The distributed discrete Gaussian mechanism for federated learning with secure aggregation", 2021).
 *
 * The receipt's record says the noise that one honest site gives to the sum (steps of the sum), and h.
 *
 * @param colluders f of the federation
 * @throws WardroundError as {@link centralUpdateNoise}, and `noise-honest` when K ≤ f, `noise-grid` for weights too large for the step
 */
export function siteUpdateNoise(
  plan: SiteNoisePlan,
  { weights, colluders }: { readonly weights: SiteWeights; readonly colluders: number },
): UpdateNoise {
  const updates = requirePrivateUpdates(plan, 'site');
  const honest = requireHonest(plan.sites.minimum, colluders);
  const largest = largestOf([weights.own, weights.largest]);
  const inSum = times(times(updates.noiseMultiplier, updates.bound), whole(BigInt(largest)));
  const variance = times(times(inSum, inSum), { numerator: 1n, denominator: BigInt(honest) });
  const inSumSteps = rootCeiling(variance);
  requireFineGrid(inSumSteps, BigInt(largest));
  const own = BigInt(weights.own);
  const sigmaSteps = rootCeiling(times(variance, { numerator: 1n, denominator: own * own }));
  return {
    ...described(updates, { sigmaSteps, largest }),
    record: {
      mode: 'site',
      mechanism: 'discreteGaussian',
      standardDeviationSteps: `${inSumSteps}`,
      honestSites: honest,
    },
  };
}

function described(
  { bound, accountedAs }: PrivateUpdates,
  { sigmaSteps, largest }: { readonly sigmaSteps: bigint; readonly largest: number },
): Omit<UpdateNoise, 'record'> {
  const clipNormSteps = Number(bound.numerator) / Number(bound.denominator);
  return {
    sigmaSteps,
    gaussian: new DiscreteGaussian(whole(sigmaSteps)),
    clipNormSteps,
    heaviestSteps: clipNormSteps * largest,
    accountedAs,
  };
}

function requireHonest(minimum: number, colluders: number): number {
  if (Number.isSafeInteger(colluders) && colluders >= 0 && minimum > colluders) return minimum - colluders;
  throw new WardroundError('noise-honest', 'no site need be honest, so nobody’s noise can be counted on', {
    expected: 'sites.minimum above the sites that may collude',
    got: `${minimum} sites, ${colluders} of whom may collude`,
  });
}

/** Grids wᵢℤ and wⱼℤ meet at most max w² apart; that must be fine beside the noise. */
function requireFineGrid(inSumSteps: bigint, largest: bigint): void {
  if (inSumSteps >= 12n * largest * largest) return;
  throw new WardroundError('noise-grid', 'the weights are too large for the step of the updates', {
    expected: `noise of at least ${12n * largest * largest} steps in the sum; smaller weights or a finer step`,
    got: `${inSumSteps}`,
    where: 'encoding.update.stepLog2',
  });
}

function largestOf(weights: readonly number[]): number {
  const largest = Math.max(...weights);
  const isWhole = weights.every((weight) => Number.isSafeInteger(weight) && weight >= 1);
  if (weights.length > 0 && isWhole) return largest;
  throw new WardroundError('noise-weights', 'not the weights of contributors', { expected: 'whole numbers from 1' });
}

/**
 * The norm bound that a site-noise plan needs: what a clipped update and its noise exceed together with a probability of at most 2⁻⁴⁰ a
 * contribution. A site whose noise does exceed it clips again; that depends on the noisy value alone.
 *
 * Source: discrete Gaussians are sub-Gaussian with their σ (Canonne, Kamath, Steinke 2020); of d of those ‖Z‖² ≤ σ²(d + 2√(dx) + 2x) but
 * for e⁻ˣ (Hsu, Kakade, Zhang, "A tail inequality for quadratic forms of subgaussian random vectors", 2012), and d + 2√(dx) + 2x ≤ (√d + √(2x))².
 *
 * @param values coordinates of an update
 * @returns in steps
 */
export function normWithNoise({ clipNormSteps, sigmaSteps }: UpdateNoise, values: number): number {
  const x = 40 * Math.LN2;
  return clipNormSteps + Number(sigmaSteps) * (Math.sqrt(values) + Math.sqrt(2 * x));
}
