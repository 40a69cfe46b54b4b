// A site's policy is read strictly: nothing missing, nothing unknown, each mistake named by its path; and it says what is weak.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import { snpRulesOf } from './world.ts';
import { trustedRoots } from '@wardround/attestation/roots';
import { evidenceJsonSchema, policyJsonSchema } from '@wardround/attestation/schemas';

const root = 'ab'.repeat(32);
const minimumTcb = { bootLoader: 10, tee: 0, snp: 23, microcode: 84 };
const input = {
  measurement: 'c0de'.repeat(24),
  chipIds: ['1f'.repeat(64)],
  product: 'Genoa',
  minimumTcb,
  minimumGuestSvn: 1,
} as const;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The example as plain data, which a test may spoil. */
function document(extra: { simulatedRoots?: readonly string[] } = {}): { [key: string]: Json } {
  const value: unknown = parse(examplePolicy({ ...input, ...extra }));
  if (!isObject(value)) throw new Error('not an object');
  return value;
}

/** Test tables are read-only; documents are not. */
function copyOf(value: unknown): Json {
  return z.json().parse(structuredClone(value));
}

function isObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every path to a member of an object in `value`. */
function membersOf(value: Json, path: readonly string[] = []): readonly (readonly string[])[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => membersOf(item, [...path, String(index)]));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => [[...path, key], ...membersOf(member, [...path, key])]);
}

function withChange(
  document: { [key: string]: Json },
  path: readonly string[],
  change: (owner: { [key: string]: Json }, key: string) => void,
): Json {
  const copy = structuredClone(document);
  let owner: Json = copy;
  for (const key of path.slice(0, -1)) {
    owner = Array.isArray(owner) ? (owner[Number(key)] ?? null) : isObject(owner) ? (owner[key] ?? null) : null;
  }
  if (!isObject(owner)) throw new Error(`no object at ${path.join('.')}`);
  change(owner, path.at(-1) ?? '');
  return copy;
}

function refusal(value: unknown): WardroundError {
  try {
    parsePolicy(value);
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'policy-invalid') return error;
    throw error;
  }
  throw new Error('the policy was accepted');
}

describe('the example policy', () => {
  it('is accepted, and names no weakness', () => {
    const policy = parsePolicy(document());
    expect(snpRulesOf(policy).products.Milan).toBe('refused');
    expect(policyWeaknesses(policy)).toEqual([]);
  });

  it('is accepted for Turin, and with a simulated vendor, which it names', () => {
    const turin = examplePolicy({
      ...input,
      product: 'Turin',
      minimumTcb: { fmc: 1, ...minimumTcb },
      simulatedRoots: [root],
    });
    const policy = parsePolicy(parse(turin));
    expect(policyWeaknesses(policy)).toEqual([
      expect.objectContaining({ name: 'simulatedPlatform', where: 'simulatedPlatform' }),
    ]);
    expect(turin).toContain('NAMED WEAKNESS');
  });
});

