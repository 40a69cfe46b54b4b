// NVIDIA's service must agree, end to end: answers in the bundle, keys from the site's own hands, one thing wrong at a time, and a record that replays.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { AppraisalRecord } from '@wardround/attestation/appraisal-record';
import { isSameOutcome, parseAppraisalRecord, recordOf, replayRecord } from '@wardround/attestation/appraisal-record';
import type { Evidence } from '@wardround/attestation/evidence';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import { parseEvidence } from '@wardround/attestation/evidence';
import { gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import type { NrasKeys, NrasKeysRule } from '@wardround/attestation/nvidia/nras-keys';
import { nrasThumbprint, readJwks } from '@wardround/attestation/nvidia/nras-keys';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { readSecondOpinions, withSecondOpinions } from '@wardround/attestation/second-opinions';
import { admitEnclave } from '@wardround/attestation/verified-enclave';
import type { AppraisalInput, VerificationReport } from '@wardround/attestation/verifier';
import { verifyEnclave } from '@wardround/attestation/verifier';
import type { Composite } from './composite-world.ts';
import { bundleOf, deviceItem, makeComposite, policyOf, protectedFleet } from './composite-world.ts';
import type { Claims, Made } from './nras-service.ts';
import { answerOf, goodGpu, goodSwitch, jwk, keysAt, otherKey, reheaded } from './nras-service.ts';
import { ueidOf } from './nvidia-world.ts';
import { at, failuresOf, nonce, sessionOpen } from './world.ts';

let world: Composite;
beforeAll(async () => {
  world = await makeComposite();
}, 120_000);

const twoDays = 172_800;
const usualRule: NrasKeysRule = { keys: 'mirrored', maxKeysAgeSeconds: twoDays };
const asked = { nonce: gpuNonceFor(nonce), at };

interface Case {
  readonly rule?: NrasKeysRule;
  readonly made?: Made;
  /** All of the service's answers in the bundle, where they are not one. */
  readonly answers?: (one: string) => Promise<readonly string[]> | readonly string[];
  readonly sets?: readonly NrasKeys[];
}

function wantsOpinion(policy: Policy, { keys, maxKeysAgeSeconds }: NrasKeysRule): Policy {
  if (policy.gpu === 'unused') throw new Error('no GPU');
  const required = { keys: keys === 'mirrored' ? keys : [...keys], maxKeysAgeSeconds };
  return parsePolicy({ ...policy, gpu: { nvidia: { ...policy.gpu.nvidia, nras: { required } } } });
}

function mirrored(sets: readonly NrasKeys[]): readonly MirroredEndorsement[] {
  return sets.map((endorsement) => ({ endorsement, mirroredAt: at }));
}

async function inputOf({ rule = usualRule, made, answers, sets }: Case): Promise<AppraisalInput> {
  const [device] = world.gpus;
  const own: Record<string, Claims> = { 'GPU-0': { ...goodGpu, ueid: ueidOf(device) } };
  const one = await answerOf(asked, { devices: own, ...made });
  const eats = (await answers?.(one)) ?? [one];
  const evidence = bundleOf(world, { sort: 'sevSnp', devices: [deviceItem({ device })] });
  return await withSecondOpinions({
    evidence: {
      ...evidence,
      endorsements: [...evidence.endorsements, ...eats.map((eat) => ({ type: 'nras', eat }) as const)],
    },
    policy: wantsOpinion(policyOf(world, 'sevSnp', [device]), rule),
    expected: { nonce, sessionOpenDigest: sessionOpen },
    at,
    mirror: mirrored(sets ?? [keysAt(at)]),
  });
}

const judge = async (of: Case): Promise<VerificationReport> => verifyEnclave(await inputOf(of));

const secondsBefore = (seconds: number): Date => new Date(at.getTime() - seconds * 1000);
const thumbprint = (key: unknown): string =>
  readJwks({ keys: [key] }, { source: 'x', fetchedAt: at })
    .keys.map(nrasThumbprint)
    .join('');
const impostor = { ...createPublicKey(otherKey).export({ format: 'jwk' }), kid: 'one' };

describe('a second opinion', () => {
  it.each<readonly [string, Case]>([
    ['with keys of the mirror', {}],
    ['with a key that the policy pins', { rule: { ...usualRule, keys: [thumbprint(jwk)] } }],
    ['with keys that are just young enough', { sets: [keysAt(secondsBefore(twoDays))] }],
    [
      'with the newest keys, whatever older ones say',
      { sets: [keysAt(secondsBefore(60), { keys: [impostor] }), keysAt(at)] },
    ],
    ['that came twice, the same', { answers: (one) => [one, one] }],
  ])('that agrees is accepted: %s', async (_, of) => {
    const report = await judge(of);
    expect(failuresOf(report)).toEqual([]);
    expect(report.accepted).toBe(true);
    expect(report.steps.find(({ name }) => name === 'second-opinion')).toEqual({
      name: 'second-opinion',
      status: 'ok',
    });
  });

  it.each<readonly [string, Case, string]>([
    ['no answer', { answers: () => [] }, 'nras-missing'],
    ['no keys', { sets: [] }, 'nras-keys-missing'],
    ['keys of tomorrow', { sets: [keysAt(secondsBefore(-60))] }, 'nras-keys-missing'],
    ['keys that are too old', { sets: [keysAt(secondsBefore(twoDays + 1))] }, 'nras-keys-too-old'],
    [
      'newer keys, in which the signer is gone',
      { sets: [keysAt(secondsBefore(60)), keysAt(at, { keys: [{ ...impostor, kid: 'two' }] })] },
      'nras-key',
    ],
    ['a key that the policy does not pin', { rule: { ...usualRule, keys: ['00'.repeat(32)] } }, 'nras-key'],
    [
      'a mirror that somebody changed under a pin',
      {
        rule: { ...usualRule, keys: [thumbprint(jwk)] },
        made: { key: otherKey },
        sets: [keysAt(at, { keys: [impostor] })],
      },
      'nras-key',
    ],
    ['another key of that name', { sets: [keysAt(at, { keys: [impostor] })] }, 'nras-signature'],
    ['a signature of nobody’s', { made: { key: otherKey } }, 'nras-signature'],
    [
      'an unsigned token',
      { made: { change: (plain) => reheaded(plain, { alg: 'none', kid: 'one' }, () => '') } },
      'nras-algorithm',
    ],
    [
      'another algorithm',
      { made: { change: (plain) => reheaded(plain, { alg: 'HS256', kid: 'one' }, () => 'AA') } },
      'nras-algorithm',
    ],
    ['another issuer', { made: { overall: { iss: 'https://nras.example' } } }, 'nras-issuer'],
    ['the site’s own nonce, not the devices’', { made: { overall: { eat_nonce: nonce } } }, 'nras-nonce'],
    ['expired', { made: { overall: { exp: at.getTime() / 1000 } } }, 'nras-expired'],
    ['of tomorrow', { made: { overall: { nbf: at.getTime() / 1000 + 1 } } }, 'nras-not-yet-valid'],
    ['the service found fault', { made: { device: { measres: 'fail' } } }, 'nras-result'],
    ['another device', { made: { device: { ueid: '12345' } } }, 'nras-disagrees'],
    ['another driver', { made: { device: { 'x-nvidia-gpu-driver-version': '570.124.04' } } }, 'nras-disagrees'],
    ['a device more', { made: { devices: { 'GPU-0': goodGpu, 'GPU-1': goodGpu } } }, 'nras-disagrees'],
    ['a device of another sort', { made: { devices: { 'SWITCH-0': goodSwitch } } }, 'nras-disagrees'],
    ['a second answer', { answers: async (one) => [one, await answerOf(asked)] }, 'nras-several'],
    [
      'an answer of another time beside it',
      { answers: async (one) => [one, await answerOf(asked, { overall: { exp: 1 } })] },
      'nras-expired',
    ],
    [
      'answers without end',
      {
        answers: async (one) => [
          one,
          ...(await Promise.all([...Array(9).keys()].map(async () => await answerOf(asked)))),
        ],
      },
      'nras-several',
    ],
    ['no text of an answer', { answers: () => ['[]'] }, 'nras-malformed'],
  ])('is refused: %s', async (_, of, code) => {
    const report = await judge(of);
    expect(failuresOf(report)).toEqual([`second-opinion: ${code}`]);
    expect(report).toMatchObject({ authentic: true, accepted: false });
  });

  it('of GPUs and of switches are two answers that together agree', async () => {
    const devices = [...world.gpus, ...world.switches];
    const [gpus, switches] = [
      Object.fromEntries(world.gpus.map((gpu, index) => [`GPU-${index}`, { ...goodGpu, ueid: ueidOf(gpu) }])),
      Object.fromEntries(world.switches.map((one, index) => [`SWITCH-${index}`, { ...goodSwitch, ueid: ueidOf(one) }])),
    ];
    const eats = await Promise.all([gpus, switches].map(async (each) => await answerOf(asked, { devices: each })));
    const evidence = bundleOf(world, { sort: 'sevSnp', devices: protectedFleet(world) });
    const judged = async (given: readonly string[]): Promise<readonly string[]> =>
      failuresOf(
        verifyEnclave(
          await withSecondOpinions({
            evidence: {
              ...evidence,
              endorsements: [...evidence.endorsements, ...given.map((eat) => ({ type: 'nras', eat }) as const)],
            },
            policy: wantsOpinion(policyOf(world, 'sevSnp', devices), usualRule),
            expected: { nonce, sessionOpenDigest: sessionOpen },
            at,
            mirror: mirrored([keysAt(at)]),
          }),
        ),
      );
    expect(await judged(eats)).toEqual([]);
    expect(await judged(eats.slice(0, 1))).toEqual(['second-opinion: nras-disagrees']);
    expect(await judged(eats.slice(1))).toEqual(['second-opinion: nras-disagrees']);
  });

  it('that nobody read is missing, whatever the bundle holds', async () => {
    const { secondOpinions: _, ...input } = await inputOf({});
    expect(failuresOf(verifyEnclave(input))).toEqual(['second-opinion: nras-missing']);
    expect(() => admitEnclave(input)).toThrow(expect.objectContaining({ code: 'nras-missing' }));
  });

  it('is not read where the policy asks for none', async () => {
    const input = await inputOf({ answers: () => ['[]'] });
    const [device] = world.gpus;
    expect(await readSecondOpinions({ ...input, policy: policyOf(world, 'sevSnp', [device]) })).toEqual([]);
    expect(await readSecondOpinions({ ...input, policy: policyOf(world, 'sevSnp') })).toEqual([]);
  });
});

describe('keys of the service', () => {
  it('have no place in a bundle: whoever sends it could have made them', async () => {
    const { evidence } = await inputOf({});
    const smuggled: Record<string, unknown> = { ...evidence, endorsements: [...evidence.endorsements, keysAt(at)] };
    expect(() => parseEvidence(smuggled)).toThrow(expect.objectContaining({ code: 'evidence-invalid' }));
  });

  it('that are put into a bundle past its parser are not looked at', async () => {
    const input = await inputOf({});
    const endorsements: unknown[] = [...input.evidence.endorsements, keysAt(at)];
    const evidence: Evidence = { ...input.evidence, endorsements: JSON.parse(JSON.stringify(endorsements)) };
    const again = await withSecondOpinions({ ...input, evidence, mirror: [] });
    expect(failuresOf(verifyEnclave(again))).toEqual(['second-opinion: nras-keys-missing']);
  });

  it.each<readonly [string, unknown]>([
    ['no object', 'x'],
    ['no keys', {}],
    ['an empty list', { keys: [] }],
    [
      'only keys of other sorts',
      {
        keys: [
          { kty: 'oct', k: 'AA', kid: 'one' },
          { kty: 'RSA', n: 'AA', e: 'AQAB', kid: 'r' },
        ],
      },
    ],
    [
      'a key of another curve',
      {
        keys: [{ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'x' }],
      },
    ],
    ['a name twice', { keys: [jwk, impostor] }],
    ['a point that is none', { keys: [{ ...jwk, x: 'A'.repeat(64) }] }],
    ['a private key', { keys: [{ ...jwk, d: 'AA' }] }],
    ['a key for sealing', { keys: [{ ...jwk, use: 'enc' }] }],
    ['too many', { keys: Array.from({ length: 65 }, (_, index) => ({ ...jwk, kid: String(index) })) }],
  ])('are none: %s', (_, jwks) => {
    expect(() => keysAt(at, jwks)).toThrow(expect.objectContaining({ code: 'nras-keys-malformed' }));
  });

  it('of other sorts are passed over', () => {
    expect(keysAt(at, { keys: [{ kty: 'RSA', n: 'AA', e: 'AQAB', kid: 'r' }, jwk], more: 1 }).keys).toHaveLength(1);
  });
});

describe('a record of it', () => {
  const recorded = async (of: Case): Promise<AppraisalRecord> => {
    const input = await inputOf(of);
    const record = recordOf(input, verifyEnclave(input), 'wardround 0.0.0');
    return parseAppraisalRecord(canonicalJson(record));
  };

  it.each<readonly [string, Case]>([
    ['accepted', {}],
    ['refused', { made: { device: { ueid: '12345' } } }],
    ['refused for keys', { sets: [keysAt(secondsBefore(twoDays + 1))] }],
  ])('judges the same again, with nothing but itself: %s', async (_, of) => {
    expect(isSameOutcome(await replayRecord(await recorded(of)))).toBe(true);
  });

  it('without the keys that were believed judges otherwise', async () => {
    const { differing, steps } = await replayRecord({ ...(await recorded({})), mirror: [] });
    expect(differing).toEqual(['accepted']);
    expect(steps.map(({ replayed }) => replayed?.code)).toEqual(['nras-keys-missing']);
  });
});
