// A small plan as its YAML reads once parsed, and a federation to compile it in. Each test spoils one thing.
import type { FederationView } from '@wardround/protocol/federation-view';
import { generateSigningKey } from '@wardround/protocol/keys';

export const now = new Date('2026-12-01T00:00:00.000Z');

// Shaped as YAML gives it: plain data that a test may change at any place.
// oxlint-disable-next-line typescript/no-explicit-any
export function examplePlan(): any {
  return {
    wardround: 'study/v1',
    title: 'Heart disease',
    purpose: { text: 'Risk model', ethics: 'EK-1' },
    expires: '2027-03-31T23:59:59Z',
    cohort: {
      features: {
        age: { type: 'number', unit: 'a', range: [18, 110] },
        cp: { type: 'code', codes: [1, 2, 3, 4] },
      },
      label: { name: 'num', positiveWhen: '> 0' },
    },
    model: { kind: 'logisticRegression' },
    training: { optimizer: 'sgd', learningRate: 0.001 },
    strategy: { name: 'fedAvg' },
    rounds: 15,
    sites: { roster: ['va', 'cleveland', 'hungary', 'switzerland'], minimum: 3, maxShare: 0.7 },
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: 'unmasked',
    attestation: { platforms: ['sevSnp'], release: 'heart-enclave-1.2' },
    release: { to: ['dr.lind'] },
  };
}

export function exampleFederation(colludingSites = 1): FederationView {
  const site = (name: string): FederationView['sites'][number] => ({
    name,
    displayName: name,
    keys: {
      approval: generateSigningKey().publicKey,
      agent: generateSigningKey().publicKey,
      witness: generateSigningKey().publicKey,
    },
  });
  return {
    federation: 'a'.repeat(64),
    name: 'heart',
    membership: 'b'.repeat(64),
    sequence: 1,
    colludingSites,
    sites: ['cleveland', 'hungary', 'oslo', 'switzerland', 'va'].map(site),
    researchers: [
      {
        name: 'dr.lind',
        displayName: 'Dr Lind',
        signing: generateSigningKey().publicKey,
        receiving: { kem: 'MLKEM768-X25519', key: 'A'.repeat(1622) },
      },
    ],
    releasers: [],
    log: { mode: 'unwitnessed' },
  };
}