describe('a policy', () => {
  const members = membersOf(document({ simulatedRoots: [root] })).filter(
    (path) => path.join('.') !== 'simulatedPlatform',
  );

  it.each(members.map((path) => [path.join('.'), path] as const))('without %s is refused', (_, path) => {
    const spoiled = withChange(document({ simulatedRoots: [root] }), path, (owner, key) => {
      delete owner[key];
    });
    expect(refusal(spoiled).where).toBeDefined();
  });

  it.each(members.map((path) => [path.join('.'), path] as const))('with null for %s is refused', (_, path) => {
    const spoiled = withChange(document({ simulatedRoots: [root] }), path, (owner, key) => {
      owner[key] = null;
    });
    refusal(spoiled);
  });

  it('with a key that is unknown is refused at every level, and named', () => {
    const objects = new Set(['', ...membersOf(document()).map((path) => path.slice(0, -1).join('.'))]);
    for (const where of objects) {
      const path = where === '' ? ['typo'] : [...where.split('.'), 'typo'];
      const spoiled = withChange(document(), path, (owner, key) => {
        owner[key] = true;
      });
      expect(refusal(spoiled).message).toContain('typo');
    }
  });

  it.each([
    [
      ['platforms', 'sevSnp', 'products', 'Genoa', 'minimumTcb', 'reported', 'microcode'],
      256,
      'platforms.sevSnp.products.Genoa.minimumTcb.reported.microcode',
    ],
    [
      ['platforms', 'sevSnp', 'products', 'Genoa', 'minimumTcb', 'launch', 'fmc'],
      1,
      'platforms.sevSnp.products.Genoa.minimumTcb.launch',
    ],
    [['platforms', 'sevSnp', 'products', 'Turin'], 'allowed', 'platforms.sevSnp.products.Turin'],
    [['platforms', 'sevSnp', 'chipIds'], [], 'platforms.sevSnp.chipIds'],
    [['platforms', 'sevSnp', 'chipIds'], ['00'.repeat(64)], 'platforms.sevSnp.chipIds.0'],
    [['platforms', 'sevSnp', 'chipIds'], ['AB'.repeat(64)], 'platforms.sevSnp.chipIds.0'],
    [
      ['platforms', 'sevSnp', 'chipIds'],
      { waived: { reason: 'no list yet' } },
      'platforms.sevSnp.chipIds.waived.until',
    ],
    [
      ['platforms', 'sevSnp', 'chipIds'],
      { waived: { reason: '', until: '2027-01-01T00:00:00.000Z' } },
      'platforms.sevSnp.chipIds.waived.reason',
    ],
    [
      ['platforms', 'sevSnp', 'chipIds'],
      { waived: { reason: 'x', until: '2027-02-30T00:00:00.000Z' } },
      'platforms.sevSnp.chipIds.waived.until',
    ],
    [['platforms', 'sevSnp', 'guestPolicy', 'smt'], 'required', 'platforms.sevSnp.guestPolicy.smt'],
    [['platforms', 'sevSnp', 'guestPolicy', 'debug'], 'allowed', 'platforms.sevSnp.guestPolicy'],
    [
      ['platforms', 'sevSnp', 'platformInfo', 'acceptedUnknownBits'],
      [5],
      'platforms.sevSnp.platformInfo.acceptedUnknownBits.0',
    ],
    [['platforms', 'sevSnp', 'requiredMitigations'], 63, 'platforms.sevSnp.requiredMitigations'],
    [['platforms', 'sevSnp', 'requiredMitigations'], '0x10000000000000000', 'platforms.sevSnp.requiredMitigations'],
    [['platforms', 'sevSnp', 'signedBy', 'vlek'], { providers: [] }, 'platforms.sevSnp.signedBy.vlek.providers'],
    [['platforms'], {}, 'platforms.sevSnp'],
    [['platforms', 'sevSnp'], 'refused', 'platforms'],
    [['measurements'], [], 'measurements'],
    [['collateral', 'maxCrlAgeSeconds'], 0, 'collateral.maxCrlAgeSeconds'],
    [['collateral', 'maxCrlAgeSeconds'], 3600.5, 'collateral.maxCrlAgeSeconds'],
    [['maxEvidenceAgeSeconds'], 86_401, 'maxEvidenceAgeSeconds'],
    [['gpu'], 'optional', 'gpu'],
    [['version'], 2, 'version'],
  ] as const)('with %j = %j is refused at its path', (path, value, where) => {
    const spoiled = withChange(document(), [...path], (owner, key) => {
      owner[key] = copyOf(value);
    });
    expect(refusal(spoiled).where).toBe(where);
  });

  it('that accepts a simulated image without naming the vendor’s root is refused', () => {
    const { simulatedPlatform: _, ...rest } = document({ simulatedRoots: [root] });
    expect(refusal(rest).where).toBe('measurements.0.vendor');
  });

  it('that accepts Milan without a waiver is refused', () => {
    const like = {
      minimumTcb: { reported: minimumTcb, committed: minimumTcb, launch: minimumTcb },
      minimumFirmware: { major: 1, minor: 55, build: 0 },
    };
    const spoiled = withChange(document(), ['platforms', 'sevSnp', 'products', 'Milan'], (owner, key) => {
      owner[key] = like;
    });
    expect(refusal(spoiled).where).toBe('platforms.sevSnp.products.Milan.rootSeedExtracted');
  });

  it.each([[null], [[]], ['policy'], [42], [undefined]])('that is %j is refused', (value) => {
    refusal(value);
  });

  it('lists each of its waivers with path, reason and last day', () => {
    const waiver = { waived: { reason: 'machines are being replaced', until: '2027-01-31T00:00:00.000Z' } };
    const value = withChange(document(), ['platforms', 'sevSnp', 'chipIds'], (owner, key) => {
      owner[key] = waiver;
    });
    expect(policyWeaknesses(parsePolicy(value))).toEqual([
      {
        name: 'waiver',
        where: 'platforms.sevSnp.chipIds',
        meaning: 'machines are being replaced',
        until: '2027-01-31T00:00:00.000Z',
      },
    ]);
  });
});

describe('trusted roots', () => {
  it('are the genuine vendors’ unless a policy names one more', () => {
    expect(trustedRoots().map(({ kind }) => kind)).toEqual(['genuine', 'genuine', 'genuine']);
    expect(trustedRoots([root]).filter(({ kind }) => kind === 'simulated')).toEqual([
      { kind: 'simulated', sha256: root },
    ]);
  });
});

describe('the JSON Schemas', () => {
  it('are those of the two documents, closed to unknown members', () => {
    expect(policyJsonSchema()).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: expect.arrayContaining(['platforms', 'measurements', 'secondPath', 'collateral', 'gpu', 'machines']),
    });
    expect(evidenceJsonSchema()).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'version', 'binding', 'evidence', 'endorsements'],
    });
    expect(() => JSON.stringify([policyJsonSchema(), evidenceJsonSchema()])).not.toThrow();
  });
});
