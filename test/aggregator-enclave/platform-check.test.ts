// What `aggregator check` says of a machine, and the collateral that goes along with evidence.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyIndex } from '@wardround/attestation/collateral/index-document';
import { endorse, exportChipSecret, type SimulatedEndorsements } from '@wardround/attestation/simulated/files';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { runCommandLine } from '../../aggregator-enclave/src/host/command-line.ts';
import { configText, initialConfig, parseConfig, platformKinds } from '../../aggregator-enclave/src/host/config.ts';
import { choosePlatform, type PlatformSettings } from '../../aggregator-enclave/src/platform/choose.ts';
import { readCollateral } from '../../aggregator-enclave/src/platform/collateral.ts';
import { type Hardware, systemHardware } from '../../aggregator-enclave/src/platform/hardware.ts';
import { surveyMachine } from '../../aggregator-enclave/src/platform/survey.ts';
import { FakeConfigfs, type FakeTsm } from './fake-configfs.ts';

const now = new Date('2026-11-23T12:00:00.000Z');
const measurement = 'ab'.repeat(48);
const url = 'https://coordinator.example';
let chip: SimulatedChip;
let endorsements: SimulatedEndorsements;
let directory: string;

beforeAll(async () => {
  const vendor = await createSimulatedVendor({ product: 'Turin', at: now });
  chip = await vendor.issueChip();
  endorsements = await endorse(vendor, chip);
}, 60_000);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-check-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** A machine with SEV-SNP and nothing else. */
function machine(change: Partial<FakeTsm> = {}): { measurement: string; now: Date; hardware: Hardware } {
  const files = new FakeConfigfs({
    root: '/config/tsm/report',
    provider: 'sev_guest',
    report: (reportData, vmpl) => chip.makeReport({ reportData, measurement: new Uint8Array(48).fill(0xab), vmpl }),
    auxiliary: null,
    privilegeFloor: 0,
    ...change,
  });
  const nowhere = join(directory, 'nowhere');
  const hardware: Hardware = {
    ...systemHardware,
    tsmRoot: '/config/tsm/report',
    acpiTables: nowhere,
    tpmEventLog: nowhere,
    nvmlLibrary: join(nowhere, 'libnvidia-ml.so.1'),
    files: {
      makeDirectory: async (path) => await files.makeDirectory(path),
      removeDirectory: async (path) => await files.removeDirectory(path),
      write: async (path, bytes) => await files.write(path, bytes),
      read: async (path, maxBytes) =>
        await (path.startsWith('/config') ? files : systemHardware.files).read(path, maxBytes),
    },
    now: () => now,
  };
  return { measurement, now, hardware };
}

const snp: PlatformSettings = {
  platform: { kind: 'sevSnp', privilegeLevel: null },
  gpu: 'none',
  collateral: null,
};

describe('the survey of a machine', () => {
  const codes = async (settings: PlatformSettings | null, change: Partial<FakeTsm> = {}): Promise<unknown> => {
    const { findings, canAttest } = await surveyMachine(settings, machine(change));
    return { canAttest, ...Object.fromEntries(findings.map(({ what, code }) => [what, code])) };
  };
  const bare = {
    'configfs-tsm': null,
    'event log (CCEL)': 'ccel-absent',
    'NVIDIA GPUs': 'gpu-library-absent',
    TPM: expect.stringMatching(/^tpm-/),
    collateral: 'collateral-none',
  };

  it('is content with the configured platform, whatever else is absent', async () => {
    expect(await codes(snp)).toEqual({ canAttest: true, ...bare, 'platform sevSnp': null });
  });

  it('asks the GPUs where they are configured', async () => {
    expect(await codes({ ...snp, gpu: { kind: 'nvml' } })).toEqual({
      canAttest: false,
      ...bare,
      'platform sevSnp': null,
      'GPU evidence': 'gpu-library-absent',
    });
  });

  it('is not content with another platform than is configured', async () => {
    const settings = { ...snp, platform: { kind: 'tdx' } as const, gpu: { kind: 'nvml' } as const };
    expect(await codes(settings)).toEqual({
      canAttest: false,
      ...bare,
      'platform tdx': 'tsm-provider',
      'GPU evidence': 'gpu-library-absent',
    });
  });

  it('is not content with nothing configured, nor with a driver that gives no report', async () => {
    expect(await codes(null)).toEqual({ canAttest: false, ...bare, platform: 'platform-none' });
    const fail: FakeTsm['fail'] = (_, name) => (name === 'outblob' ? 'EIO' : null);
    expect(await codes(snp, { fail })).toEqual({ canAttest: false, ...bare, 'platform sevSnp': 'tsm-failed' });
  });

  it('says that nothing goes along where nothing does', async () => {
    const { findings } = await surveyMachine(snp, machine());
    expect(findings.at(-1)?.detail).toContain('NO endorsements');
  });
});

