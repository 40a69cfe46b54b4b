// A register that may hold whatever its log explains is weak, and is said to be: in reports, in the explanation, and before an approval.
import { beforeAll, describe, expect, it } from 'vitest';
import { explainPolicy } from '@wardround/attestation/policy/explain';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { leavesOutChecks, policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import { makeTdxWorld, rulesFor, usualImage } from './tdx-world.ts';
import { makeWorld, policyFor } from './world.ts';

let strict: Policy;
let replayed: Policy;

beforeAll(async () => {
  const value = policyFor(await makeWorld('Genoa'));
  const tdx = rulesFor(await makeTdxWorld());
  const secondPath = (seven: string): unknown => ({
    vtpm: {
      bank: 'sha256',
      attestationKey: {
        origin: { certificate: { revocation: 'required' } },
        rsa: { minimumBits: 2048 },
        ec: 'refused',
      },
      images: [{ pcrs: { '7': seven } }],
      secureBoot: 'required',
      consoleDisabled: 'required',
    },
  });
  const withRules = (rtmr1: string, seven: string): Policy =>
    parsePolicy({
      ...value,
      platforms: { ...value.platforms, tdx },
      measurements: [...value.measurements, { ...usualImage, rtmr1 }],
      secondPath: secondPath(seven),
      simulatedPlatform: value.simulatedPlatform,
    });
  strict = withRules('a1'.repeat(48), '07'.repeat(32));
  replayed = withRules('replayed', 'replayed');
}, 120_000);

describe('registers that are only replayed', () => {
  it('are named, each with its place, for RTMRs and for PCRs', () => {
    const places = (policy: Policy): readonly string[] =>
      policyWeaknesses(policy).flatMap(({ name, where }) => (name === 'replayed' ? [where] : []));
    expect(places(replayed)).toEqual(['measurements.1.rtmr1', 'secondPath.vtpm.images.0.pcrs.7']);
    expect(places(strict)).toEqual([]);
  });

  it('stand in the explanation among what is weak', () => {
    const weak = (policy: Policy): readonly string[] =>
      explainPolicy(policy).find(({ heading }) => heading === 'Weak by name')?.sentences ?? [];
    expect(weak(replayed).filter((sentence) => sentence.includes('is only replayed: '))).toHaveLength(2);
    expect(weak(strict).filter((sentence) => sentence.includes('replayed'))).toEqual([]);
  });

  it('are a check left out, which a person must accept by name', () => {
    expect(leavesOutChecks(strict)).toBe(false);
    expect(leavesOutChecks(replayed)).toBe(true);
  });
});
