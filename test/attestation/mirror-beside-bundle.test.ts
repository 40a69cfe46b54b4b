// A site's mirror beside a bundle: it may hold what belongs to other machines, and what it revokes stays revoked.
import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { sha256, toBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import { reportDataFor } from '@wardround/attestation/binding';
import type { ItemKey } from '@wardround/attestation/collateral/item-key';
import type { MirrorFiles, VerifiedMirror } from '@wardround/attestation/collateral/read-mirror';
import { readMirror, readingAt } from '@wardround/attestation/collateral/read-mirror';
import { parseEvidence } from '@wardround/attestation/evidence';
import { pemOf } from '@wardround/attestation/simulated/intel/platform';
import { parseCertificate } from '@wardround/attestation/x509/certificate';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { allOk } from '@wardround/attestation/steps';
import { makeTdxWorld, rulesFor, usualImage } from './tdx-world.ts';
import type { World } from './world.ts';
import { at, dayMs, evidenceOf, failuresOf, makeWorld, nonce, policyFor, sessionOpen } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await makeWorld('Genoa');
}, 120_000);

function mirrored(...certificates: readonly Bytes[]): readonly MirroredEndorsement[] {
  return certificates.map((der) => ({ endorsement: { type: 'certificate', der: toBase64Url(der) }, mirroredAt: at }));
}

function refusals(mirror: readonly MirroredEndorsement[]): readonly string[] {
  const expected = { nonce, sessionOpenDigest: sessionOpen };
  const policy = parsePolicy(policyFor(world));
  const report = verifyEnclave({ evidence: evidenceOf(world), policy, expected, at, mirror });
  expect(report.accepted).toBe(failuresOf(report).length === 0);
  return failuresOf(report);
}

describe('certificates of chips in a site’s mirror', () => {
  it('of other machines, however many, are no reason to refuse this one', async () => {
    const others = await Promise.all(Array.from({ length: 20 }, async () => await world.vendor.issueChip()));
    expect(refusals(mirrored(...others.map(({ certificate }) => certificate)))).toEqual([]);
  });

  it('for this chip with the same key, signed anew, stand beside the bundle’s', async () => {
    const validity = { notBefore: at, notAfter: new Date(at.getTime() + dayMs) };
    const { chipId, tcb, secretKey } = world.chip;
    const key = { publicKey: createPublicKey(secretKey), privateKey: secretKey };
    const anew = await world.vendor.issueChip({ chipId, tcb, key, validity });
    expect(anew.certificate).not.toEqual(world.chip.certificate);
    expect(refusals(mirrored(anew.certificate))).toEqual([]);
  });

  it('for this chip with another key are not chosen from', async () => {
    const { chipId, tcb } = world.chip;
    const twin = await world.vendor.issueChip({ chipId, tcb });
    expect(refusals(mirrored(twin.certificate))).toContain('leaf: snp-leaf-ambiguous');
  });
});

