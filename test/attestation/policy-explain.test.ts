// The plain sentences of a policy leave nothing out: whatever value changes, they change.
import { beforeAll, describe, expect, it } from 'vitest';
import { explainPolicy } from '@wardround/attestation/policy/explain';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { certifiedTpmRules, makeComposite, nvidiaRulesOf, policyOf, vtpmRules, waived } from './composite-world.ts';
import { rulesFor as tdxRulesFor, usualImage } from './tdx-world.ts';
import { snpRulesOf } from './world.ts';

let policy: Policy;

/** Every platform, a GPU with switches, a second path, pairs, and each sort of waiver: every rule that there is. */
beforeAll(async () => {
  const world = await makeComposite();
  const devices = [...world.gpus, ...world.switches];
  const base = policyOf(world, 'sevSnpTpm', devices);
  const sevSnp = snpRulesOf(base);
  const tdx = {
    ...tdxRulesFor(world.intel),
    tcb: { minimumEvaluationDataNumber: 20, advisories: { 'INTEL-SA-01036': waived } },
  };
  const [image] = base.measurements;
  const nvidia = nvidiaRulesOf(devices);
  const mode = { ...nvidia.gpus.mode, missingFeatureFlag: { ...waived, drivers: ['535.104.05'] } };
  const acceptedUnknownFields = [99];
  const nras = { required: { keys: ['ab'.repeat(32)], maxKeysAgeSeconds: 172_800 } };
  policy = parsePolicy({
    ...base,
    platforms: {
      sevSnp: { ...sevSnp, signedBy: { vcek: 'allowed', vlek: { providers: ['CN=cloud.example'] } } },
      tdx,
      azureSnpVtpm: { sevSnp, paravisors: [image], vtpm: { ...vtpmRules, secureBoot: waived } },
      azureTdxVtpm: { tdx, paravisors: [usualImage], vtpm: vtpmRules },
    },
    measurements: [image, usualImage],
    secondPath: { vtpm: certifiedTpmRules },
    gpu: { nvidia: { ...nvidia, gpus: { ...nvidia.gpus, mode, acceptedUnknownFields }, nras } },
  });
}, 120_000);

const level = { bootLoader: 1, tee: 0, snp: 2, microcode: 3 };
const genoa = {
  minimumTcb: { reported: level, committed: level, launch: level },
  minimumFirmware: { major: 1, minor: 55, build: 0 },
};

const textOf = (of: Policy): string =>
  explainPolicy(of)
    .map(({ heading, sentences }) => [heading, ...sentences].join('\n'))
    .join('\n\n');

type Path = readonly (string | number)[];

function leaves(value: unknown, path: Path = []): readonly { path: Path; value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => leaves(item, [...path, index]));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
  return [{ path, value }];
}

function changed(value: unknown, path: Path, to: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return to;
  if (Array.isArray(value)) return value.map((item, index) => (index === first ? changed(item, rest, to) : item));
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([key, item]) => [key, key === first ? changed(item, rest, to) : item]),
  );
}

/** Other values of the same kind; those that the schema takes are tried. */
function others(value: unknown): readonly unknown[] {
  if (typeof value === 'number') return [value + 1, value - 1, value === 2048 ? 3072 : value + 2];
  if (typeof value !== 'string') return [];
  const hex = /^[0-9a-f]{16,}$/.test(value) ? [value.replace(/.$/, (last) => (last === '1' ? '2' : '1'))] : [];
  const bits = value.startsWith('0x') ? ['0x2'] : [];
  const words = [
    'allowed',
    'accepted',
    'refused',
    'required',
    'notRequired',
    'now',
    'whenMirrored',
    'issuedByDevice',
    'notUsed',
  ];
  const named = [
    'amd',
    'intel',
    'simulated',
    'unused',
    'unextended',
    'replayed',
    'attested',
    'sha384',
    'P-256',
    'P-384',
  ];
  const versions = [
    '571.1',
    '96.00.9F.00.02',
    'GH100 A02 GSP BROM',
    '2027-06-30T00:00:00.000Z',
    'CN=other.example',
    'another reason',
    '77',
  ];
  const values = [16, 24, 32, 48].map((bytes) => '01'.repeat(bytes));
  const rules = [
    waived,
    { ...waived, drivers: ['535.104.05'] },
    { providers: ['CN=other.example'] },
    { certificate: { revocation: 'required' } },
    { curves: ['P-256'] },
    { ...genoa, rootSeedExtracted: waived },
  ];
  return [...words, ...named, ...versions, ...hex, ...bits, ...values, ...rules].filter((other) => other !== value);
}

const fixed = /^(?:kind|version)$|\.platform$|\.bank$/;

describe('the explanation of a policy', () => {
  it('changes with every value that the policy can change', () => {
    const before = textOf(policy);
    const tried: string[] = [];
    const silent: string[] = [];
    const untried: string[] = [];
    for (const { path, value } of leaves(policy)) {
      let isTried = false;
      for (const other of others(value)) {
        let variant: Policy;
        try {
          variant = parsePolicy(changed(policy, path, other));
        } catch {
          continue;
        }
        isTried = true;
        tried.push(path.join('.'));
        if (textOf(variant) === before) silent.push(`${path.join('.')} = ${JSON.stringify(other)}`);
      }
      if (!isTried) untried.push(path.join('.'));
    }
    expect(silent).toEqual([]);
    // What stands here has one value only: what the document is, and what is bound to a neighbour.
    expect(untried.filter((path) => !fixed.test(path))).toEqual([]);
    expect(new Set(tried).size).toBeGreaterThan(150);
  });

  it.each([
    ['notUsed', 'is not asked'],
    [{ required: { keys: 'mirrored', maxKeysAgeSeconds: 172_800 } }, 'which nothing signs'],
  ])('says whose keys a second opinion rests on: %j', (rule, words) => {
    expect(textOf(policy)).toContain(`only these keys: ${'ab'.repeat(32)}`);
    expect(textOf(parsePolicy(changed(policy, ['gpu', 'nvidia', 'nras'], rule)))).toContain(words);
  });

  it('names waivers with their reason and their end, and what no policy covers', () => {
    const waived = { waived: { reason: 'machines are being replaced', until: '2027-01-31T00:00:00.000Z' } };
    const text = textOf(parsePolicy(changed(policy, ['platforms', 'sevSnp', 'chipIds'], waived)));
    expect(text).toContain('ANY chip is accepted');
    expect(text).toContain('waived until 2027-01-31T00:00:00.000Z because “machines are being replaced”');
    expect(text).toContain('What no policy covers');
  });
});
