// What a plan says of noise on updates, held against what that noise can keep.
import { parseDecimal, type Rational } from '@wardround/protocol/decimal';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { times, whole } from './rational.ts';

type PrivatePlan = Pick<StudyPlan, 'privacy' | 'encoding' | 'strategy'>;
export type PrivateMode = Exclude<StudyPlan['privacy']['mode'], 'noDifferentialPrivacy'>;

export interface PrivateUpdates {
  /** z: noise on the sum ÷ the heaviest clipped contribution to it. */
  readonly noiseMultiplier: Rational;
  /** As the plan writes it. */
  readonly multiplierText: string;
  readonly samplingRate: string;
  readonly clipNorm: string;
  /** B: the clip norm in steps of the updates. */
  readonly bound: Rational;
  readonly accountedAs: 'addOrRemoveOne' | 'replaceOne';
}

/** Who adds the noise decides whom a claim may trust at least. */
const trusted: Readonly<Record<PrivateMode, readonly string[]>> = {
  central: ['enclave'],
  site: ['honestSites', 'enclave'],
  dpSgd: ['ownSite', 'honestSites', 'enclave'],
};

/**
 * Their next model is a function of the contributions' sum alone, and every integer of a contribution counts towards its norm. (FedNova also
 * sends how many steps a site made, which is how many rows it has.)
 */
const ofSumsAlone: readonly StudyPlan['strategy']['name'][] = [
  'fedAvg',
  'fedProx',
  'scaffold',
  'fedAvgM',
  'fedAdam',
  'fedYogi',
  'fedAdagrad',
  'fedBn',
];

/** What a site sends is made of noisy steps alone: then a rule may even look at single sites. */
const ofNoisySteps = [...ofSumsAlone, 'selectingRule'] as const;

/** @throws WardroundError `noise-plan` naming the field, `decimal-invalid` */
export function requirePrivateUpdates(plan: PrivatePlan, mode: PrivateMode): PrivateUpdates {
  const { privacy, encoding, strategy } = plan;
  if (privacy.mode !== mode) throw refused('privacy.mode', mode, privacy.mode);
  if (!trusted[mode].includes(privacy.trusts)) {
    throw refused('privacy.trusts', trusted[mode].join(' or '), privacy.trusts);
  }
  const strategies = mode === 'dpSgd' ? ofNoisySteps : ofSumsAlone;
  if (!strategies.includes(strategy.name)) throw refused('strategy.name', strategies.join(', '), strategy.name);
  // Noise on a step of one site hides a patient of it, not the site.
  if (mode === 'dpSgd' && privacy.unit !== 'patient') throw refused('privacy.unit', 'patient', privacy.unit);
  const noise = privacy.noise.filter(({ mechanism }) => mechanism === 'update');
  const [own] = noise;
  if (own === undefined || noise.length > 1) throw refused('privacy.noise', 'one for updates', `${noise.length}`);
  // Every site of the roster takes part or is away: nobody draws them, so nothing is amplified.
  if (mode !== 'dpSgd' && own.samplingRate !== '1') throw refused('privacy.noise', 'samplingRate 1', own.samplingRate);
  const bound = times(parseDecimal(privacy.clipNorm), whole(2n ** BigInt(-encoding.update.stepLog2)));
  const movesByTwo = privacy.adjacency === 'replaceOne' || (privacy.unit === 'patient' && mode !== 'dpSgd');
  return {
    noiseMultiplier: parseDecimal(own.noiseMultiplier),
    multiplierText: own.noiseMultiplier,
    samplingRate: own.samplingRate,
    clipNorm: privacy.clipNorm,
    bound,
    accountedAs: movesByTwo ? 'replaceOne' : 'addOrRemoveOne',
  };
}

function refused(where: string, expected: string, got: string): WardroundError {
  return new WardroundError('noise-plan', 'noise cannot keep what the plan claims', { where, expected, got });
}
