// OCSP answers with one thing wrong each, and how a chain is judged by them.
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '@wardround/protocol/bytes';
import { derElement, derSequence } from '@wardround/attestation/simulated/der-writer';
import { ecUsages, generateEcKey } from '@wardround/attestation/simulated/nvidia/certificates';
import { ocspRefusal } from '@wardround/attestation/simulated/nvidia/ocsp';
import type { OcspOptions } from '@wardround/attestation/simulated/nvidia/vendor';
import { parseOcspResponse } from '@wardround/attestation/x509/ocsp';
import type { NvidiaWorld } from './nvidia-world.ts';
import { answersFor, appraise, at, chainsOf, dayMs, failuresOf, makeNvidiaWorld } from './nvidia-world.ts';

let world: NvidiaWorld;

beforeAll(async () => {
  world = await makeNvidiaWorld();
});

/** All answers good but the one about the provisioner, which its issuer, the product line, gives with `options`. */
function withAnswer(options: OcspOptions): readonly Uint8Array[] {
  const [device = [], ...others] = chainsOf(world);
  const rest = [0, 1, 3].map((index) => world.vendor.answer(device, index));
  return [...rest, ...answersFor(world.vendor, others), world.vendor.answer(device, 2, options)];
}

interface Outcome {
  readonly failures: readonly string[];
  readonly revocation: string | undefined;
}

function judge(ocsp: readonly Uint8Array[]): Outcome {
  const { steps } = appraise(world, { ocsp });
  return { failures: failuresOf(steps), revocation: steps.find(({ name }) => name === 'revocation')?.status };
}

const later = (ms: number): Date => new Date(at.getTime() + ms);

describe('an answer with one thing wrong', () => {
  it('is accepted where nothing is', () => {
    expect(judge(withAnswer({}))).toEqual({ failures: [], revocation: 'ok' });
  });

  const cases: readonly (readonly [string, () => OcspOptions, string])[] = [
    ['revoked', () => ({ status: 'revoked' }), 'revocation: ocsp-revoked'],
    ['on hold', () => ({ status: 'hold' }), 'revocation: ocsp-revoked'],
    ['unknown', () => ({ status: 'unknown' }), 'revocation: ocsp-unknown'],
    ['out of date', () => ({ nextUpdate: later(-1000) }), 'revocation: ocsp-expired'],
    ['from tomorrow', () => ({ thisUpdate: later(1000) }), 'revocation: ocsp-not-yet-valid'],
    ['revoked, and out of date', () => ({ status: 'revoked', nextUpdate: later(-1000) }), 'revocation: ocsp-revoked'],
    ['signed by another key', () => ({ key: generateEcKey() }), 'revocation: ocsp-signature'],
    ['signed with SHA-256', () => ({ signatureHash: 'sha256' }), 'revocation: ocsp-signature'],
    [
      'from a stranger',
      () => ({ responder: world.gpu.certificates[0] ?? new Uint8Array() }),
      'revocation: ocsp-responder',
    ],
    [
      'from the root',
      () => ({ responder: world.gpu.certificates[4] ?? new Uint8Array() }),
      'revocation: ocsp-responder',
    ],
    ['without a next update', () => ({ nextUpdate: null }), 'ocsp: ocsp-malformed'],
    ['an empty nonce', () => ({ nonce: new Uint8Array() }), 'ocsp: ocsp-malformed'],
    ['a nonce of 129 bytes', () => ({ nonce: new Uint8Array(129) }), 'ocsp: ocsp-malformed'],
    [
      'a critical extension that nobody knows',
      () => ({ extensions: [{ oid: '06022a03', critical: true, value: new Uint8Array(2) }] }),
      'ocsp: ocsp-malformed',
    ],
    [
      'two nonces',
      () => ({
        nonce: new Uint8Array(32),
        extensions: [{ oid: '06092b0601050507300102', critical: false, value: derElement(4, new Uint8Array(32)) }],
      }),
      'ocsp: ocsp-malformed',
    ],
  ];

  it.each(cases)('%s', (_, options, expected) => {
    expect(judge(withAnswer(options())).failures).toEqual([expected]);
  });

  it.each<readonly [string, () => OcspOptions]>([
    ['another serial', () => ({ serial: Uint8Array.of(7) })],
    ['another issuer’s name', () => ({ issuerNameHash: new Uint8Array(48) })],
    ['another issuer’s key', () => ({ issuerKeyHash: new Uint8Array(48) })],
  ])('is about another certificate: %s', (_, options) => {
    expect(judge(withAnswer(options()))).toEqual({ failures: [], revocation: 'not-evaluated' });
  });

  it.each<readonly [string, OcspOptions]>([
    ['SHA-1 in its name for the certificate', { hash: 'sha1' }],
    ['SHA-256 in its name for the certificate', { hash: 'sha256' }],
    ['a responder named by key', { respondBy: 'key' }],
    ['a nonce', { nonce: new Uint8Array(32) }],
  ])('is as good with %s', (_, options) => {
    expect(judge(withAnswer(options))).toEqual({ failures: [], revocation: 'ok' });
  });
});

