// `wardround evidence inspect --kind tdx`, tried with genuine quotes: what others build on, and what spoiled collateral gets.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sharedFolder, wardround } from './run-wardround.ts';

const vectors = join(sharedFolder, 'vectors/tdx');
const haveVectors = existsSync(vectors);
if (!haveVectors) console.warn(`SKIPPED: no genuine evidence in ${vectors}; set WARDROUND_SHARED_DIR`);

const folder = mkdtempSync(join(tmpdir(), 'wardround-tdx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const quote = join(vectors, 'dcap-qvl/tdx_quote');
const collateral = join(vectors, 'dcap-qvl/tdx_quote_collateral.json');

function inspect(options: Readonly<Record<string, string>>): readonly string[] {
  const given = { quote, at: '2025-06-20T00:00:00Z', ...options };
  const pairs = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
  return ['evidence', 'inspect', '--kind', 'tdx', ...pairs, '--json'];
}

const documentSchema = z.looseObject({
  steps: z.array(z.looseObject({ name: z.string(), status: z.string(), code: z.string().optional() })),
});

function failuresIn(stdout: string): readonly string[] {
  const { steps } = documentSchema.parse(JSON.parse(stdout));
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

/** A file of collateral with one member changed; undefined leaves it out. */
function changed(member: string, change: (value: string) => string | undefined): string {
  const file = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(collateral, 'utf8')));
  const value = change(file[member] ?? '');
  const { [member]: _, ...rest } = file;
  const path = join(folder, `${member}-${Math.random()}.json`);
  writeFileSync(path, JSON.stringify(value === undefined ? rest : { ...rest, [member]: value }));
  return path;
}

describe.skipIf(!haveVectors)('wardround evidence inspect --kind tdx', () => {
  it('says that a genuine quote is, and up to date', async () => {
    const { status, stdout, stderr } = await wardround(inspect({ collateral }));
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'tdx',
      authentic: true,
      simulated: false,
      fields: {
        tcbStatus: 'UpToDate',
        advisoryIds: [],
        mrtd: expect.stringMatching(/^91eb2b44/),
        rtmr0: expect.stringMatching(/^44c0197b/),
        rtmr3: '00'.repeat(48),
        reportData: expect.stringMatching(/^9a9d48e7/),
      },
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('leaves open what was not given', async () => {
    const { status, stdout } = await wardround(inspect({}));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ authentic: true, fields: { tcbStatus: null, advisoryIds: null } });
    const { steps } = documentSchema.parse(JSON.parse(stdout));
    expect(steps).toContainEqual(expect.objectContaining({ name: 'revocation', status: 'not-evaluated' }));
  });

  it('takes files of their own', async () => {
    const chain = join(vectors, 'dcap-qvl/tcb_info_issuer_chain_2032.pem');
    const { status, stdout } = await wardround(
      inspect({
        quote: join(vectors, 'trustee/tdx_quote_6.dat'),
        'tcb-info': join(vectors, 'trustee/tcbInfo.json'),
        'qe-identity': join(vectors, 'trustee/enclaveIdentity.json'),
        'issuer-chain': chain,
        'root-crl': join(vectors, 'dcap-qvl/root_ca_crl_2025-03-20.der'),
        at: '2025-11-01T00:00:00Z',
      }),
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ authentic: true, fields: { tcbStatus: 'OutOfDate' } });
  });

  it('replays an event log', async () => {
    const cos = join(vectors, 'go-tdx-guest/ccel/cos-113-tdx-quote.dat');
    const log = (path: string): readonly string[] => inspect({ quote: cos, 'event-log': join(vectors, path) });
    expect((await wardround(log('go-tdx-guest/ccel/ccel_data.dat'))).status).toBe(0);
    const { status, stdout } = await wardround(log('trustee/CCEL_data_ovmf'));
    expect([status, failuresIn(stdout)]).toEqual([10, ['event-log: tdx-event-log']]);
  });

  const spoiled: readonly (readonly [string, string, (value: string) => string, string])[] = [
    ['a list with a wrong signature', 'pck_crl', (hex) => `${hex.slice(0, -1)}0`, 'revocation: tdx-crl-signature'],
    ['a list that is none', 'pck_crl', () => 'deadbeef', 'revocation: pem-malformed'],
    ['a list that is cut', 'root_ca_crl', (hex) => hex.slice(0, 100), 'revocation: crl-malformed'],
    [
      'changed TCB info',
      'tcb_info',
      (text) => text.replace('UpToDate', 'OutOfDate'),
      'tcb-info: tdx-collateral-signature',
    ],
    ['no signature of TCB info', 'tcb_info_signature', () => '00', 'tcb-info: tdx-collateral-malformed'],
    ['another signer', 'qe_identity_issuer_chain', () => 'hello', 'qe-identity: pem-malformed'],
  ];
  it.each(spoiled)('exits 10 for %s', async (_name, member, change, failure) => {
    const { status, stdout } = await wardround(inspect({ collateral: changed(member, change) }));
    expect([status, failuresIn(stdout)]).toEqual([10, [failure]]);
    expect(JSON.parse(stdout)).toMatchObject({ authentic: false });
  });

  it('exits 10 for collateral of another time', async () => {
    const { status, stdout } = await wardround(inspect({ collateral, at: '2025-08-01T00:00:00Z' }));
    expect(status).toBe(10);
    expect(failuresIn(stdout)).toEqual([
      'tcb-info-current: tdx-collateral-expired',
      'qe-identity-current: tdx-collateral-expired',
      'revocation: tdx-crl-expired',
    ]);
  });

  it('exits 2 for what is no quote or no file of collateral, and for options of another sort', async () => {
    const cut = join(folder, 'cut');
    writeFileSync(cut, readFileSync(quote).subarray(0, 1000));
    for (const [options, code] of [
      [{ quote: cut }, 'tdx-quote-truncated'],
      [{ collateral: quote }, 'tdx-collateral-file'],
      [{ report: quote }, 'option-foreign'],
    ] as const) {
      const { status, stdout } = await wardround(inspect(options));
      expect(status).toBe(2);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
    }
  });
});
