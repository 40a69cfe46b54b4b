// Whole machines through the whole verifier: what holds is accepted, with every step ok; with one thing wrong it is refused there.
import { beforeAll, describe, expect, it } from 'vitest';
import { EnclaveRefused, admitEnclave } from '@wardround/attestation/verified-enclave';
import { at, nonce, sessionOpen } from './world.ts';
import type { Composite } from './composite-world.ts';
import { appraise, bundleOf, deviceItem, makeComposite, policyOf, protectedFleet, sorts } from './composite-world.ts';
import { failuresOf } from './world.ts';

let world: Composite;
beforeAll(async () => {
  world = await makeComposite();
}, 120_000);

const expected = { nonce, sessionOpenDigest: sessionOpen };

describe('a machine that holds', () => {
  it.each(sorts)('%s alone', (sort) => {
    const report = appraise(bundleOf(world, { sort }), policyOf(world, sort));
    expect(failuresOf(report)).toEqual([]);
    expect(report).toMatchObject({ authentic: true, accepted: true, simulated: true });
  });

  it.each(sorts)('%s with a GPU', (sort) => {
    const [device] = world.gpus;
    const evidence = bundleOf(world, { sort, devices: [deviceItem({ device })] });
    const report = appraise(evidence, policyOf(world, sort, [device]));
    expect(failuresOf(report)).toEqual([]);
    expect(report.accepted).toBe(true);
    const enclave = admitEnclave({ evidence, policy: policyOf(world, sort, [device]), expected, at, mirror: [] });
    expect(enclave.gpus).toHaveLength(1);
    expect(enclave.simulated).toBe(true);
  });

  it('several GPUs and switches in protected PCIe mode', () => {
    const devices = [...world.gpus, ...world.switches];
    const evidence = bundleOf(world, { sort: 'sevSnp', devices: protectedFleet(world) });
    const report = appraise(evidence, policyOf(world, 'sevSnp', devices));
    expect(failuresOf(report)).toEqual([]);
    expect(report.accepted).toBe(true);
    expect(report.enclave).toMatchObject({ gpus: { length: 2 }, switches: { length: 2 } });
    expect(report.devices).toHaveLength(4);
  });

  it.each(sorts)('%s: refused by a policy that names no simulated root', (sort) => {
    const { simulatedPlatform: _, ...genuine } = policyOf(world, sort);
    const report = appraise(bundleOf(world, { sort }), genuine);
    expect(report).toMatchObject({ accepted: false, authentic: false, simulated: false });
    expect(failuresOf(report).join()).toContain('-root-untrusted');
  });

  it('is not admitted where its policy refuses that sort of machine', () => {
    for (const sort of sorts) {
      const other = sort === 'sevSnp' || sort === 'sevSnpTpm' ? 'tdx5' : 'sevSnp';
      const input = { evidence: bundleOf(world, { sort }), policy: policyOf(world, other), expected, at, mirror: [] };
      expect(() => admitEnclave(input)).toThrow(EnclaveRefused);
      expect(failuresOf(appraise(input.evidence, input.policy))).toEqual(['contents: evidence-platform-refused']);
    }
  });
});
