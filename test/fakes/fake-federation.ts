// A founded federation with its keys, plans and releases: everything that is signed before a study runs.
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { type FederationView, readFederation } from '@wardround/protocol/federation-view';
import { generateHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';

export interface SiteKeys {
  readonly name: string;
  readonly approval: SigningKey;
  readonly agent: SigningKey;
  readonly witness: SigningKey;
  readonly receiving: HpkePrivateKey;
}

export interface FakeFederation {
  readonly view: FederationView;
  /** JWS of the `federation` topic. */
  readonly records: readonly string[];
  readonly sites: readonly SiteKeys[];
  readonly researcher: { readonly signing: SigningKey; readonly receiving: HpkePrivateKey };
  readonly releaser: SigningKey;
}

export const founded = '2026-11-01T00:00:00.000Z';

export async function foundFakeFederation({
  siteNames = ['a', 'b', 'c', 'd'],
  colludingSites = 1,
}: { siteNames?: readonly string[]; colludingSites?: number } = {}): Promise<FakeFederation> {
  const sites = await Promise.all(siteNames.toSorted().map(makeSite));
  const researcher = { signing: generateSigningKey(), receiving: await generateHpkeKey() };
  const releaser = generateSigningKey();
  const genesis: DocumentOf<'Genesis'> = {
    kind: 'Genesis',
    version: 1,
    federation: 'test',
    createdAt: founded,
    colludingSites,
    sites: sites.map(({ name, approval, agent, witness }) => ({
      name,
      displayName: name,
      keys: { approval: approval.publicKey, agent: agent.publicKey, witness: witness.publicKey },
    })),
    researchers: [
      {
        name: 'dr.lind',
        displayName: 'Dr Lind',
        signing: researcher.signing.publicKey,
        receiving: researcher.receiving.publicKey,
      },
    ],
    releasers: [{ name: 'builder', displayName: 'Builder', key: releaser.publicKey }],
    log: { mode: 'unwitnessed' },
  };
  const signed = await Promise.all(sites.map(async ({ approval }) => await sign('Genesis', genesis, approval)));
  const records = signed.map(({ jws }) => jws);
  return { view: await readFederation(records), records, sites, researcher, releaser };
}

async function makeSite(name: string): Promise<SiteKeys> {
  return {
    name,
    approval: generateSigningKey(),
    agent: generateSigningKey(),
    witness: generateSigningKey(),
    receiving: await generateHpkeKey(),
  };
}

/** A small logistic regression over three features; change any member. */
export async function signFakePlan(
  { view, sites, researcher }: FakeFederation,
  change: (plan: StudyPlan) => StudyPlan = (plan) => plan,
): Promise<Verified<'StudyPlan'>> {
  const feature = (name: string): StudyPlan['cohort']['features'][number] => ({
    type: 'number',
    name,
    unit: null,
    range: { min: '0', max: '10' },
    missing: 'dropRow',
  });
  const plan: StudyPlan = {
    kind: 'StudyPlan',
    version: 1,
    federation: view.federation,
    membership: view.membership,
    researcher: 'dr.lind',
    title: 'Test study',
    purpose: { text: 'test', ethics: 'none' },
    createdAt: founded,
    expires: '2027-03-31T23:59:59.000Z',
    predecessor: null,
    cohort: {
      population: 'site',
      source: 'table',
      minimumRows: 1,
      minimumEvents: 0,
      features: ['x', 'y', 'z'].map(feature),
      label: { type: 'binary', name: 'label', positiveWhen: { operator: '>', value: '0' }, missing: 'dropRow' },
      standardise: 'none',
      split: { method: 'none' },
    },
    model: { kind: 'logisticRegression', l2: '0' },
    initialWeights: { method: 'zeros' },
    training: {
      method: 'gradientDescent',
      optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0' },
      batchSize: 4,
      steps: 1,
      seed: 1,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy: { name: 'fedAvg' },
    rounds: 2,
    weighting: 'patients',
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '10' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 4096,
    },
    sites: {
      roster: sites.map(({ name, agent }) => ({ name, agent: agent.thumbprint })),
      minimum: 3,
      maxShare: '0.9',
      deadlineSeconds: 600,
      onShortfall: 'wait',
      maxAttempts: 3,
    },
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: { mode: 'unmasked' },
    statistics: [],
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    attestation: { platforms: ['sevSnp'], gpu: 'unused', release: 'test-1', maxEvidenceAgeSeconds: 3600 },
    release: {
      to: [{ name: 'dr.lind', signing: researcher.signing.thumbprint, receiving: researcher.receiving.publicKey }],
      whenSitesAgree: 3,
      consent: { method: 'oneByOne' },
      formats: ['safetensors'],
    },
  };
  return await sign('StudyPlan', change(plan), researcher.signing);
}

/** A release of the given measurement under the name that the fake plan asks for. */
export async function signFakeRelease(
  { releaser }: FakeFederation,
  measurement: string,
  change: Partial<DocumentOf<'EnclaveRelease'>> = {},
): Promise<Verified<'EnclaveRelease'>> {
  const release: DocumentOf<'EnclaveRelease'> = {
    kind: 'EnclaveRelease',
    version: 1,
    name: 'test-1',
    releaser: 'builder',
    issuedAt: founded,
    expires: '2028-01-01T00:00:00.000Z',
    sourceCommit: '0'.repeat(40),
    bundle: '0'.repeat(64),
    measurements: [{ platform: 'sevSnp', measurement }],
    ...change,
  };
  return await sign('EnclaveRelease', release, releaser);
}
