// SEV-SNP and TDX through configfs-tsm: the order of the calls, the generation, errors of the kernel, the host's table of certificates, the log of a
// TD. The real files are tried on a real directory.
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import { endorse, type SimulatedEndorsements } from '@wardround/attestation/simulated/files';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';
import { parseSnpReport } from '@wardround/attestation/snp/report';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { concatBytes, fromBase64Url, fromHex, toBase64Url, toHex, utf8, type Bytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { sevSnpPlatform, tdxPlatform } from '../../aggregator-enclave/src/platform/bare.ts';
import { readCcel } from '../../aggregator-enclave/src/platform/ccel.ts';
import { tsmCollector, tsmProvider } from '../../aggregator-enclave/src/platform/configfs-tsm.ts';
import { deviceFiles, type DeviceFiles } from '../../aggregator-enclave/src/platform/device-files.ts';
import { systemHardware } from '../../aggregator-enclave/src/platform/hardware.ts';
import { parseSnpCertificateTable } from '../../aggregator-enclave/src/platform/snp-certificate-table.ts';
import { errno, FakeConfigfs, type FakeTsm } from './fake-configfs.ts';
import { fakeTdQuote } from './td-quotes.ts';

const root = '/config/tsm/report';
const inblob = new Uint8Array(64).fill(0x77);
const plain: FakeTsm = {
  root,
  provider: 'sev_guest',
  report: (asked) => concatBytes(utf8('report of '), asked),
  auxiliary: utf8('table'),
  privilegeFloor: 0,
};

function collect(tsm: Partial<FakeTsm>, privilegeLevel: number | null = null): ReturnType<typeof ask> {
  return ask(new FakeConfigfs({ ...plain, ...tsm }), privilegeLevel);
}

async function ask(
  files: FakeConfigfs,
  privilegeLevel: number | null,
): Promise<{ files: FakeConfigfs; text: string; auxiliary: string }> {
  const { report, auxiliary } = await tsmCollector({ files, root, provider: 'sev_guest', privilegeLevel })(inblob);
  return { files, text: toHex(report), auxiliary: new TextDecoder().decode(auxiliary) };
}

describe('configfs-tsm', () => {
  it('is asked in the documented order, in a directory that is removed again', async () => {
    const { files, text, auxiliary } = await collect({});
    expect([text, auxiliary]).toEqual([toHex(concatBytes(utf8('report of '), inblob)), 'table']);
    expect(files.entries.size).toBe(0);
    expect(files.calls).toEqual([
      'makeDirectory directory',
      'read provider',
      'read generation',
      'write inblob',
      'read generation',
      'read outblob',
      'read auxblob',
      'read generation',
      'removeDirectory directory',
    ]);
  });

  it('is told the privilege level first, where one is configured', async () => {
    const report: FakeTsm['report'] = (_, level) => Uint8Array.of(level);
    expect((await collect({ report }, 2)).text).toBe('02');
    expect((await collect({ report }, null)).text).toBe('00');
  });

  it('needs no auxblob', async () => {
    expect((await collect({ auxiliary: null })).auxiliary).toBe('');
  });

  it('asks in directories of different names, one caller after the other', async () => {
    const files = new FakeConfigfs(plain);
    const names = new Set<string>();
    const watching: DeviceFiles = {
      makeDirectory: async (path) => {
        names.add(path);
        expect(files.entries.size).toBe(0);
        await files.makeDirectory(path);
      },
      removeDirectory: async (path) => await files.removeDirectory(path),
      write: async (path, bytes) => await files.write(path, bytes),
      read: async (path, maxBytes) => await files.read(path, maxBytes),
    };
    const collector = tsmCollector({ files: watching, root, provider: 'sev_guest', privilegeLevel: null });
    await Promise.all([collector(inblob), collector(inblob), collector(inblob)]);
    expect(names.size).toBe(3);
  });

  it.each(['EBUSY', 'EINTR', 'EAGAIN', 'ETIMEDOUT'])('is asked again after %s, wherever it comes', async (code) => {
    for (const call of ['makeDirectory directory', 'read provider', 'write inblob', 'read outblob', 'read auxblob']) {
      const fail: FakeTsm['fail'] = (operation, name, nth) =>
        `${operation} ${name}` === call && nth < 5 ? code : null;
      const { files, text } = await collect({ fail });
      expect(text).toBe(toHex(concatBytes(utf8('report of '), inblob)));
      expect(files.entries.size).toBe(0);
    }
  });

  it.each<[string, Partial<FakeTsm>, number | null, string]>([
    ['no configfs', { root: '/elsewhere' }, null, 'tsm-absent'],
    ['no driver', { provider: null }, null, 'tsm-no-provider'],
    ['the other driver', { provider: 'tdx_guest' }, null, 'tsm-provider'],
    ['a level under the floor', { privilegeFloor: 2 }, 1, 'tsm-privilege-level'],
    ['no levels', { privilegeFloor: null }, 1, 'tsm-privilege-level'],
    [
      'no permission',
      { fail: (operation) => (operation === 'makeDirectory' ? 'EACCES' : null) },
      null,
      'tsm-permission',
    ],
    [
      'no permission to write',
      { fail: (operation) => (operation === 'write' ? 'EPERM' : null) },
      null,
      'tsm-permission',
    ],
    [
      'a read-only mount',
      { fail: (operation) => (operation === 'makeDirectory' ? 'EROFS' : null) },
      null,
      'tsm-permission',
    ],
    ['a driver that went away', { fail: (_, name) => (name === 'outblob' ? 'ENOTTY' : null) }, null, 'tsm-no-provider'],
    ['firmware that fails', { fail: (_, name) => (name === 'outblob' ? 'EIO' : null) }, null, 'tsm-failed'],
    ['firmware that stays busy', { fail: (_, name) => (name === 'outblob' ? 'EBUSY' : null) }, null, 'tsm-busy'],
    [
      'a module that stays busy',
      { fail: (operation) => (operation === 'makeDirectory' ? 'EBUSY' : null) },
      null,
      'tsm-busy',
    ],
    [
      'somebody who writes between',
      {
        meddle: (entry, name) => {
          if (name === 'outblob') entry.generation += 1n;
        },
      },
      null,
      'tsm-generation',
    ],
    [
      'somebody who wrote before',
      {
        meddle: (entry, name) => {
          if (name === 'generation' && entry.inblob !== null) entry.generation += 1n;
        },
      },
      null,
      'tsm-generation',
    ],
    ['a blob that is too long', { report: () => new Uint8Array(65_537) }, null, 'tsm-failed'],
  ])('is refused with %s, and nothing is left behind', async (_, tsm, level, code) => {
    const files = new FakeConfigfs({ ...plain, ...tsm });
    await expect(ask(files, level)).rejects.toMatchObject({ code });
    expect(files.entries.size).toBe(0);
  });

  it('is refused where what was written was not taken: the kernel loses that error at close', async () => {
    const files = new FakeConfigfs(plain);
    const losing: DeviceFiles = {
      makeDirectory: async (path) => await files.makeDirectory(path),
      removeDirectory: async (path) => await files.removeDirectory(path),
      write: async () => await Promise.resolve(),
      read: async (path, maxBytes) => await files.read(path, maxBytes),
    };
    const collector = tsmCollector({ files: losing, root, provider: 'sev_guest', privilegeLevel: null });
    await expect(collector(inblob)).rejects.toMatchObject({ code: 'tsm-generation', action: 'retry' });
  });

  it('gives its report although the directory stays', async () => {
    const { files } = await collect({ fail: (operation) => (operation === 'removeDirectory' ? 'EBUSY' : null) });
    expect(files.entries.size).toBe(1);
  });

  it.each([0, 63, 65])('is not asked with %i bytes', async (length) => {
    const files = new FakeConfigfs(plain);
    const collector = tsmCollector({ files, root, provider: 'sev_guest', privilegeLevel: null });
    await expect(collector(new Uint8Array(length))).rejects.toMatchObject({ code: 'tsm-failed' });
    expect(files.calls).toEqual([]);
  });

  it('says its provider without making a report', async () => {
    const files = new FakeConfigfs(plain);
    expect(await tsmProvider({ files, root })).toBe('sev_guest');
    expect(files.calls).toEqual(['makeDirectory directory', 'read provider', 'removeDirectory directory']);
  });
});

const guids = {
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  vcek: '63da758de6644564adc5f4b93be8accd',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
  other: 'ecae0c0f968d4a2b8bc6d2a2ee4a1a5f',
};

function entry(guid: string, offset: number, length: number): Bytes {
  return concatBytes(fromHex(guid), new Uint8Array(new Uint32Array([offset, length]).buffer));
}

function table(blobs: readonly (readonly [guid: string, blob: Uint8Array])[]): Bytes {
  let at = 24 * (blobs.length + 1);
  const header = blobs.map(([guid, blob]) => {
    at += blob.byteLength;
    return entry(guid, at - blob.byteLength, blob.byteLength);
  });
  return concatBytes(...header, new Uint8Array(24), ...blobs.map(([, blob]) => blob));
}

const der = (byte: number): Bytes => Uint8Array.of(0x30, 1, byte);

describe('the certificates that an SNP host lends', () => {
  it('are taken by AMD’s GUIDs, others passed over', () => {
    const read = parseSnpCertificateTable(
      table([
        [guids.vcek, der(1)],
        [guids.other, der(2)],
        [guids.ask, der(3)],
        [guids.crl, der(4)],
        [guids.ark, utf8('-----BEGIN CERTIFICATE-----\nMAEF\n-----END CERTIFICATE-----\n')],
      ]),
    );
    expect(read).toEqual([
      { type: 'certificate', der: toBase64Url(der(1)) },
      { type: 'certificate', der: toBase64Url(der(3)) },
      { type: 'crl', der: toBase64Url(der(4)) },
      { type: 'certificate', der: toBase64Url(der(5)) },
    ]);
  });

  it('are none where the host lends none', () => {
    expect(parseSnpCertificateTable(new Uint8Array())).toEqual([]);
    expect(parseSnpCertificateTable(new Uint8Array(4096))).toEqual([]);
  });

  const good = table([
    [guids.vcek, der(1)],
    [guids.ask, der(3)],
  ]);
  const with_ = (offset: number, value: number): Bytes => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(offset, value, true);
    return bytes;
  };
  it.each([
    ['no end', good.subarray(0, 48), 'snp-table-truncated'],
    ['half an entry', good.subarray(0, 30), 'snp-table-truncated'],
    [
      'too many entries',
      concatBytes(...Array.from({ length: 40 }, () => entry(guids.ask, 1000, 1))),
      'snp-table-truncated',
    ],
    ['an offset into the table', with_(16, 0), 'snp-table-bounds'],
    ['an offset behind the end', with_(16, 4096), 'snp-table-bounds'],
    ['a length of zero', with_(20, 0), 'snp-table-bounds'],
    ['a length over the end', with_(20, 100), 'snp-table-bounds'],
    ['a length of 4 GiB', with_(20, 0xffffffff), 'snp-table-bounds'],
    ['an offset that wraps round', with_(16, 0xffffffff), 'snp-table-bounds'],
    ['blobs over each other', with_(40, 72), 'snp-table-overlap'],
    [
      'a GUID twice',
      table([
        [guids.ask, der(1)],
        [guids.ask, der(2)],
      ]),
      'snp-table-duplicate',
    ],
    ['a blob that is no certificate', table([[guids.ask, utf8('hello')]]), 'pem-malformed'],
  ])('are refused with %s', (_, bytes, code) => {
    expect(() => parseSnpCertificateTable(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it('are refused by a code, whatever the host writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(good.byteLength - 1), (noise, at) => {
        const spoiled = good.slice();
        spoiled.set(noise.subarray(0, spoiled.byteLength - at), at);
        for (const bytes of [noise, spoiled]) {
          try {
            parseSnpCertificateTable(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(WardroundError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('platforms over configfs-tsm', () => {
  const measurement = new Uint8Array(48).fill(0x22);
  const collateral = async (): Promise<[]> => await Promise.resolve([]);
  let chip: SimulatedChip;
  let endorsements: SimulatedEndorsements;

  beforeAll(async () => {
    const vendor = await createSimulatedVendor({ product: 'Turin', at: new Date() });
    chip = await vendor.issueChip();
    endorsements = await endorse(vendor, chip);
  }, 60_000);

  const snp = (change: Partial<FakeTsm> = {}): typeof systemHardware => ({
    ...systemHardware,
    tsmRoot: root,
    files: new FakeConfigfs({
      ...plain,
      report: (reportData, vmpl) => chip.makeReport({ reportData, measurement, vmpl }),
      auxiliary: table(
        endorsements.certificates.map((text, index) => [Object.values(guids)[index] ?? '', fromBase64Url(text)]),
      ),
      ...change,
    }),
  });

  it('SEV-SNP gives the report and what the host lends, and knows its measurement', async () => {
    const platform = await sevSnpPlatform(snp(), { privilegeLevel: 1, collateral });
    const { items, endorsements: given } = await platform.attest(inblob);
    expect([platform.kind, platform.measurement]).toEqual(['sevSnp', toHex(measurement)]);
    const [item] = items;
    if (item?.type !== 'sevSnp') throw new Error('no report');
    expect(parseSnpReport(fromBase64Url(item.report))).toMatchObject({ reportData: inblob, measurement, vmpl: 1 });
    expect(given).toEqual(endorsementsOf(endorsements).filter(({ type }) => type === 'certificate'));
  });

  it.each<[string, () => Partial<FakeTsm>, string]>([
    [
      'another question’s report',
      () => ({ report: () => chip.makeReport({ reportData: new Uint8Array(64).fill(1), measurement, vmpl: 1 }) }),
      'tsm-report-other',
    ],
    [
      'another level’s report',
      () => ({ report: (reportData) => chip.makeReport({ reportData, measurement, vmpl: 0 }) }),
      'tsm-privilege-level',
    ],
    ['no report', () => ({ report: () => new Uint8Array(10) }), 'snp-report-size'],
    ['a spoiled table', () => ({ auxiliary: new Uint8Array(100).fill(7) }), 'snp-table-truncated'],
    ['the other driver', () => ({ provider: 'tdx_guest' }), 'tsm-provider'],
  ])('SEV-SNP does not start with %s', async (_, change, code) => {
    await expect(sevSnpPlatform(snp(change()), { privilegeLevel: 1, collateral })).rejects.toMatchObject({ code });
  });

  const tdx = (change: Partial<FakeTsm> = {}): typeof systemHardware => ({
    ...systemHardware,
    tsmRoot: root,
    acpiTables: '/nonexistent',
    files: new FakeConfigfs({
      ...plain,
      provider: 'tdx_guest',
      auxiliary: null,
      privilegeFloor: null,
      report: (reportData) => fakeTdQuote({ reportData, mrTd: measurement }),
      ...change,
    }),
  });

  it('TDX gives the quote, and says that there is no log', async () => {
    const platform = await tdxPlatform(tdx(), { collateral });
    const { items } = await platform.attest(inblob);
    expect([platform.kind, platform.measurement]).toEqual(['tdx', toHex(measurement)]);
    const quote = toBase64Url(fakeTdQuote({ reportData: inblob, mrTd: measurement }));
    expect(items).toEqual([{ type: 'tdx', quote, eventLog: 'none' }]);
  });

  it.each<[string, Partial<FakeTsm>, string]>([
    [
      'another question’s quote',
      { report: () => fakeTdQuote({ reportData: new Uint8Array(64).fill(1), mrTd: measurement }) },
      'tsm-report-other',
    ],
    ['no quote', { report: () => new Uint8Array(10) }, 'tdx-quote-version'],
    ['the other driver', { provider: 'sev_guest' }, 'tsm-provider'],
  ])('TDX does not start with %s', async (_, change, code) => {
    await expect(tdxPlatform(tdx(change), { collateral })).rejects.toMatchObject({ code });
  });
});

describe('the kernel’s files', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-device-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it('are made, written, read to their end and removed', async () => {
    const made = join(directory, 'entry');
    await deviceFiles.makeDirectory(made);
    expect((await stat(made)).isDirectory()).toBe(true);
    await deviceFiles.removeDirectory(made);
    await expect(access(made, constants.F_OK)).rejects.toMatchObject({ code: 'ENOENT' });
    const file = join(directory, 'attribute');
    await writeFile(file, 'longer than that');
    await deviceFiles.write(file, utf8('short'));
    expect(await readFile(file, 'utf8')).toBe('shortr than that');
    expect(await deviceFiles.read(file, 16)).toEqual(utf8('shortr than that'));
    await expect(deviceFiles.read(file, 15)).rejects.toMatchObject({ code: 'device-file-size' });
  });

  it('of which the size lies are read all the same', async () => {
    expect((await stat('/proc/self/status')).size).toBe(0);
    expect((await deviceFiles.read('/proc/self/status', 65_536)).byteLength).toBeGreaterThan(100);
    await expect(deviceFiles.read('/dev/zero', 10_000)).rejects.toMatchObject({ code: 'device-file-size' });
  });

  it('are never created, nor their parents', async () => {
    await expect(deviceFiles.write(join(directory, 'absent'), utf8('x'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(deviceFiles.makeDirectory(join(directory, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(deviceFiles.removeDirectory(join(directory, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('do not make a directory of files into configfs: without attributes there is no report', async () => {
    const collector = tsmCollector({
      files: deviceFiles,
      root: directory,
      provider: 'sev_guest',
      privilegeLevel: null,
    });
    await expect(collector(inblob)).rejects.toMatchObject({ code: 'tsm-absent' });
  });
});

describe('the log of a TD', () => {
  let tables: string;
  beforeEach(async () => {
    tables = await mkdtemp(join(tmpdir(), 'wardround-ccel-'));
    await mkdir(join(tables, 'data'));
  });
  afterEach(async () => {
    await rm(tables, { recursive: true });
  });

  function acpi({ signature = 'CCEL', length = 56, type = 2, declared = 1000 } = {}): Bytes {
    const bytes = new Uint8Array(56);
    const view = new DataView(bytes.buffer);
    bytes.set(utf8(signature));
    view.setUint32(4, length, true);
    view.setUint8(36, type);
    view.setBigUint64(40, BigInt(declared), true);
    return bytes;
  }

  const log = new Uint8Array(1000).fill(3);

  it('is read whole, padding included', async () => {
    await writeFile(join(tables, 'CCEL'), acpi());
    await writeFile(join(tables, 'data', 'CCEL'), log);
    expect(await readCcel(deviceFiles, tables)).toEqual(log);
  });

  it('is none where the firmware has none', async () => {
    expect(await readCcel(deviceFiles, tables)).toBe('none');
    expect(await readCcel(deviceFiles, join(tables, 'nowhere'))).toBe('none');
  });

  it.each<[string, Bytes, Bytes | null, string]>([
    ['another table', acpi({ signature: 'APIC' }), log, 'ccel-malformed'],
    ['another length', acpi({ length: 57 }), log, 'ccel-malformed'],
    ['a cut table', acpi().slice(0, 55), log, 'ccel-malformed'],
    ['a longer table', concatBytes(acpi(), new Uint8Array(1)), log, 'ccel-malformed'],
    ['SEV’s log', acpi({ type: 1 }), log, 'ccel-malformed'],
    ['a log that is cut', acpi({ declared: 1001 }), log, 'ccel-malformed'],
    ['a log that is longer', acpi({ declared: 999 }), log, 'ccel-malformed'],
    ['no log to the table', acpi(), null, 'ccel-malformed'],
    ['a log longer than evidence takes', acpi({ declared: 393_217 }), new Uint8Array(393_217), 'device-file-size'],
  ])('is refused with %s', async (_, table_, data, code) => {
    await writeFile(join(tables, 'CCEL'), table_);
    if (data !== null) await writeFile(join(tables, 'data', 'CCEL'), data);
    await expect(readCcel(deviceFiles, tables)).rejects.toMatchObject({ code });
  });

  it('is refused, not left out, where this account may not read it', async () => {
    await writeFile(join(tables, 'CCEL'), acpi());
    const forbidding: DeviceFiles = {
      ...deviceFiles,
      read: async (path, maxBytes) => {
        if (path.includes('data')) throw errno('EACCES');
        return await deviceFiles.read(path, maxBytes);
      },
    };
    await expect(readCcel(forbidding, tables)).rejects.toMatchObject({ code: 'ccel-permission' });
  });
});