describe('Intel’s revocation lists in a site’s mirror', () => {
  it('count beside a bundle’s own collateral, alone, and when they are out of date', async () => {
    const intel = await makeTdxWorld();
    const { platform, vendor, collateral } = intel;
    const gpuEvidence = 'none' as const;
    const quote = platform.makeQuote({ td: { reportData: reportDataFor({ nonce, sessionOpen, gpuEvidence }) } });
    const chain = (ders: readonly Uint8Array[]): string[] => ders.map((der) => toBase64Url(der));
    const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
    const evidence = parseEvidence({
      kind: 'Evidence',
      version: 1,
      binding: { nonce, sessionOpen, gpuEvidence, carriedBy: 'cpu' },
      evidence: [
        { type: 'tdx', quote: toBase64Url(quote), eventLog: 'none' },
        { type: 'none', of: 'gpu' },
      ],
      endorsements: [
        {
          type: 'tdxCollateral',
          tcbInfo: text(collateral.tcbInfo),
          tcbInfoIssuerChain: chain(collateral.tcbInfoIssuerChain),
          qeIdentity: text(collateral.qeIdentity),
          qeIdentityIssuerChain: chain(collateral.qeIdentityIssuerChain),
          pckCrl: toBase64Url(collateral.pckCrl ?? new Uint8Array()),
          pckCrlIssuerChain: chain(collateral.pckCrlIssuerChain),
          rootCrl: toBase64Url(collateral.rootCrl ?? new Uint8Array()),
        },
      ],
    });
    const policy = parsePolicy({
      ...policyFor(world),
      platforms: { sevSnp: 'refused', azureSnpVtpm: 'refused', azureTdxVtpm: 'refused', tdx: rulesFor(intel) },
      measurements: [usualImage],
      simulatedPlatform: { roots: [vendor.rootSha256] },
    });
    const roots = { simulated: [vendor.rootSha256] };
    const judged = async (revoked: readonly string[], nextUpdate?: Date): Promise<readonly string[]> => {
      const window = nextUpdate === undefined ? {} : { thisUpdate: new Date(at.getTime() - 2 * dayMs), nextUpdate };
      const content = await vendor.issueCrl('pck', { revoked, ...window });
      const pem = Buffer.from(platform.chain.slice(1).map(pemOf).join(''));
      const reading = readMirror(mirrorFiles({ kind: 'intelPckCrl', ca: 'platform' }, content, pem), { at, roots });
      expect(reading.refused).toEqual([]);
      const expected = { nonce, sessionOpenDigest: sessionOpen };
      const report = verifyEnclave({ evidence, policy, expected, at, mirror: reading.mirrored });
      expect(report.accepted).toBe(failuresOf(report).length === 0);
      return failuresOf(report);
    };
    const { serial } = parseCertificate(platform.chain[0] ?? new Uint8Array());
    expect(await judged([])).toEqual([]);
    expect(await judged(['77'])).toEqual([]);
    expect(await judged([serial])).toContain('revocation: tdx-revoked');
    expect(await judged([serial], new Date(at.getTime() - dayMs))).toContain('revocation: tdx-revoked');
  });
});

/** A mirror with one item. */
function mirrorFiles(key: ItemKey, content: Uint8Array, chain: Uint8Array): MirrorFiles {
  const files = new Map([content, chain].map((bytes) => [toHex(sha256(bytes)), bytes]));
  const [name = '', chainName = ''] = files.keys();
  const times = { mirroredAt: at.toISOString(), checkedAt: at.toISOString() };
  const item = { key, sha256: name, bytes: content.byteLength, chain: chainName, source: 'a test', ...times };
  return {
    index: utf8(JSON.stringify({ kind: 'CollateralIndex', version: 1, items: [item] })),
    file: (digest) => files.get(digest) ?? null,
  };
}

describe('an answer of NVIDIA’s responder', () => {
  it('that is out of date is handed on if it revokes, and not if it vouches', () => {
    const answered = (revoked: boolean): VerifiedMirror => {
      const key: ItemKey = { kind: 'nvidiaOcsp', certificate: '0c'.repeat(32) };
      const long = new Date(at.getTime() - 10 * dayMs);
      const times = { mirroredAt: long.toISOString(), checkedAt: long.toISOString() };
      const item = { key, sha256: '0a'.repeat(32), bytes: 1, chain: null, source: 'a test', ...times };
      const verified = {
        key,
        edition: [long.getTime()],
        issued: long,
        validFrom: long,
        validUntil: new Date(at.getTime() - dayMs),
        simulated: false,
        revoked,
        endorsements: [{ type: 'ocsp' as const, response: 'AA' }],
        intel: null,
      };
      return { items: [{ item, verified }], refused: [] };
    };
    const handed = (revoked: boolean, when: Date): number => readingAt(answered(revoked), when).mirrored.length;
    expect([handed(true, at), handed(false, at)]).toEqual([1, 0]);
    const during = new Date(at.getTime() - 2 * dayMs);
    expect([handed(true, during), handed(false, during)]).toEqual([1, 1]);
    expect(() => handed(true, new Date(Number.NaN))).toThrow('not an instant');
  });
});

describe('a step that was made twice', () => {
  it('is ok only if it was each time', () => {
    const ok = { name: 'chain', status: 'ok' } as const;
    expect(allOk([ok, ok], ['chain'])).toBe(true);
    for (const status of ['failed', 'not-evaluated'] as const) {
      expect(allOk([ok, { name: 'chain', status }], ['chain'])).toBe(false);
      expect(allOk([{ name: 'chain', status }, ok], ['chain'])).toBe(false);
    }
    expect(allOk([ok], ['chain', 'leaf'])).toBe(false);
  });
});
