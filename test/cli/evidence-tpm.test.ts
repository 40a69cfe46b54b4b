// `wardround evidence inspect` for TPM quotes and Azure machines: statuses and documents that others build on, tried with genuine evidence.
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sharedFolder, wardround } from './run-wardround.ts';

const vectors = join(sharedFolder, 'vectors');
const haveVectors = existsSync(vectors);
if (!haveVectors) console.warn(`SKIPPED: no genuine evidence in ${vectors}; set WARDROUND_SHARED_DIR`);

const folder = mkdtempSync(join(tmpdir(), 'wardround-evidence-tpm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const inspect = (kind: string, ...words: readonly string[]): readonly string[] => [
  'evidence',
  'inspect',
  '--kind',
  kind,
  ...words,
  '--at',
  '2025-06-01T00:00:00Z',
];
const azure = (name: string): string => join(vectors, 'azure', name);
const failed = (stdout: string): readonly string[] =>
  z
    .looseObject({ steps: z.array(z.looseObject({ name: z.string(), status: z.string() })) })
    .parse(JSON.parse(stdout))
    .steps.filter(({ status }) => status === 'failed')
    .map(({ name }) => name);

describe.skipIf(!haveVectors)('wardround evidence inspect --kind tpm', () => {
  const quoteSchema = z.object({ message: z.string(), signature: z.string(), pcrs: z.array(z.string()) });
  const sample = haveVectors
    ? quoteSchema.parse(JSON.parse(readFileSync(azure('az-snp-vtpm/tpm-quote-v1.json'), 'utf8')))
    : { message: '', signature: '', pcrs: [] };
  /** The key, as the same folder's HCL report names it. */
  const key = (): string => {
    const report = readFileSync(azure('az-snp-vtpm/hcl-report.bin'));
    const claims: unknown = JSON.parse(report.subarray(0x4d4, 0x4d4 + report.readUInt32LE(0x4d0)).toString('utf8'));
    const keys = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())) }).parse(claims).keys;
    return written('ak.pem', pemOf(keys[0] ?? {}));
  };
  const words = (changed: Readonly<Record<string, string>> = {}): readonly string[] => {
    const given = {
      quote: written('quote.msg', Buffer.from(sample.message, 'hex')),
      signature: written('quote.sig', Buffer.from(sample.signature, 'hex')),
      ak: key(),
      pcrs: written('pcrs.json', JSON.stringify({ sha256: Object.fromEntries(sample.pcrs.entries()) })),
      nonce: Buffer.from('challenge').toString('hex'),
      ...changed,
    };
    return Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
  };

  it('says that a genuine quote is, and that nobody vouches for a bare key', async () => {
    const { status, stdout } = await wardround([...inspect('tpm', ...words()), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'tpm',
      authentic: true,
      simulated: false,
      fields: { bank: 'sha256', resetCount: 3, attestationKey: { origin: 'bare' } },
    });
    expect(status).toBe(0);
  });

  it('reads hex text, and values one after the other', async () => {
    const form = {
      quote: written('quote.hex', `${sample.message}\n`),
      signature: written('signature.hex', sample.signature),
      pcrs: written('values.bin', Buffer.from(sample.pcrs.join(''), 'hex')),
    };
    const { status, stdout } = await wardround(inspect('tpm', ...words(form)));
    expect(stdout).toContain('NOBODY VOUCHES FOR THIS KEY');
    expect(status).toBe(0);
  });

  it('answers 10 to what is wrong, and 2 to what is none', async () => {
    const other = written('other.json', JSON.stringify(sample.pcrs.toReversed()));
    const noTpm = written('magic.msg', Buffer.from(sample.message.replace(/^ff/, 'fe'), 'hex'));
    const cases = [
      [{ nonce: '00', pcrs: other }, 10, ['tpm-nonce', 'pcr-values']],
      [{ quote: noTpm }, 10, ['tpm-quote']],
    ] as const;
    for (const [changed, expected, steps] of cases) {
      const { status, stdout } = await wardround([...inspect('tpm', ...words(changed)), '--json']);
      expect(failed(stdout)).toEqual(steps);
      expect(status).toBe(expected);
    }
    const cut = written('cut.msg', Buffer.from(sample.message.slice(0, -2), 'hex'));
    for (const changed of [{ quote: cut }, { pcrs: cut }])
      expect((await wardround([...inspect('tpm', ...words(changed)), '--json'])).status).toBe(2);
  });
});

function pemOf(jwk: Readonly<Record<string, unknown>>): string {
  const { n, e } = z.looseObject({ n: z.string(), e: z.string() }).parse(jwk);
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString();
}

describe.skipIf(!haveVectors)('wardround evidence inspect --kind azure-snp and azure-tdx', () => {
  const amd = join(vectors, 'snp/chains/ask_ark_milan.pem');
  const nonce = Buffer.from('challenge').toString('hex');

  it('judge a machine from the processor to the registers', async () => {
    const snp = await wardround([
      ...inspect('azure-snp', azure('az-snp-vtpm/evidence-v1.json'), '--chain', amd, '--nonce', nonce),
      '--json',
    ]);
    expect(JSON.parse(snp.stdout)).toMatchObject({
      kind: 'azure-snp',
      authentic: true,
      fields: { hcl: { secureBoot: true }, snp: { product: 'Milan' }, tpm: { bank: 'sha256' } },
    });
    expect(snp.status).toBe(0);
    const tdx = await wardround([
      ...inspect('azure-tdx', azure('az-tdx-vtpm/evidence-v1.json'), '--nonce', nonce),
      '--json',
    ]);
    expect(JSON.parse(tdx.stdout)).toMatchObject({
      kind: 'azure-tdx',
      authentic: true,
      fields: { hcl: { platform: 'tdx' }, tdx: { version: 4 }, tpm: { bank: 'sha256' } },
    });
    expect(tdx.status).toBe(0);
  });

  it('answer 10 to what is wrong, and 2 to what is none', async () => {
    const wrong = await wardround([
      ...inspect('azure-snp', azure('kinvolk/hcl-report-snp.bin'), '--cert', azure('kinvolk/certs.pem')),
      '--json',
    ]);
    expect(failed(wrong.stdout)).toEqual(['chip-id', 'signature']);
    expect(wrong.status).toBe(10);
    expect((await wardround(inspect('azure-snp', written('none.json', '{}')))).status).toBe(2);
  });
});
