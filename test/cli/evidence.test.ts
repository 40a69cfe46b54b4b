// `wardround evidence`: statuses and documents that others build on, tried with genuine reports.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sharedFolder, wardround } from './run-wardround.ts';

const vectors = join(sharedFolder, 'vectors/snp');
const haveVectors = existsSync(vectors);
if (!haveVectors) console.warn(`SKIPPED: no genuine evidence in ${vectors}; set WARDROUND_SHARED_DIR`);

const folder = mkdtempSync(join(tmpdir(), 'wardround-evidence-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const turin = {
  report: join(vectors, 'ms-tee-av/turin_attestation_report.bin'),
  cert: join(vectors, 'ms-tee-av/turin_vcek.pem'),
  chain: ['turin_ask.pem', 'turin_ark.pem'].map((name) => join(vectors, 'ms-tee-av', name)),
};
const at = '2026-10-01T00:00:00Z';

function inspect(
  overrides: { report?: string; cert?: string; chain?: readonly string[]; at?: string } = {},
): readonly string[] {
  const { report, cert, chain, at: when } = { ...turin, at, ...overrides };
  const chains = chain.flatMap((path) => ['--chain', path]);
  return ['evidence', 'inspect', '--kind', 'snp', '--report', report, '--cert', cert, ...chains, '--at', when];
}

function spoiled(path: string, change: (bytes: Buffer) => Buffer): string {
  const target = join(folder, `${Math.random()}.bin`);
  writeFileSync(target, change(readFileSync(path)));
  return target;
}

describe.skipIf(!haveVectors)('wardround evidence inspect', () => {
  it('says that a genuine report is', async () => {
    const { status, stdout, stderr } = await wardround([...inspect(), '--json']);
    const document: unknown = JSON.parse(stdout);
    expect(document).toMatchObject({
      kind: 'snp',
      authentic: true,
      fields: {
        version: 5,
        product: 'Turin',
        policy: '0x3001f',
        vmpl: 0,
        reportedTcb: { fmc: 1, bootLoader: 1, tee: 1, snp: 4, microcode: 81 },
      },
    });
    expect(document).toMatchObject({
      steps: expect.arrayContaining([{ name: 'revocation', status: 'not-evaluated', reason: 'no CRL given' }]),
    });
    expect(status).toBe(0);
    expect(stderr).toBe('');
  });

  it('prints a checklist for people', async () => {
    const { status, stdout } = await wardround(inspect());
    expect(status).toBe(0);
    expect(stdout).toContain('AUTHENTIC');
    expect(stdout).toContain('✔ signature');
  });

  it.each([
    [
      'one bit of the measurement is flipped',
      { change: (b: Buffer) => Buffer.from(b).fill((b[0x90] ?? 0) ^ 1, 0x90, 0x91) },
    ],
    [
      'one bit of the signature is flipped',
      { change: (b: Buffer) => Buffer.from(b).fill((b[0x2a0] ?? 0) ^ 1, 0x2a0, 0x2a1) },
    ],
    ['the version is not known', { change: (b: Buffer) => Buffer.from(b).fill(9, 0, 1) }],
  ])('exits 10 where %s', async (_name, { change }) => {
    const { status, stdout } = await wardround([...inspect({ report: spoiled(turin.report, change) }), '--json']);
    expect(status).toBe(10);
    expect(JSON.parse(stdout)).toMatchObject({ authentic: false });
  });

  it('exits 10 where the chain is not given, or had expired', async () => {
    expect((await wardround(inspect({ chain: [] }))).status).toBe(10);
    expect((await wardround(inspect({ at: '2050-01-01T00:00:00Z' }))).status).toBe(10);
  });

  it.each([
    ['a file is not there', { report: '/nonexistent' }, 'file-unreadable'],
    ['the report is cut', { report: 'cut' }, 'snp-report-size'],
    ['the certificate is none', { cert: 'not-a-certificate' }, 'pem-malformed'],
    ['the time is none', { at: 'yesterday' }, 'instant-invalid'],
    ['the time has no zone', { at: '2026-10-01T00:00:00' }, 'instant-invalid'],
  ])('exits 2 where %s', async (_name, overrides, code) => {
    const files: Record<string, string> = {
      cut: spoiled(turin.report, (bytes) => bytes.subarray(0, -1)),
      'not-a-certificate': spoiled(turin.report, () => Buffer.from('hello')),
    };
    const given = Object.fromEntries(Object.entries(overrides).map(([key, value]) => [key, files[value] ?? value]));
    const { status, stdout, stderr } = await wardround([...inspect(given), '--json']);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
    expect(stderr).toContain(`[${code}]`);
  });

  it('exits 2 for a sort of evidence that it does not know', async () => {
    expect((await wardround([...inspect(), '--kind', 'sgx'])).status).toBe(2);
  });
});