describe('aggregator check', () => {
  async function command(...argv: readonly string[]): Promise<{ code: number; out: string }> {
    const out: string[] = [];
    const print = (line: string): void => void out.push(line);
    const code = await runCommandLine(argv, { print, error: () => {}, signal: AbortSignal.abort() });
    return { code, out: out.join('\n') };
  }

  it('is 0 for a simulated platform that answers, and says what that proves', async () => {
    await writeFile(join(directory, 'aggregator.yaml'), configText(initialConfig(url, 'simulated')));
    await writeFile(join(directory, 'simulated-chip.json'), JSON.stringify(exportChipSecret(chip)), { mode: 0o600 });
    await writeFile(join(directory, 'simulated-vendor.json'), JSON.stringify(endorsements));
    const { code, out } = await command('check', '--dir', directory);
    expect([code, out]).toEqual([0, expect.stringContaining('It proves nothing about hardware.')]);
  });

  it('is 1 for hardware that is not here, by code, for programs too', async () => {
    const made = await command(
      'init',
      '--dir',
      join(directory, 'new'),
      '--coordinator',
      url,
      '--token',
      'agg_12345678',
      '--platform',
      'azureTdx',
      '--json',
    );
    expect(JSON.parse(made.out)).toMatchObject({ platform: 'azureTdx' });
    const { code, out } = await command('check', '--dir', join(directory, 'new'), '--json');
    expect(code).toBe(1);
    const { platform, canAttest, findings } = JSON.parse(out);
    expect([platform, canAttest]).toEqual(['azureTdx', false]);
    expect(findings.at(-1)).toMatchObject({ what: 'platform azureTdx', status: 'absent', code: 'quote-service-none' });
  });

  it('is 1 where nothing is configured', async () => {
    expect(await command('check')).toMatchObject({ code: 1, out: expect.stringContaining('Nothing is configured') });
  });

  it('tells a directory that is none', async () => {
    const { code, out } = await command('check', '--dir', directory, '--json');
    expect([code, JSON.parse(out).error.code]).toEqual([1, 'config-missing']);
  });
});

describe('aggregator.yaml for genuine hardware', () => {
  it.each(platformKinds)('%s is read as it was written', (kind) => {
    const config = initialConfig(url, kind);
    expect(parseConfig(configText(config), 'here')).toEqual(config);
  });

  const azure = configText(initialConfig(url, 'azureTdx'));
  it.each([
    [
      'a level that no processor has',
      configText(initialConfig(url, 'sevSnp')).replace('privilegeLevel: null', 'privilegeLevel: 4'),
      'platform.privilegeLevel',
    ],
    [
      'a missing level',
      configText(initialConfig(url, 'sevSnp')).replace(/ *privilegeLevel: null\n/, ''),
      'platform.privilegeLevel',
    ],
    ['another way to the TPM', azure.replace('device:/dev/tpmrm0', 'cmd:sh -c id'), 'platform.tcti'],
    ['another quoting service', azure.replace('quoteService: none', 'quoteService: http://x'), 'platform.quoteService'],
    ['GPUs that may be there or not', azure.replace('gpu: none', 'gpu: auto'), 'gpu'],
    ['no word about GPUs', azure.replace('gpu: none\n', ''), 'gpu'],
    ['no word about collateral', azure.replace('collateral: null\n', ''), 'collateral'],
  ])('is refused with %s', (_, text, where) => {
    expect(() => parseConfig(text, 'here')).toThrow(
      expect.objectContaining({ code: 'config-invalid', where: `here: ${where}` }),
    );
  });
});

