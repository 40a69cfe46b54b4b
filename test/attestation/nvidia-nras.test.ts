// NRAS as a second opinion: genuine tokens as their manifest says, tokens with one thing wrong, and what happens when the two do not agree.
import { createHmac, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { NrasInput, NrasOpinion, NrasReading } from '@wardround/attestation/nvidia/nras';
import { nrasIssuer, readNras, requireSecondOpinion, verifyNras } from '@wardround/attestation/nvidia/nras';
import { readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { verifyNvidia } from '@wardround/attestation/nvidia/verify';
import { StepLog } from '@wardround/attestation/steps';
import { haveVectors, vector } from './vectors.ts';
import type { Made } from './nras-service.ts';
import { answerOf, good, goodGpu, jwk, keysAt, otherKey, pair, reheaded } from './nras-service.ts';
import type { NvidiaWorld } from './nvidia-world.ts';
import { appraise, makeNvidiaWorld } from './nvidia-world.ts';

const demoNonce = '931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb';

async function codeOf(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act();
    return 'ok';
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
}

describe.skipIf(!haveVectors)('genuine tokens', () => {
  const text = (path: string): string => Buffer.from(vector(path)).toString('utf8');
  const samples = 'nvidia/attestation-sdk/sample_attestation_data';
  const genuine = (name: 'hopperClaimsv3' | 'switch', change: Partial<NrasInput> = {}): NrasInput => ({
    eat: text(`${samples}/${name}_detached_eat.json`),
    keys: keysAt(at, JSON.parse(text(`nvidia/${name}_detached_eat.recovered-jwks.json`))).keys,
    issuer: name === 'switch' ? 'https://nras.attestation-stg.nvidia.com' : nrasIssuer,
    nonce: demoNonce,
    at: new Date(name === 'switch' ? '2025-06-29T00:00:00Z' : '2025-06-11T00:45:00Z'),
    ...change,
  });

  it('of a GPU agree with our own verdict on the same report', async () => {
    const opinion = await verifyNras(genuine('hopperClaimsv3'));
    expect(opinion.devices).toHaveLength(1);
    const log = new StepLog();
    const appraisal = verifyNvidia(
      {
        report: readReportFile(vector('nvidia/nvtrust/hopperAttestationReport.txt')),
        certificates: [vector('nvidia/nvtrust/hopperCertChain.txt')],
        rims: [],
        ocsp: [],
        nonce: demoNonce,
        at: new Date('2025-06-11T00:45:00Z'),
        rimValidity: 'now',
        roots: nvidiaRoots,
      },
      log,
    );
    const readings = [{ held: true as const, opinion }];
    expect(() =>
      requireSecondOpinion({ isRequired: true, readings, appraisals: [appraisal] }, () => undefined),
    ).not.toThrow();
  });

  it('of a switch name the device of the switch’s report', async () => {
    const { devices } = await verifyNras(genuine('switch'));
    expect(devices).toEqual([
      {
        name: 'SWITCH-0',
        kind: 'switch',
        ueid: '694931143880983876767046803400974855445978836716',
        hwModel: 'LS_10 A01 FSP BROM',
        driverVersion: undefined,
        vbiosVersion: '96.10.55.00.01',
      },
    ]);
  });

  it.each<readonly [string, () => NrasInput, string]>([
    ['an hour later', () => genuine('hopperClaimsv3', { at: new Date('2025-06-11T01:45:00Z') }), 'nras-expired'],
    ['an hour before', () => genuine('hopperClaimsv3', { at: new Date('2025-06-10T23:45:00Z') }), 'nras-not-yet-valid'],
    ['another nonce', () => genuine('hopperClaimsv3', { nonce: 'ab'.repeat(32) }), 'nras-nonce'],
    ['the staging service', () => genuine('switch', { issuer: nrasIssuer }), 'nras-issuer'],
    ['other keys', () => genuine('hopperClaimsv3', { keys: genuine('switch').keys }), 'nras-key'],
    ['the other answer’s device', () => genuine('hopperClaimsv3', { eat: mixed() }), 'nras-digest'],
  ])('are refused: %s', async (_, input, code) => {
    expect(await codeOf(async () => await verifyNras(input()))).toBe(code);
  });

  const pairSchema = z.tuple([z.unknown(), z.unknown()]);
  const mixed = (): string => {
    const [overall] = pairSchema.parse(JSON.parse(genuine('hopperClaimsv3').eat));
    const [, devices] = pairSchema.parse(JSON.parse(genuine('switch').eat));
    return JSON.stringify([overall, devices]);
  };
});

const nonce = '0b'.repeat(32);
const at = new Date('2026-11-23T08:00:00.000Z');
const now = at.getTime() / 1000;
const answer = async (made: Made = {}): Promise<string> => await answerOf({ nonce, at }, made);

const { keys } = keysAt(at);
const input = (eat: string): NrasInput => ({ eat, keys, issuer: nrasIssuer, nonce, at });

/** The classic confusion: whoever knows the public key could make this. */
function hmacUnderPublicKey(signed: string): string {
  const secret = pair.publicKey.export({ type: 'spki', format: 'pem' });
  return createHmac('sha384', secret).update(signed).digest('base64url');
}

describe('a token with one thing wrong, signed all the same', () => {
  it('is accepted where nothing is', async () => {
    const opinion = await verifyNras(input(await answer()));
    expect(opinion.devices).toMatchObject([{ name: 'GPU-0', kind: 'gpu', ueid: '7', driverVersion: '570.124.03' }]);
  });

  const cases: readonly (readonly [string, Made, string])[] = [
    ['the overall result', { overall: { 'x-nvidia-overall-att-result': false } }, 'nras-result'],
    ['another subject', { overall: { sub: 'SOMETHING' } }, 'nras-malformed'],
    ['another version', { overall: { 'x-nvidia-ver': '4.0' } }, 'nras-malformed'],
    ['another issuer', { overall: { iss: 'https://nras.example' } }, 'nras-issuer'],
    ['a device’s other issuer', { device: { iss: 'https://nras.example' } }, 'nras-issuer'],
    ['expired', { overall: { exp: now } }, 'nras-expired'],
    ['a device’s token expired', { device: { exp: now } }, 'nras-expired'],
    ['from the future', { overall: { nbf: now + 1 } }, 'nras-not-yet-valid'],
    ['made in the future', { overall: { iat: now + 1 } }, 'nras-not-yet-valid'],
    ['without an end', { overall: { exp: null } }, 'nras-malformed'],
    ['another nonce', { overall: { eat_nonce: 'ab'.repeat(32) } }, 'nras-nonce'],
    ['a device’s other nonce', { device: { eat_nonce: 'ab'.repeat(32) } }, 'nras-nonce'],
    ['another key', { key: otherKey }, 'nras-signature'],
    ['a key that nobody knows', { header: { kid: 'two' } }, 'nras-key'],
    ['unsigned', { change: (plain) => reheaded(plain, { alg: 'none', kid: 'one' }, () => '') }, 'nras-algorithm'],
    [
      'its public key taken for a shared secret',
      { change: (plain) => reheaded(plain, { alg: 'HS384', kid: 'one' }, hmacUnderPublicKey) },
      'nras-algorithm',
    ],
    [
      'another curve’s algorithm',
      { change: (plain) => reheaded(plain, { alg: 'ES256', kid: 'one' }, () => 'AA') },
      'nras-algorithm',
    ],
    ['no algorithm', { change: (plain) => reheaded(plain, { kid: 'one' }, () => 'AA') }, 'nras-algorithm'],
    [
      'its signature gone',
      { change: (plain) => reheaded(plain, { alg: 'ES384', kid: 'one' }, () => '') },
      'nras-signature',
    ],
    ['certificates in its header', { header: { x5c: ['AA'] } }, 'nras-malformed'],
    ['a key in its header', { header: { jwk } }, 'nras-malformed'],
    ['no devices', { change: ([jwt]) => [jwt, {}] }, 'nras-digest'],
    ['a device more', { change: ([jwt, devices]) => [jwt, { ...devices, 'GPU-1': devices['GPU-0'] }] }, 'nras-digest'],
    [
      'a device’s token changed',
      { change: ([jwt, devices]) => [jwt, { 'GPU-0': `${devices['GPU-0'] ?? ''}A` }] },
      'nras-digest',
    ],
    ['a part more', { change: (parts) => [...parts, {}] }, 'nras-malformed'],
    ['another type of token', { change: ([[, jwt], devices]) => [['CWT', jwt], devices] }, 'nras-malformed'],
    ['no token', { change: ([, devices]) => [['JWT', 'a.b'], devices] }, 'nras-malformed'],
    [
      'a digest of another kind',
      { overall: { submods: { 'GPU-0': ['DIGEST', ['SHA-1', '00'.repeat(32)]] } } },
      'nras-malformed',
    ],
    ['a device of another sort', { devices: { 'NIC-0': goodGpu } }, 'nras-malformed'],
    ['measurements that failed', { device: { measres: 'fail' } }, 'nras-result'],
    ...Object.entries(goodGpu)
      .filter(([, value]) => value === true)
      .flatMap(([claim]): (readonly [string, Made, string])[] => [
        [`${claim} false`, { device: { [claim]: false } }, 'nras-result'],
        [`${claim} as text`, { device: { [claim]: 'true' } }, 'nras-result'],
      ]),
    ...['attestation-report', 'driver-rim', 'vbios-rim'].flatMap((chain): (readonly [string, Made, string])[] => [
      [
        `${chain} revoked`,
        { device: { [`x-nvidia-gpu-${chain}-cert-chain`]: { ...good, 'x-nvidia-cert-ocsp-status': 'revoked' } } },
        'nras-result',
      ],
      [
        `${chain} invalid`,
        { device: { [`x-nvidia-gpu-${chain}-cert-chain`]: { ...good, 'x-nvidia-cert-status': 'expired' } } },
        'nras-result',
      ],
      [`${chain} missing`, { device: { [`x-nvidia-gpu-${chain}-cert-chain`]: null } }, 'nras-result'],
    ]),
  ];

  it.each(cases)('%s', async (_, made, code) => {
    expect(await codeOf(async () => await verifyNras(input(await answer(made))))).toBe(code);
  });

  it('a key of the same name that is another', async () => {
    const other = { ...createPublicKey(otherKey).export({ format: 'jwk' }), kid: 'one' };
    const eat = await answer();
    expect(
      await codeOf(async () => await verifyNras({ ...input(eat), keys: keysAt(at, { keys: [other] }).keys })),
    ).toBe('nras-signature');
  });

  it.each(['', 'x', '[]', '[["JWT","a.b.c"],{}]', `[["JWT","a"],{"GPU-0":"b","GPU-0":"c"}]`, '['.repeat(5000)])(
    'text that is no answer: %s',
    async (eat) => {
      const reading = await readNras(input(eat));
      expect(reading).toMatchObject({ held: false, refusal: { code: 'nras-malformed' } });
    },
  );
});

describe('agreement', () => {
  let world: NvidiaWorld;
  beforeAll(async () => {
    world = await makeNvidiaWorld();
  });

  function agree(change: Partial<NrasOpinion['devices'][number]>, isRequired = true): void {
    const { appraisal } = appraise(world);
    if (!appraisal.device.held) throw new Error('no device');
    const { kind, ueid, hwModel } = appraisal.device.value;
    const device = {
      name: 'GPU-0',
      kind,
      ueid,
      hwModel,
      driverVersion: '570.124.03',
      vbiosVersion: '96.00.9F.00.01',
      ...change,
    };
    const readings: readonly NrasReading[] = [{ held: true, opinion: { issuedAt: at, devices: [device] } }];
    requireSecondOpinion({ isRequired, readings, appraisals: [appraisal] }, () => undefined);
  }
  const disagrees = expect.objectContaining({ code: 'nras-disagrees' });

  it('on device and versions', () => {
    expect(() => {
      agree({});
    }).not.toThrow();
  });

  it.each([
    { ueid: '8' },
    { hwModel: 'GB100 A01 GSP BROM' },
    { driverVersion: '570.124.04' },
    { vbiosVersion: '96.00.9F.00.02' },
    { kind: 'switch' as const },
  ])('not on %o', (change) => {
    expect(() => {
      agree(change);
    }).toThrow(disagrees);
  });

  it('is of every device, and no other', () => {
    const { appraisal } = appraise(world);
    const none: readonly NrasReading[] = [{ held: true, opinion: { issuedAt: at, devices: [] } }];
    const call = (readings: readonly NrasReading[], isRequired: boolean) => () => {
      requireSecondOpinion({ isRequired, readings, appraisals: [appraisal] }, () => undefined);
    };
    expect(call(none, true)).toThrow(disagrees);
    expect(call([], true)).toThrow(expect.objectContaining({ code: 'nras-missing' }));
    expect(call([], false)).not.toThrow();
  });

  it('is one answer about one kind of device', () => {
    const { appraisal } = appraise(world);
    const about = (kind: 'gpu' | 'switch', ueid: string): NrasReading => {
      const device = { name: 'X', kind, ueid, hwModel: 'X', driverVersion: undefined, vbiosVersion: 'X' };
      return { held: true, opinion: { issuedAt: at, devices: [device] } };
    };
    const codes = (readings: readonly NrasReading[]) => () =>
      requireSecondOpinion({ isRequired: true, readings, appraisals: [appraisal] }, () => undefined);
    const several = expect.objectContaining({ code: 'nras-several' });
    expect(codes([about('gpu', '1'), about('gpu', '2')])).toThrow(several);
    expect(codes([about('switch', '1'), about('gpu', '2'), about('switch', '3')])).toThrow(several);
    expect(codes([about('switch', '1'), about('gpu', '2')])).toThrow(disagrees);
  });

  it('is refused with the reading’s own code', async () => {
    const reading = await readNras(input(await answer({ key: otherKey })));
    const { appraisal } = appraise(world);
    expect(() => {
      requireSecondOpinion({ isRequired: true, readings: [reading], appraisals: [appraisal] }, () => undefined);
    }).toThrow(expect.objectContaining({ code: 'nras-signature' }));
  });
});
