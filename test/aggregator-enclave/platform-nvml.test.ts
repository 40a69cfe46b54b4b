// The GPU collector over a compiled stand-in for NVIDIA's library: the loader, the calls and the structures are the real ones. And this machine's
// own library, or its absence.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import koffi from 'koffi';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { evidenceItemSchema } from '@wardround/attestation/evidence';
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { gpuState, nvmlCollector } from '../../aggregator-enclave/src/platform/nvml.ts';
import {
  certificateLayout,
  nvmlLibrary,
  reportLayout,
  settingsLayout,
} from '../../aggregator-enclave/src/platform/nvml-library.ts';

const haveCompiler = (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, 'cc')));
if (!haveCompiler) console.warn('SKIPPED: no C compiler, so no stand-in for NVIDIA’s library');

const nonce = Uint8Array.from({ length: 32 }, (_, index) => index + 1);

describe.skipIf(!haveCompiler)('NVIDIA’s library', () => {
  let directory: string;
  let library: string;
  let oldLibrary: string;
  const set = new Set<string>();

  /** Of the process itself: a library reads its environment, not what JavaScript keeps of it. */
  const setenv = koffi.load(null).func('int setenv(const char *, const char *, int)');
  const unsetenv = koffi.load(null).func('int unsetenv(const char *)');
  function say(settings: Readonly<Record<string, string | number>>): void {
    for (const [name, value] of Object.entries(settings)) {
      setenv(`FAKE_NVML_${name}`, String(value), 1);
      set.add(`FAKE_NVML_${name}`);
    }
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-nvml-'));
    [library, oldLibrary] = [join(directory, 'libfake.so'), join(directory, 'libold.so')];
    const source = resolve(import.meta.dirname, 'fake-nvml.c');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source]);
    execFileSync('cc', ['-shared', '-fPIC', '-DOLD_DRIVER', '-o', oldLibrary, source]);
    const block = (byte: number): string =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from([0x30, 1, byte]).toString('base64')}\n-----END CERTIFICATE-----\n`;
    await writeFile(join(directory, 'chain.pem'), [1, 2, 3, 4, 5].map(block).join(''));
    await writeFile(join(directory, 'other.pem'), block(1).replaceAll('CERTIFICATE', 'PRIVATE KEY'));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });
  afterEach(() => {
    for (const name of set) unsetenv(name);
    set.clear();
  });

  const genuine = (): void => say({ CHAIN: join(directory, 'chain.pem') });
  const initialised = (): unknown => koffi.load(library).func('int fakeNvmlInitialised(void)')();

  it('has the structures that a C compiler makes of nvml.h', () => {
    const sizeOf = koffi.load(library).func('unsigned int fakeNvmlSize(int)');
    expect([0, 1, 2].map((which) => sizeOf(which))).toEqual([
      settingsLayout.bytes,
      certificateLayout.bytes,
      reportLayout.bytes,
    ]);
    expect(settingsLayout.version).toBe(settingsLayout.bytes + 2 ** 24);
  });

  it('gives evidence of every GPU over the nonce, leaf first', async () => {
    genuine();
    const items = await nvmlCollector(library).attest(nonce);
    const read = items.map((item) => {
      const parsed = evidenceItemSchema.parse(item);
      if (parsed.type !== 'nvidiaGpu') throw new Error('no GPU');
      const report = fromBase64Url(parsed.report);
      const leaves = parsed.certificates.map((der) => fromBase64Url(der)[2]);
      return { length: report.byteLength, nonce: toHex(report.subarray(4, 36)), device: report[99], leaves };
    });
    const expected = { length: 100, nonce: toHex(nonce), leaves: [1, 2, 3, 4, 5] };
    expect(read).toEqual([
      { ...expected, device: 0 },
      { ...expected, device: 1 },
    ]);
    expect(initialised()).toBe(0);
  });

  it('is asked by one caller at a time, and a failure is one caller’s own', async () => {
    genuine();
    const collector = nvmlCollector(library);
    const results = await Promise.allSettled([
      collector.attest(nonce),
      collector.attest(new Uint8Array(31)),
      collector.attest(new Uint8Array(32)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(initialised()).toBe(0);
  });

  it('says what is there', async () => {
    expect(await gpuState(library)).toEqual({ driver: '580.159.03', devices: 2 });
  });

  it.each([
    ['the driver not loaded', { INIT: 9 }, 'gpu-driver', 'modprobe nvidia'],
    ['another error at the start', { INIT: 4 }, 'gpu-driver', 'Some Error (4)'],
    ['GPUs that cannot be counted', { COUNT: 4 }, 'gpu-absent', 'Some Error (4)'],
    ['no GPU', { DEVICES: 0 }, 'gpu-absent', 'no GPU'],
    ['too many GPUs', { DEVICES: 17 }, 'gpu-too-many', '17'],
    ['no such mode', { SETTINGS: 3 }, 'gpu-not-confidential', 'Not Supported (3)'],
    ['an unreadable mode', { SETTINGS: 4 }, 'gpu-not-confidential', 'Some Error (4)'],
    ['the feature off', { FEATURE: 0 }, 'gpu-not-confidential', 'the feature is off'],
    ['a feature that is neither', { FEATURE: 2 }, 'gpu-not-confidential', 'the feature is off'],
    ['a simulated environment', { ENVIRONMENT: 1 }, 'gpu-not-production', 'simulation'],
    ['no environment', { ENVIRONMENT: 0 }, 'gpu-not-production', 'unavailable'],
    ['an unknown environment', { ENVIRONMENT: 7 }, 'gpu-not-production', '7'],
    ['developers’ mode', { DEVTOOLS: 1 }, 'gpu-devtools', 'memory can be read'],
    ['an unknown developers’ mode', { DEVTOOLS: 9 }, 'gpu-devtools', 'memory can be read'],
    ['protected PCIe', { MULTI: 1, FEATURE: 0 }, 'gpu-multi-mode', 'NVSwitch'],
    ['an unknown multi-GPU mode', { MULTI: 3 }, 'gpu-multi-mode', 'NVSwitch'],
    ['GPUs that are not ready', { READY: 0 }, 'gpu-not-ready', 'nvidia-smi conf-compute -srs 1'],
    ['an unreadable ready state', { READY_STATE: 3 }, 'gpu-not-ready', 'Not Supported (3)'],
    ['a GPU that cannot be opened', { HANDLE: 15 }, 'gpu-handle', 'GPU 0'],
    ['no certificates', { CERTIFICATE: 3 }, 'gpu-certificate', 'Not Supported (3)'],
    ['a chain of no bytes', { CHAIN_SIZE: 0 }, 'gpu-evidence-size', '0'],
    ['a chain longer than its buffer', { CHAIN_SIZE: 0x1401 }, 'gpu-evidence-size', '5121'],
    ['a chain cut off', { CHAIN_SIZE: 40 }, 'pem-malformed', 'CERTIFICATE'],
    ['no report', { REPORT: 999 }, 'gpu-report', 'Some Error (999)'],
    ['a report of no bytes', { REPORT_SIZE: 0 }, 'gpu-evidence-size', '0'],
    ['a report longer than its buffer', { REPORT_SIZE: 0x2001 }, 'gpu-evidence-size', '8193'],
    ['a report that claims 4 GiB', { REPORT_SIZE: 0xffffffff }, 'gpu-evidence-size', '4294967295'],
    ['a report shorter than its request', { REPORT_SIZE: 36 }, 'gpu-report', '36 bytes'],
    ['another protocol', { SPDM: 0x12 }, 'gpu-report', 'not a report'],
    ['another nonce', { NONCE_FLIP: 1 }, 'gpu-nonce', 'another nonce'],
  ])('refuses %s', async (_, settings, code, text) => {
    genuine();
    say(settings);
    await expect(nvmlCollector(library).attest(nonce)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(initialised()).toBe(0);
  });

  it('takes NVLink encryption, which needs no evidence of switches', async () => {
    genuine();
    say({ MULTI: 2 });
    expect(await nvmlCollector(library).attest(nonce)).toHaveLength(2);
  });

  it('refuses a chain with a private key in it', async () => {
    say({ CHAIN: join(directory, 'other.pem') });
    await expect(nvmlCollector(library).attest(nonce)).rejects.toMatchObject({ code: 'pem-malformed' });
  });

  it('refuses a driver from before these functions, by the function’s name', async () => {
    await expect(nvmlCollector(oldLibrary).attest(nonce)).rejects.toMatchObject({
      code: 'gpu-library-old',
      where: 'nvmlSystemGetConfComputeSettings',
    });
  });

  it.each([0, 31, 33, 64])('refuses a nonce of %i bytes', async (length) => {
    await expect(nvmlCollector(library).attest(new Uint8Array(length))).rejects.toMatchObject({ code: 'gpu-nonce' });
  });

  it('loads nothing before it is asked, and says when there is nothing to load', async () => {
    const collector = nvmlCollector(join(directory, 'absent.so'));
    await expect(collector.attest(nonce)).rejects.toMatchObject({ code: 'gpu-library-absent' });
  });

  it('refuses a library that is none', async () => {
    await expect(nvmlCollector(join(directory, 'chain.pem')).attest(nonce)).rejects.toMatchObject({
      code: 'gpu-library-absent',
    });
  });
});

describe('this machine’s own library', () => {
  it('gives evidence, or refuses by a code of its own', async () => {
    const result = await nvmlCollector(nvmlLibrary)
      .attest(nonce)
      .then((items) => items.map(({ type }) => type))
      .catch((error: unknown) => error);
    if (Array.isArray(result)) expect(new Set(result)).toEqual(new Set(['nvidiaGpu']));
    else expect(result).toMatchObject({ code: expect.stringMatching(/^gpu-/) });
  });
});
