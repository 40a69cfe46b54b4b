// Whole study plans for learning tests: what planOf leaves out, filled in.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { planOf } from './plans.ts';

const digest = 'a'.repeat(64);

export function studyPlanOf(overrides: Partial<StudyPlan> = {}): StudyPlan {
  return {
    kind: 'StudyPlan',
    version: 1,
    federation: digest,
    membership: digest,
    researcher: 'ada',
    title: 'A test',
    purpose: { text: 'Tests', ethics: 'none needed' },
    createdAt: '2026-11-02T00:00:00.000Z',
    expires: '2027-11-02T00:00:00.000Z',
    predecessor: null,
    privacy: { mode: 'noDifferentialPrivacy' },
    masking: { mode: 'unmasked' },
    statistics: [],
    attestation: { platforms: ['sevSnp'], gpu: 'unused', release: 'enclave-1', maxEvidenceAgeSeconds: 3600 },
    ...planOf(),
    ...overrides,
  };
}