describe('an answer by a delegate', () => {
  const signing = { oid: '2.5.29.37', value: derSequence(fromHex('06082b06010505070309')) };
  const client = { oid: '2.5.29.37', value: derSequence(fromHex('06082b06010505070302')) };

  it.each<readonly [string, 'identity' | 'provisioner' | 'root', object, readonly string[]]>([
    ['of the issuer', 'identity', {}, []],
    ['of the issuer’s issuer', 'root', {}, ['revocation: ocsp-responder']],
    ['of the certificate itself', 'provisioner', {}, ['revocation: ocsp-responder']],
    ['without the extended key usage', 'identity', { extensions: [] }, ['revocation: ocsp-responder']],
    ['with another extended key usage', 'identity', { extensions: [client] }, ['revocation: ocsp-responder']],
    [
      'expired',
      'identity',
      { validity: { notBefore: later(-dayMs), notAfter: later(-1000) } },
      ['revocation: ocsp-responder'],
    ],
    [
      'not yet valid',
      'identity',
      { validity: { notBefore: later(1000), notAfter: later(dayMs) } },
      ['revocation: ocsp-responder'],
    ],
    ['signed by another key', 'identity', { issuerKey: generateEcKey() }, ['revocation: ocsp-responder']],
    ['with usages beside signing', 'identity', { extensions: [signing], usages: ecUsages.signer }, []],
    ['of P-256', 'identity', { publicKey: generateEcKey('P-256').publicKey }, ['revocation: ocsp-signature']],
  ])('%s', async (_, authority, overrides, expected) => {
    const { key, certificate } = await world.vendor.issueResponder(authority, overrides);
    for (const respondBy of ['name', 'key'] as const) {
      const answer = withAnswer({ key, responder: certificate, certificates: [certificate], respondBy });
      expect(judge(answer).failures).toEqual(expected);
    }
  });

  it('whose certificate is not there', async () => {
    const { key, certificate } = await world.vendor.issueResponder('identity');
    expect(judge(withAnswer({ key, responder: certificate })).failures).toEqual(['revocation: ocsp-responder']);
  });

  it('with more certificates than any', async () => {
    const { key, certificate } = await world.vendor.issueResponder('identity');
    const certificates = Array.from({ length: 5 }, () => certificate);
    expect(judge(withAnswer({ key, responder: certificate, certificates })).failures).toEqual(['ocsp: ocsp-malformed']);
  });
});

