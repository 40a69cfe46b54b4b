// A small, complete StudyPlan for a fake federation; any field overridden.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { thumbprint } from '@wardround/protocol/keys';
import type { FakeFederation } from './federation.ts';

export type Plan = DocumentOf<'StudyPlan'>;

export function fakePlan(federation: FakeFederation, change: Partial<Plan> = {}): Plan {
  return {
    kind: 'StudyPlan',
    version: 1,
    federation: federation.view.federation,
    membership: federation.view.membership,
    researcher: federation.researcher.name,
    title: 'Two features and a label',
    purpose: { text: 'Tests', ethics: 'none needed' },
    createdAt: '2026-11-02T00:00:00.000Z',
    expires: '2027-11-02T00:00:00.000Z',
    predecessor: null,
    cohort: {
      population: 'site',
      source: 'table',
      minimumRows: 5,
      minimumEvents: 0,
      features: [
        { type: 'number', name: 'x1', unit: null, range: { min: '-100', max: '100' }, missing: 'dropRow' },
        { type: 'number', name: 'x2', unit: null, range: { min: '-100', max: '100' }, missing: 'dropRow' },
      ],
      label: { type: 'binary', name: 'y', positiveWhen: { operator: '>', value: '0' }, missing: 'dropRow' },
      standardise: 'perSite',
      split: { method: 'fraction', testFraction: '0.3', seed: 1 },
    },
    model: { kind: 'logisticRegression', l2: '0' },
    initialWeights: { method: 'zeros' },
    training: {
      method: 'gradientDescent',
      optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0' },
      batchSize: 4,
      steps: 5,
      seed: 42,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy: { name: 'fedAvg' },
    rounds: 2,
    weighting: 'patients',
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '100' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 1024,
    },
    sites: {
      roster: federation.sites.map((site) => ({ name: site.name, agent: thumbprint(site.agent.publicKey) })),
      minimum: 2,
      maxShare: '0.9',
      deadlineSeconds: 60,
      onShortfall: 'wait',
      maxAttempts: 5,
    },
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: { mode: 'unmasked' },
    statistics: [],
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    attestation: { platforms: ['sevSnp'], gpu: 'unused', release: 'enclave-1', maxEvidenceAgeSeconds: 3600 },
    release: {
      to: [
        {
          name: federation.researcher.name,
          signing: thumbprint(federation.researcher.signing.publicKey),
          receiving: federation.researcher.receiving.publicKey,
        },
      ],
      whenSitesAgree: 2,
      consent: { method: 'oneByOne' },
      formats: ['safetensors'],
    },
    ...change,
  };
}

export async function signedPlan(
  federation: FakeFederation,
  change: Partial<Plan> = {},
): Promise<Verified<'StudyPlan'>> {
  return await sign('StudyPlan', fakePlan(federation, change), federation.researcher.signing);
}