describe('collateral', () => {
  const read = async (path: string | null = directory): ReturnType<typeof readCollateral> =>
    await readCollateral({ files: systemHardware.files, now: () => now }, path);

  it('is nothing where no directory is configured', async () => {
    expect(await read(null)).toEqual({ endorsements: [], unread: [] });
  });

  it('is taken from plain files by their names, once each; the rest is named', async () => {
    const [certificate = ''] = endorsements.certificates;
    const [crl = ''] = endorsements.crls;
    const outside = await mkdtemp(join(tmpdir(), 'wardround-outside-'));
    await mkdir(join(directory, 'amd'));
    await writeFile(join(directory, 'amd', 'ark.der'), fromBase64Url(certificate));
    await writeFile(join(directory, 'copy.crt'), fromBase64Url(certificate));
    await writeFile(join(directory, 'list.crl'), fromBase64Url(crl));
    await writeFile(join(directory, 'NV_GPU_DRIVER_GH100_1.swidtag'), '<x/>');
    await writeFile(join(directory, 'answer.ocsp'), Uint8Array.of(0x30, 0));
    await writeFile(join(directory, 'notes.txt'), 'hello');
    await writeFile(join(directory, 'spoiled.pem'), 'hello');
    await writeFile(join(directory, 'other.json'), '{"type":"none"}');
    await writeFile(join(directory, '.hidden.crl'), 'hello');
    await writeFile(join(outside, 'secret.crt'), fromBase64Url(certificate));
    await symlink(join(outside, 'secret.crt'), join(directory, 'link.crt'));
    const { endorsements: found, unread } = await read();
    expect(found).toEqual([
      { type: 'rim', id: 'NV_GPU_DRIVER_GH100_1', xml: '<x/>' },
      { type: 'certificate', der: certificate },
      { type: 'ocsp', response: toBase64Url(Uint8Array.of(0x30, 0)) },
      { type: 'crl', der: crl },
    ]);
    expect(unread.map(({ path, code }) => [path.slice(directory.length + 1), code])).toEqual([
      ['notes.txt', 'collateral-unknown'],
      ['other.json', 'collateral-unknown'],
      ['spoiled.pem', 'pem-malformed'],
    ]);
    await rm(outside, { recursive: true });
  });

  it('is a mirror’s where there is an index, and then nothing else of the directory', async () => {
    await writeFile(join(directory, 'index.json'), JSON.stringify(emptyIndex));
    await writeFile(join(directory, 'list.crl'), fromBase64Url(endorsements.crls[0] ?? ''));
    expect(await read()).toEqual({ endorsements: [], unread: [] });
    await writeFile(join(directory, 'index.json'), '{}');
    await expect(read()).rejects.toMatchObject({ code: 'collateral-index' });
  });

  it('is refused where the directory is not there', async () => {
    await expect(read(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'collateral-unreadable' });
  });

  it('goes along with evidence, what is the machine’s only, read anew each time', async () => {
    const platform = await choosePlatform({ ...snp, collateral: directory }, machine());
    const given = async (): Promise<unknown> => (await platform.attest(new Uint8Array(64))).endorsements;
    expect(await given()).toEqual([]);
    await writeFile(join(directory, 'list.crl'), fromBase64Url(endorsements.crls[0] ?? ''));
    await writeFile(join(directory, 'manifest.rim'), '<x/>');
    expect(await given()).toEqual([{ type: 'crl', der: endorsements.crls[0] }]);
  });

  it('sends the GPUs’ along where they are configured', async () => {
    await writeFile(join(directory, 'manifest.rim'), '<x/>');
    const settings: PlatformSettings = { ...snp, gpu: { kind: 'nvml' }, collateral: directory };
    const platform = await choosePlatform(settings, machine());
    const { endorsements: sent } = await platform.attest(new Uint8Array(64));
    expect(sent).toEqual([{ type: 'rim', id: 'manifest', xml: '<x/>' }]);
    await expect(platform.gpu?.attest(new Uint8Array(32))).rejects.toMatchObject({ code: 'gpu-library-absent' });
  });

  it('is refused where it is more than evidence holds', async () => {
    const settings: PlatformSettings = { ...snp, gpu: { kind: 'nvml' }, collateral: directory };
    for (let index = 0; index < 3; index += 1) {
      await writeFile(join(directory, `${index}.rim`), `<x>${'y'.repeat(400_000)}${index}</x>`);
    }
    await expect(choosePlatform(settings, machine())).rejects.toMatchObject({ code: 'collateral-too-much' });
  });
});
