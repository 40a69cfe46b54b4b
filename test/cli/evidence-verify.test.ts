// `wardround evidence verify`: 0 accepted, 10 not authentic, 20 authentic but not accepted, 2 unreadable; tried with the simulated vendor.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import type { Evidence } from '@wardround/attestation/evidence';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { simulatedEvidence } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import { toHex } from '@wardround/protocol/bytes';
import { wardround } from './run-wardround.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nonce = 'ab'.repeat(32);
const measurement = '5e'.repeat(48);
const at = '2026-11-23T12:00:00Z';
let evidence: Evidence;

beforeAll(async () => {
  const vendor = await createSimulatedVendor({ product: 'Turin', at: new Date(at) });
  const chip = await vendor.issueChip();
  const endorsements = await endorse(vendor, chip);
  evidence = simulatedEvidence({ chip, endorsements, nonce, sessionOpen: 'cd'.repeat(32), measurement });
  const leaf = findSnpLeaf(parseCertificates([chip.certificate]));
  const policy = examplePolicy({
    measurement,
    chipIds: leaf.hardwareId === undefined ? [] : [toHex(leaf.hardwareId)],
    product: 'Turin',
    minimumTcb: leaf.tcb,
    minimumGuestSvn: 0,
    simulatedRoots: [vendor.rootSha256],
  });
  writeFileSync(join(folder, 'policy.yaml'), policy);
  writeFileSync(join(folder, 'other-root.yaml'), policy.replace(vendor.rootSha256, '11'.repeat(32)));
  writeFileSync(join(folder, 'other-code.yaml'), policy.replace(measurement, '22'.repeat(48)));
  writeFileSync(join(folder, 'typo.yaml'), policy.replace('maxEvidenceAgeSeconds', 'maxEvidenceAgeSecond'));
  writeFileSync(join(folder, 'bundle.json'), JSON.stringify(evidence, null, 2));
});

async function verify({
  bundle = 'bundle.json',
  policy = 'policy.yaml',
  answer = nonce,
  extra = [] as readonly string[],
} = {}): Promise<{
  status: number | null;
  document: unknown;
}> {
  const paths = [join(folder, bundle), '--policy', join(folder, policy)];
  const { status, stdout } = await wardround([
    'evidence',
    'verify',
    ...paths,
    '--nonce',
    answer,
    '--at',
    at,
    '--json',
    ...extra,
  ]);
  return { status, document: JSON.parse(stdout) };
}

const failedStep = (code: string): unknown => ({
  steps: expect.arrayContaining([expect.objectContaining({ status: 'failed', code })]),
});

describe('wardround evidence verify', () => {
  it('exits 0 where the policy accepts it, and says that it is simulated', async () => {
    expect(await verify()).toMatchObject({ status: 0, document: { authentic: true, accepted: true, simulated: true } });
  });

  it('exits 20 for another nonce, another session, other code', async () => {
    expect(await verify({ answer: '00'.repeat(32) })).toMatchObject({
      status: 20,
      document: failedStep('evidence-nonce'),
    });
    const other = await verify({ extra: ['--session', 'ee'.repeat(32)] });
    expect(other).toMatchObject({ status: 20, document: failedStep('evidence-session') });
    expect(await verify({ policy: 'other-code.yaml' })).toMatchObject({
      status: 20,
      document: { authentic: true, accepted: false },
    });
  });

  it('exits 10 where the root is not the one that the policy names', async () => {
    const refused = await verify({ policy: 'other-root.yaml' });
    expect(refused).toMatchObject({ status: 10, document: failedStep('snp-root-untrusted') });
  });

  it('exits 2 for what cannot be read', async () => {
    writeFileSync(join(folder, 'extra.json'), JSON.stringify({ ...evidence, more: 1 }));
    writeFileSync(join(folder, 'twice.json'), JSON.stringify(evidence).replace('{', '{"kind":"Evidence",'));
    expect(await verify({ bundle: 'extra.json' })).toMatchObject({
      status: 2,
      document: { error: { code: 'evidence-invalid' } },
    });
    expect(await verify({ bundle: 'twice.json' })).toMatchObject({
      status: 2,
      document: { error: { code: 'json-duplicate-key' } },
    });
    expect(await verify({ bundle: 'none.json' })).toMatchObject({
      status: 2,
      document: { error: { code: 'file-unreadable' } },
    });
    expect(await verify({ policy: 'typo.yaml' })).toMatchObject({
      status: 2,
      document: { error: { code: 'policy-invalid' } },
    });
    expect(await verify({ answer: 'xyz' })).toMatchObject({ status: 2, document: { error: { code: 'hex-invalid' } } });
  });
});

describe('wardround evidence replay', () => {
  const record = join(folder, 'record.json');
  const replay = async (path: string): Promise<{ status: number | null; stdout: string }> =>
    await wardround(['evidence', 'replay', path, '--json']);

  it('judges a saved appraisal the same again, and nothing is overwritten', async () => {
    expect(await verify({ extra: ['--save', record] })).toMatchObject({ status: 0 });
    const { status, stdout } = await replay(record);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'AppraisalReplay',
      same: true,
      steps: [],
      report: { accepted: true },
    });
    expect(await verify({ extra: ['--save', record] })).toMatchObject({
      status: 2,
      document: { error: { code: 'file-unwritable' } },
    });
  });

  it('exits as verify does for a refusal, and 30 where another outcome is recorded', async () => {
    const refused = join(folder, 'refused.json');
    expect(await verify({ policy: 'other-code.yaml', extra: ['--save', refused] })).toMatchObject({ status: 20 });
    expect(await replay(refused)).toMatchObject({ status: 20 });
    const edited = join(folder, 'edited.json');
    writeFileSync(edited, readFileSync(refused, 'utf8').replace('"accepted":false', '"accepted":true'));
    const { status, stdout } = await replay(edited);
    expect(status).toBe(30);
    expect(JSON.parse(stdout)).toMatchObject({ same: false, differing: ['accepted'] });
    expect((await wardround(['evidence', 'replay', edited])).stdout).toContain('ANOTHER OUTCOME');
  });

  it('exits 2 for what is no record, and for a mirror that is not there', async () => {
    expect(await replay(join(folder, 'bundle.json'))).toMatchObject({ status: 2 });
    expect(await verify({ extra: ['--mirror', join(folder, 'nowhere')] })).toMatchObject({
      status: 2,
      document: { error: { code: 'collateral-missing' } },
    });
  });
});
