// Plans with noise, as far as noise reads them.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { SiteNoisePlan } from '@wardround/privacy/noise/update-noise';

export type Private = Exclude<StudyPlan['privacy'], { mode: 'noDifferentialPrivacy' }>;

export const centralPrivacy: Private = {
  mode: 'central',
  unit: 'site',
  adjacency: 'addOrRemoveOne',
  trusts: 'enclave',
  clipNorm: '0.5',
  epsilon: '3',
  delta: '0.00001',
  accountant: 'pld',
  candidates: 1,
  noise: [{ mechanism: 'update', noiseMultiplier: '1.1', samplingRate: '1' }],
};

export const dpSgdPrivacy: Private = {
  ...centralPrivacy,
  mode: 'dpSgd',
  unit: 'patient',
  trusts: 'ownSite',
  noise: [{ mechanism: 'update', noiseMultiplier: '1.1', samplingRate: '0.01' }],
};

export function noisePlan(privacy: StudyPlan['privacy'], rest: Partial<SiteNoisePlan> = {}): SiteNoisePlan {
  return {
    privacy,
    strategy: { name: 'fedAvg' },
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '0.5' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 1024,
    },
    sites: { minimum: 4 },
    ...rest,
  };
}
