// The study of this benchmark as a whole plan; who takes part is left blank, because nothing here is signed.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { type TreesModel, roundsOfTrees } from '@wardround/protocol/tree-sizes';
import { diabetesCohort, siteCount } from './diabetes.ts';

/** Beside peers with the same settings (peers.py): 100 levelwise trees of depth 5, at least 10 rows a leaf. */
export const treesModel: TreesModel = {
  kind: 'gradientBoostedTrees',
  trees: 100,
  depth: 5,
  bins: 32,
  learningRate: '0.1',
  l2: '1',
};

const nobody = '0'.repeat(64);

export function diabetesPlan(model: TreesModel, statistics: StudyPlan['statistics']): StudyPlan {
  return {
    kind: 'StudyPlan',
    version: 1,
    federation: nobody,
    membership: nobody,
    researcher: 'bench',
    title: 'Readmission within 30 days',
    purpose: { text: 'Benchmark', ethics: 'public data' },
    createdAt: '2026-01-01T00:00:00.000Z',
    expires: '2027-01-01T00:00:00.000Z',
    predecessor: null,
    cohort: diabetesCohort,
    model,
    initialWeights: { method: 'zeros' },
    training: { method: 'newton', tolerance: '0.000000000001' },
    strategy: { name: 'newton' },
    rounds: roundsOfTrees(model),
    weighting: 'patients',
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '100' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 65_536,
    },
    sites: {
      roster: Array.from({ length: siteCount }, (_, site) => ({ name: `site-${site}`, agent: nobody })),
      minimum: 3,
      maxShare: '0.5',
      deadlineSeconds: 600,
      onShortfall: 'wait',
      maxAttempts: 10,
    },
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: { mode: 'unmasked' },
    statistics,
    evaluation: { metrics: ['auroc'], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    attestation: { platforms: ['sevSnp'], gpu: 'unused', release: 'none', maxEvidenceAgeSeconds: 3600 },
    release: { to: [], whenSitesAgree: siteCount, consent: { method: 'oneByOne' }, formats: ['safetensors'] },
  };
}
