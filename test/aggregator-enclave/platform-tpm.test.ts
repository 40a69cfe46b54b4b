// The TPM collector against a real software TPM; Azure's platforms on it, appraised by the genuine verifier; and each refusal.
import { createServer, type Server } from 'node:http';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAzureSnp } from '@wardround/attestation/azure/verify-snp';
import { qualifyingDataFor } from '@wardround/attestation/binding';
import type { EvidenceItem } from '@wardround/attestation/evidence';
import { parseEvidence } from '@wardround/attestation/evidence';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';
import { endorse, type SimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { trustedRoots } from '@wardround/attestation/roots';
import { StepLog } from '@wardround/attestation/steps';
import { fromBase64Url, fromHex, toHex } from '@wardround/protocol/bytes';
import { azureSnpPlatform, azureTdxPlatform, type AzureSettings } from '../../aggregator-enclave/src/platform/azure.ts';
import { deviceFiles } from '../../aggregator-enclave/src/platform/device-files.ts';
import { type Hardware, systemHardware, tpmSettings } from '../../aggregator-enclave/src/platform/hardware.ts';
import { azure, Tpm } from '../../aggregator-enclave/src/platform/tpm2-tools.ts';
import { haveSoftwareTpm, nvBytes, paravisorReport, SoftwareTpm } from './software-tpm.ts';
import { fakeTdQuote } from './td-quotes.ts';

const reportData = new Uint8Array(64).fill(0x5a);
const measurement = new Uint8Array(48).fill(0x11);
const noLog = join(tmpdir(), 'wardround-no-such-log');
const hardware: Hardware = { ...systemHardware, tpmEventLog: noLog };

function tpmItem(items: readonly EvidenceItem[]): Extract<EvidenceItem, { type: 'tpmQuote' }> {
  const item = items.find((entry) => entry.type === 'tpmQuote');
  if (item === undefined) throw new Error('no quote');
  return item;
}

describe.skipIf(!haveSoftwareTpm)('a software TPM', () => {
  let tpm: SoftwareTpm;
  let endorsements: SimulatedEndorsements;
  let chip: SimulatedChip;
  let settings: AzureSettings;

  beforeAll(async () => {
    tpm = await SoftwareTpm.start();
    const vendor = await createSimulatedVendor({ product: 'Turin', at: new Date() });
    chip = await vendor.issueChip();
    endorsements = await endorse(vendor, chip);
    settings = { tcti: tpm.tcti, userData: 'asBooted', collateral: async () => await Promise.resolve([]) };
    await tpm.define(azure.hclReport, nvBytes);
    await tpm.write(azure.hclReport, await paravisorReport(tpm, { userData: '', measurement, chip }));
  }, 120_000);
  afterAll(async () => {
    await tpm.stop();
  });

  const collector = (change: { readonly tcti?: string; readonly attestationKey?: string } = {}): Tpm =>
    new Tpm(tpmSettings(hardware, { tcti: tpm.tcti, attestationKey: azure.attestationKey, ...change }));

  it('quotes all registers over what it was asked', async () => {
    const { pcrs, signature } = await collector().quote(reportData);
    expect(pcrs.map(({ index }) => index)).toEqual(Array.from({ length: 24 }, (_, index) => index));
    expect(pcrs[0]?.value).toMatch(/^[0-9a-f]{64}$/);
    expect(toHex(signature.subarray(0, 4))).toBe('0014000b');
  }, 60_000);

  it('has its quote accepted by the genuine verifier, for this very question', async () => {
    await tpm.tool('tpm2_pcrextend', `7:sha256=${'ab'.repeat(32)}`);
    const platform = await azureSnpPlatform(hardware, settings);
    const { items } = await platform.attest(reportData);
    const item = tpmItem(items);
    expect([platform.kind, platform.measurement]).toEqual(['azureSnpVtpm', toHex(measurement)]);
    expect(platform.registers?.values).toEqual(item.pcrs.map(({ value }) => value));
    const appraise = (nonce: Uint8Array): readonly string[] => {
      const log = new StepLog();
      verifyAzureSnp(
        {
          hclReport: fromBase64Url(item.hclReport),
          quote: {
            message: fromBase64Url(item.quote),
            signature: fromBase64Url(item.signature),
            pcrs: { form: 'ordered', values: item.pcrs.map(({ value }) => fromHex(value, 32)) },
            nonce,
            eventLog: undefined,
          },
          certificates: endorsements.certificates.map(fromBase64Url),
          crls: endorsements.crls.map(fromBase64Url),
          at: new Date(),
          roots: trustedRoots([endorsements.rootSha256]),
        },
        log,
      );
      return log.steps.filter(({ status }) => status === 'failed').map(({ name }) => name);
    };
    expect(appraise(qualifyingDataFor(reportData))).toEqual([]);
    expect(appraise(reportData)).toEqual(['tpm-nonce']);
    const bundle = {
      kind: 'Evidence',
      version: 1,
      binding: { nonce: 'ab'.repeat(32), sessionOpen: 'cd'.repeat(32), gpuEvidence: 'none', carriedBy: 'tpm' },
      evidence: [...items, { type: 'none', of: 'gpu' }],
      endorsements: [],
    };
    expect(parseEvidence(bundle).evidence).toHaveLength(2);
  }, 60_000);

  it('has the paravisor make a new report, where the paravisor does', async () => {
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
      const userData = toHex(await tpm.read(azure.userData));
      await tpm.write(azure.hclReport, await paravisorReport(tpm, { userData, measurement, chip }));
    };
    const platform = await azureSnpPlatform({ ...hardware, pause }, { ...settings, userData: 'fresh' });
    const before = pauses;
    const { hclReport } = tpmItem((await platform.attest(reportData)).items);
    expect(pauses).toBe(before + 1);
    expect(Buffer.from(fromBase64Url(hclReport)).toString('latin1')).toContain('5A'.repeat(64));
  }, 60_000);

  it('refuses a paravisor that makes none, rather than hand on an old one', async () => {
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
      await Promise.resolve();
    };
    await expect(azureSnpPlatform({ ...hardware, pause }, { ...settings, userData: 'fresh' })).rejects.toMatchObject({
      code: 'hcl-report-stale',
      action: 'retry',
    });
    expect(pauses).toBe(40);
  }, 120_000);

  it.each([
    ['no such key', { attestationKey: '0x81000004' }, 'tpm-quote'],
    ['no such TPM', { tcti: 'swtpm:path=/nonexistent/sock' }, 'tpm-quote'],
    ['no device', { tcti: 'device:/nonexistent/tpmrm0' }, 'tpm-absent'],
  ])('refuses: %s', async (_, change, code) => {
    await expect(collector(change).quote(reportData)).rejects.toMatchObject({ code });
  });

  it('refuses an index that does not exist, by name', async () => {
    await expect(collector().readNv('0x01400005')).rejects.toMatchObject({
      code: 'tpm-nv',
      message: expect.stringContaining('0x01400005'),
    });
  });

  it.each([0, 31, 65])('refuses %i bytes where 32 to 64 are asked', async (length) => {
    const data = new Uint8Array(length);
    await expect(collector().quote(data)).rejects.toMatchObject({ code: 'tpm-quote' });
    await expect(collector().writeUserData(data)).rejects.toMatchObject({ code: 'tpm-nv' });
  });

  it('refuses the other hardware’s report', async () => {
    await expect(azureTdxPlatform(hardware, { ...settings, quoteService: 'azureImds' })).rejects.toMatchObject({
      code: 'hcl-hardware-other',
      action: 'stop',
    });
  });

  describe('on Azure with TDX', () => {
    let server: Server;
    let answer: (report: Buffer) => { status: number; body: string };
    let quoteService: string;

    beforeAll(async () => {
      await tpm.write(azure.hclReport, await paravisorReport(tpm, { userData: '', measurement, chip: 'tdx' }));
      server = createServer((incoming, outgoing) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const { report }: { report: string } = JSON.parse(Buffer.concat(chunks).toString());
          const { status, body } = answer(Buffer.from(report, 'base64url'));
          outgoing.writeHead(status).end(body);
        });
      });
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      quoteService = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/acc/tdquote`;
    });
    afterAll(() => {
      server.close();
    });

    const quoteOf = (report: Buffer): string =>
      Buffer.from(fakeTdQuote({ reportData: report.subarray(128, 192), mrTd: measurement })).toString('base64url');
    const platform = async (): ReturnType<typeof azureTdxPlatform> =>
      await azureTdxPlatform({ ...hardware, quoteService }, { ...settings, quoteService: 'azureImds' });

    it('has the TD’s report quoted', async () => {
      answer = (report) => ({ status: 200, body: JSON.stringify({ quote: quoteOf(report) }) });
      const made = await platform();
      const { items } = await made.attest(reportData);
      expect([made.kind, made.measurement, items.map(({ type }) => type)]).toEqual([
        'azureTdxVtpm',
        toHex(measurement),
        ['tdx', 'tpmQuote'],
      ]);
    }, 60_000);

    it.each([
      ['an error', () => ({ status: 500, body: '' }), 'quote-service-answer'],
      ['a redirect', () => ({ status: 302, body: '' }), 'quote-service-answer'],
      ['no JSON', () => ({ status: 200, body: 'hello' }), 'quote-service-answer'],
      ['no quote', () => ({ status: 200, body: '{}' }), 'quote-service-answer'],
      ['other letters', () => ({ status: 200, body: '{"quote":"a b"}' }), 'quote-service-answer'],
      ['too much', () => ({ status: 200, body: 'x'.repeat(70_000) }), 'quote-service-answer'],
      [
        'a long quote',
        () => ({ status: 200, body: JSON.stringify({ quote: 'A'.repeat(20_000) }) }),
        'quote-service-answer',
      ],
      ['no TDX quote', () => ({ status: 200, body: '{"quote":"AAAA"}' }), 'tdx-quote-version'],
      [
        'another report’s quote',
        () => ({ status: 200, body: JSON.stringify({ quote: quoteOf(Buffer.alloc(1024)) }) }),
        'td-quote-other',
      ],
    ])(
      'refuses %s of the quoting service',
      async (_, body, code) => {
        answer = body;
        await expect(platform()).rejects.toMatchObject({ code });
      },
      60_000,
    );

    it('refuses a service that is not there', async () => {
      const gone = { ...hardware, quoteService: 'http://127.0.0.1:1/acc/tdquote' };
      await expect(azureTdxPlatform(gone, { ...settings, quoteService: 'azureImds' })).rejects.toMatchObject({
        code: 'quote-service-unreachable',
      });
    }, 60_000);

    it('asks nobody where that is not allowed', async () => {
      await expect(azureTdxPlatform(hardware, { ...settings, quoteService: 'none' })).rejects.toMatchObject({
        code: 'quote-service-none',
      });
    });
  });
});

describe('the TPM’s programs', () => {
  const settingsOf = (path: string, timeoutMilliseconds = 30_000): ConstructorParameters<typeof Tpm>[0] => ({
    ...tpmSettings(
      { ...hardware, timeoutMilliseconds },
      { tcti: 'swtpm:path=/nonexistent', attestationKey: '0x81000003' },
    ),
    path,
  });

  async function withTool(script: string, work: (path: string) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'wardround-tools-'));
    const tool = join(directory, 'tpm2_quote');
    await writeFile(tool, `#!/bin/sh\n${script}\n`);
    await chmod(tool, 0o755);
    try {
      await work(`${directory}:/usr/bin:/bin`);
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  it('are named where they are not installed', async () => {
    await expect(new Tpm(settingsOf('/nonexistent')).quote(reportData)).rejects.toMatchObject({
      code: 'tpm-tools-absent',
      expected: expect.stringContaining('apt install tpm2-tools'),
    });
  });

  it.each([
    ['hangs', 'exec sleep 1000', 'tpm-timeout'],
    ['fails', 'echo "broken \u001b[31m" >&2; exit 3', 'tpm-quote'],
    ['floods', 'exec yes', 'tpm-quote'],
    ['writes nothing', 'exit 0', 'tpm-quote'],
    ['writes too few registers', ': > quote; : > signature; printf abc > pcrs', 'tpm-quote'],
    ['writes too much', ': > quote; : > signature; head -c 5000 /dev/zero > pcrs', 'device-file-size'],
  ])('one that %s is refused', async (_, script, code) => {
    await withTool(script, async (path) => {
      await expect(new Tpm(settingsOf(path, 2_000)).quote(reportData)).rejects.toMatchObject({ code });
    });
  });

  it('get nothing of this process’s environment', async () => {
    process.env['WARDROUND_TEST_SECRET'] = 'secret';
    await withTool('env >&2; exit 1', async (path) => {
      await expect(new Tpm(settingsOf(path)).quote(reportData)).rejects.toMatchObject({
        got: expect.not.stringContaining('secret'),
      });
    });
    delete process.env['WARDROUND_TEST_SECRET'];
  });
});

describe('the TPM’s event log', () => {
  const tpmOver = (tpmEventLog: string): Tpm =>
    new Tpm(tpmSettings({ ...hardware, tpmEventLog }, { tcti: 'device:/dev/tpmrm0', attestationKey: '0x81000003' }));

  it('is read whole, is none where there is none, and is refused where it is too long or not to be read', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wardround-log-'));
    const log = join(directory, 'log');
    expect(await tpmOver(log).eventLog()).toBe('none');
    await writeFile(log, new Uint8Array(100_000).fill(1));
    expect((await tpmOver(log).eventLog()).length).toBe(100_000);
    await writeFile(log, new Uint8Array(393_217));
    await expect(tpmOver(log).eventLog()).rejects.toMatchObject({ code: 'device-file-size' });
    const forbidden = {
      ...deviceFiles,
      read: async () => await Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' })),
    };
    await expect(
      new Tpm({ ...tpmSettings(hardware, { tcti: 'x', attestationKey: 'y' }), files: forbidden }).eventLog(),
    ).rejects.toMatchObject({ code: 'tpm-event-log' });
    await mkdir(join(directory, 'd'));
    await rm(directory, { recursive: true });
  });
});