describe('answers together', () => {
  it('one revoked beside a good one is a revocation', () => {
    const revoked = world.vendor.answer(world.gpu.certificates, 3, {
      status: 'revoked',
      thisUpdate: later(-5 * dayMs),
    });
    expect(judge([...world.ocsp, revoked]).failures).toEqual(['revocation: ocsp-revoked']);
  });

  it('an old one beside a current one does no harm', () => {
    const old = { thisUpdate: later(-5 * dayMs), nextUpdate: later(-4 * dayMs) };
    expect(judge([...world.ocsp, world.vendor.answer(world.gpu.certificates, 3, old)]).failures).toEqual([]);
  });

  it('one that is missing leaves its chain not evaluated, unless it is the device’s own leaf', () => {
    const [chain = [], ...others] = chainsOf(world);
    const about = (index: number): Uint8Array => world.vendor.answer(chain, index);
    expect(judge([about(1), about(2), about(3), ...answersFor(world.vendor, others)]).revocation).toBe('ok');
    expect(judge([about(0), about(2), about(3), ...answersFor(world.vendor, others)]).revocation).toBe('not-evaluated');
    expect(judge([about(0), about(1), about(2), ...answersFor(world.vendor, others)]).revocation).toBe('not-evaluated');
  });

  it('about nothing of this evidence were given for something else', async () => {
    const other = await world.vendor.issueDevice();
    expect(judge([world.vendor.answer(other.certificates, 0)]).failures).toEqual(['ocsp-answers: ocsp-foreign']);
  });

  it('a manifest’s signer that is revoked', () => {
    const [, driver = []] = chainsOf(world);
    const revoked = world.vendor.answer(driver, 0, { status: 'revoked' });
    expect(judge([...world.ocsp, revoked]).failures).toEqual(['driver-rim-revocation: ocsp-revoked']);
  });

  it('a manifest’s issuer that is revoked stops both', () => {
    const [, driver = []] = chainsOf(world);
    const revoked = world.vendor.answer(driver, 1, { status: 'hold' });
    expect(judge([...world.ocsp, revoked]).failures).toEqual([
      'driver-rim-revocation: ocsp-revoked',
      'vbios-rim-revocation: ocsp-revoked',
    ]);
  });
});

describe('bytes that are no answer', () => {
  const codeOf = (bytes: Uint8Array): unknown => {
    try {
      parseOcspResponse(bytes);
      return 'ok';
    } catch (error) {
      return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
    }
  };
  const good = (): Uint8Array => world.vendor.answer(world.gpu.certificates, 2);

  it.each([1, 2, 3, 5, 6])('a responder that refuses with %i', (status) => {
    expect(codeOf(ocspRefusal(status))).toBe('ocsp-unsuccessful');
  });

  it.each<readonly [string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['text', () => utf8('OCSP')],
    ['success without an answer', () => ocspRefusal(0)],
    ['an indefinite length', () => concatBytes(fromHex('3080'), good().slice(4), fromHex('0000'))],
    ['trailing bytes', () => concatBytes(good(), Uint8Array.of(0))],
    ['more than any answer', () => new Uint8Array(16_385).fill(0x30)],
    [
      'nested too deeply',
      () => Array.from({ length: 40 }).reduce<Uint8Array>((inner) => derSequence(inner), new Uint8Array()),
    ],
    ['a certificate', () => world.gpu.certificates[0] ?? new Uint8Array()],
  ])('%s', (_, bytes) => {
    expect(codeOf(bytes())).toBe('ocsp-malformed');
  });

  it('cut at every length', () => {
    const bytes = good();
    for (let length = 0; length < bytes.byteLength; length += 1) {
      expect(codeOf(bytes.slice(0, length)), `${length} bytes`).toBe('ocsp-malformed');
    }
    expect(codeOf(bytes)).toBe('ok');
  });

  it('with one bit turned anywhere', () => {
    const bytes = good();
    const others = world.ocsp;
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 157) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(changed), `bit ${bit}`).toMatch(/^(?:ok|ocsp-)/);
      if (bit % 5 === 0) expectNotTrusted(changed, others);
    }
  });

  /** A changed answer never stands for the one it was: the certificate is then without, or the evidence is refused. */
  function expectNotTrusted(changed: Uint8Array, others: readonly Uint8Array[]): void {
    const rest = others.filter((answer) => parseOcspResponse(answer).answers[0]?.serial !== serialOfProvisioner());
    const { failures, revocation } = judge([...rest, changed]);
    expect(failures.length > 0 || revocation !== 'ok').toBe(true);
    expect(failures.every((failure) => !failure.includes('attestation-internal'))).toBe(true);
  }

  function serialOfProvisioner(): string | undefined {
    return parseOcspResponse(good()).answers[0]?.serial;
  }
});
