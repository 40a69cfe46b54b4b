// For people: every step says what it checks, and every refusal what can be done about it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { adviceFor, otherwise } from '@wardround/attestation/explain/advice';
import { meaningOf } from '@wardround/attestation/explain/meanings';
import { azureSnpSteps } from '@wardround/attestation/azure/verify-snp';
import { azureTdxSteps } from '@wardround/attestation/azure/verify-tdx';
import { secondPathSteps } from '@wardround/attestation/composite/second-path';
import { nvidiaFleetSteps } from '@wardround/attestation/nvidia/fleet';
import { nvidiaValidationSteps } from '@wardround/attestation/nvidia/validate';
import { tdxValidationSteps } from '@wardround/attestation/tdx/validate';
import { tpmValidationSteps } from '@wardround/attestation/tpm/validate';
import { enclaveSteps } from '@wardround/attestation/verifier';
import type { Composite } from './composite-world.ts';
import { appraise, bundleOf, makeComposite, policyOf, protectedFleet, sorts } from './composite-world.ts';
import { docsFolder } from './schema-files.ts';

const page = readFileSync(join(docsFolder, 'attestation.md'), 'utf8');
/** The last cell of every row of a table whose last column is codes. */
const codes = new Set(
  [...page.matchAll(/^\|.*\|$/gm)].flatMap(([row]) =>
    [...(row.split('|').at(-2) ?? '').matchAll(/`([a-z]+(?:-[a-z0-9]+)+)`/g)].map((match) => match[1] ?? ''),
  ),
);

describe('what a step means', () => {
  let world: Composite;
  beforeAll(async () => {
    world = await makeComposite();
  }, 120_000);

  it('is said of every step that a list exports', () => {
    const named = [
      ...enclaveSteps,
      ...azureSnpSteps,
      ...azureTdxSteps,
      ...tdxValidationSteps,
      ...tpmValidationSteps,
      ...secondPathSteps,
      ...nvidiaFleetSteps,
      ...nvidiaValidationSteps.map((step) => `gpu-0/${step}`),
    ];
    expect(named.filter((step) => meaningOf(step) === undefined)).toEqual([]);
  });

  it('is said of every step of every sort of machine with every sort of device', () => {
    const devices = [...world.gpus, ...world.switches];
    for (const sort of sorts) {
      const evidence = bundleOf(world, { sort, devices: protectedFleet(world) });
      const { steps } = appraise(evidence, policyOf(world, sort, devices));
      expect(steps.filter(({ name }) => meaningOf(name) === undefined)).toEqual([]);
    }
  });

  it('is a device’s own where processor and device use one name', () => {
    expect(meaningOf('gpu-0/chain')).toContain('NVIDIA');
    expect(meaningOf('chain')).not.toContain('NVIDIA');
    expect(meaningOf('switch-12/revocation')).not.toBe(meaningOf('revocation'));
    expect(meaningOf('gpu-0/nonsense')).toBeUndefined();
  });
});

describe('what to do about a refusal', () => {
  it('is known for every code that the page names', () => {
    expect(codes.size).toBeGreaterThan(180);
    expect([...codes].filter((code) => adviceFor(code) === otherwise)).toEqual([]);
  });

  it.each([
    ['snp-signature', 'Stop.'],
    ['tdx-quote-signature', 'Stop.'],
    ['nvidia-signature', 'Stop.'],
    ['ocsp-revoked', 'withdrew'],
    ['tdx-tcb-revoked', 'withdrew'],
    ['snp-crl-expired', 'collateral fetch'],
    ['ocsp-expired', 'collateral fetch'],
    ['tdx-collateral-expired', 'collateral fetch'],
    ['tdx-fmspc', '--for BUNDLE.json'],
    ['rim-version', '--for BUNDLE.json'],
    ['snp-expired', 'clock'],
    ['tdx-not-yet-valid', 'clock'],
    ['snp-measurement-unknown', 'reviewed'],
    ['tdx-mrtd-unknown', 'reviewed'],
    ['tpm-pcr-value', 'reviewed'],
    ['snp-chip-unknown', 'channel'],
    ['nvidia-ueid-unknown', 'channel'],
    ['evidence-machine', 'channel'],
    ['snp-tcb-below-floor', 'update the firmware'],
    ['tdx-tcb-refused', 'update the firmware'],
    ['evidence-gpu-digest', 'Stop.'],
    ['evidence-gpu-required', '`gpu`'],
    ['evidence-nonce', 'somebody or something else'],
    ['nvidia-revocation-nonce', 'ocsp.nonce'],
    ['policy-waiver-expired', 'waiver'],
    ['evidence-too-old', 'fresh'],
    ['attestation-internal', 'report it'],
    ['something-nobody-knows', 'ask the enclave’s operator'],
  ])('%s: %s', (code, words) => {
    expect(adviceFor(code)).toContain(words);
  });

  it('never tells people to accept what somebody forged', () => {
    const forged = [...codes].filter((code) => /signature$|-binding$|-mismatch$/.test(code));
    expect(forged.length).toBeGreaterThan(8);
    expect(forged.filter((code) => /add it|Lower|policy/.test(adviceFor(code)))).toEqual([]);
  });
});
