// A site's mirror beside a bundle: it may hold what belongs to other machines, and what it revokes stays revoked.
import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url } from '@wardround/protocol/bytes';
import type { MirroredEndorsement } from '@wardround/attestation/composite/contents';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { allOk } from '@wardround/attestation/steps';
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
