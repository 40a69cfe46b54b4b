// The templates of `wardround policy init`: every one parses, refuses everything as it stands, and filled in from a bundle accepts its machine.
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { shownMachine } from '@wardround/attestation/policy/template/shown';
import type { TemplatePlatform } from '@wardround/attestation/policy/template/template';
import { isUnfilled, policyTemplate } from '@wardround/attestation/policy/template/template';
import { policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import type { Composite, Sort } from './composite-world.ts';
import { appraise, bundleOf, deviceItem, makeComposite } from './composite-world.ts';
import { at, evidenceOf, failuresOf, makeWorld } from './world.ts';

const sortOf = {
  sevSnp: 'sevSnp',
  tdx: 'tdx5',
  azureSnpVtpm: 'azureSnp',
  azureTdxVtpm: 'azureTdx',
} as const satisfies Record<TemplatePlatform, Sort>;
const platforms = ['sevSnp', 'tdx', 'azureSnpVtpm', 'azureTdxVtpm'] as const;

let world: Composite;
beforeAll(async () => {
  world = await makeComposite();
}, 120_000);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const policyIn = (text: string): Policy => parsePolicy(parse(text));

describe('a template', () => {
  it.each(
    platforms.flatMap((platform) => (['none', 'hopper', 'blackwell'] as const).map((gpu) => [platform, gpu] as const)),
  )('for %s with GPU %s parses, says that it refuses everything, and names no weakness', (platform, gpu) => {
    for (const product of ['Genoa', 'Turin'] as const) {
      const text = policyTemplate({ platform, product, gpu });
      const policy = policyIn(text);
      expect(text.split('\n').slice(0, 3).join(' ')).toContain('IT REFUSES EVERY MACHINE');
      expect(text).toContain('FILL IN');
      expect(isUnfilled(policy)).toBe(true);
      expect(policyWeaknesses(policy)).toEqual([]);
      expect(policy.gpu === 'unused').toBe(gpu === 'none');
    }
  });

  it('refuses every machine that there is, though its root were trusted', () => {
    for (const platform of platforms) {
      const policy = policyIn(policyTemplate({ platform, product: 'Genoa', gpu: 'none' }));
      const roots = [world.snp.vendor.rootSha256, world.intel.vendor.rootSha256, world.nvidia.rootSha256];
      const report = appraise(bundleOf(world, { sort: sortOf[platform] }), { ...policy, simulatedPlatform: { roots } });
      expect(report).toMatchObject({ accepted: false });
      expect(failuresOf(report).length).toBeGreaterThan(2);
    }
  });

  it('explains its fields: every block has a comment', () => {
    const text = policyTemplate({ platform: 'azureTdxVtpm', product: 'Genoa', gpu: 'hopper' });
    const lines = text.split('\n');
    expect(lines.filter((line) => line.includes('#')).length).toBeGreaterThan(lines.length / 4);
  });
});

describe('a template that is filled in from a bundle', () => {
  it.each(platforms)('accepts that machine on %s, once a person names its vendor and ages', (platform) => {
    const [device] = world.gpus;
    const evidence = bundleOf(world, { sort: sortOf[platform], devices: [deviceItem({ device })] });
    const machine = shownMachine(evidence, at);
    const text = policyTemplate({ platform, product: 'Genoa', gpu: 'hopper', from: { machine, name: 'bundle.json' } });
    expect(text).toContain('# as shown by bundle.json, confirm with the operator');
    expect(text.split('\n')[1]).toContain('WHICH NOBODY JUDGED');
    expect(text).not.toContain('FILL IN:');
    const roots = [world.snp.vendor.rootSha256, world.intel.vendor.rootSha256, world.nvidia.rootSha256];
    const simulated: unknown = parse(text.replaceAll(/vendor: (?:amd|intel)/g, 'vendor: simulated'));
    const policy = parsePolicy({ ...(isRecord(simulated) ? simulated : {}), simulatedPlatform: { roots } });
    expect(isUnfilled(policy)).toBe(false);
    expect(failuresOf(appraise(evidence, policy))).toEqual([]);
    expect(appraise(evidence, policy).accepted).toBe(true);
  });

  it('is refused for a bundle of another platform, and for Milan', async () => {
    const machine = shownMachine(bundleOf(world, { sort: 'tdx5' }), at);
    const request = { platform: 'sevSnp', product: 'Genoa', gpu: 'none' } as const;
    expect(() => policyTemplate({ ...request, from: { machine, name: 'x' } })).toThrow('of another platform');
    const milan = shownMachine(evidenceOf(await makeWorld('Milan')), at);
    expect(() => policyTemplate({ ...request, from: { machine: milan, name: 'x' } })).toThrow('root seed is public');
  });
});
