// Evidence of NVIDIA GPUs through NVML: every GPU of this machine, in confidential-computing mode, or none. What NVML says of the mode counts only
// because the enclave's own measurement vouches for this code; a site compares the GPUs' measurements itself. Evidence of NVSwitches needs another
// library (NSCQ) and is not collected here: protected PCIe, which relies on it, is refused.
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, toBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { EvidenceItem } from '@wardround/attestation/evidence';
import { readArmoured } from '@wardround/attestation/x509/pem';
import type { GpuCollector } from '../enclave/ports.ts';
import {
  certificateLayout,
  loadNvml,
  type Nvml,
  type NvmlFailure,
  nvmlReturns,
  readBytes,
  readUint,
  reportLayout,
  settingsLayout,
  writeUint,
} from './nvml-library.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** nvml.h: NVML_CC_SYSTEM_ENVIRONMENT_PROD, NVML_CC_SYSTEM_FEATURE_ENABLED and so on. */
const environments = ['unavailable', 'simulation', 'production'] as const;
const production = 2;
const enabled = 1;
const multiGpuModes = { none: 0, protectedPcie: 1, nvLinkEncryption: 2 } as const;
/** The evidence format holds 32 items; HGX machines have 8 GPUs. */
const maxDevices = 16;
/** SPDM 1.1 GET_MEASUREMENTS: the request stands before the answer, our nonce in it (DSP0274, 10.11.1). */
const request = { version: 0x11, code: 0xe0, nonceAt: 4, bytes: 37 } as const;

export interface GpuState {
  readonly driver: string;
  readonly devices: number;
}

/**
 * A collector over the library of that name. Nothing is loaded before it is asked.
 * @throws (each call) WardroundError `gpu-library-absent`, `gpu-library-old`, `gpu-driver`, `gpu-absent`, `gpu-too-many`, `gpu-not-confidential`,
 * `gpu-not-production`, `gpu-devtools`, `gpu-multi-mode`, `gpu-not-ready`, `gpu-handle`, `gpu-certificate`, `gpu-report`, `gpu-evidence-size`, `gpu-nonce`
 */
export function nvmlCollector(library: string): GpuCollector {
  const exclusively = oneAtATime();
  return {
    attest: async (nonce) =>
      await exclusively(async () => await withNvml(library, async (nvml) => await attestAll(nvml, nonce))),
  };
}

/** What is there, checked as for evidence but asking no GPU for any. @throws WardroundError as {@link nvmlCollector} */
export async function gpuState(library: string): Promise<GpuState> {
  return await withNvml(library, async (nvml) => {
    const driver = await nvml.driverVersion();
    const devices = await countDevices(nvml);
    await requireConfidential(nvml);
    return { driver, devices };
  });
}

async function attestAll(nvml: Nvml, nonce: Bytes): Promise<readonly EvidenceItem[]> {
  if (nonce.byteLength !== reportLayout.nonceBytes) {
    throw new WardroundError('gpu-nonce', 'a GPU takes nonces of 32 bytes', { got: `${nonce.byteLength} bytes` });
  }
  const devices = await countDevices(nvml);
  await requireConfidential(nvml);
  const items: EvidenceItem[] = [];
  for (let index = 0; index < devices; index += 1) items.push(await attestOne(nvml, { index, nonce }));
  return items;
}

async function attestOne(nvml: Nvml, { index, nonce }: { index: number; nonce: Bytes }): Promise<EvidenceItem> {
  const where = `GPU ${index}`;
  const device = await deviceHandle(nvml, index);
  const certificates = await certificateChain(nvml, { device, where });
  const report = await attestationReport(nvml, { device, where, nonce });
  return { type: 'nvidiaGpu', report: toBase64Url(report), certificates: certificates.map((der) => toBase64Url(der)) };
}

async function countDevices(nvml: Nvml): Promise<number> {
  const count = new Uint8Array(4);
  await nvml.call({
    function: 'nvmlDeviceGetCount_v2',
    arguments: [count],
    fail: ({ text }) => new WardroundError('gpu-absent', 'the driver does not count its GPUs', { got: text }),
  });
  const devices = readUint(count, 0);
  if (devices === 0) {
    throw new WardroundError('gpu-absent', 'the driver sees no GPU in this VM', {
      expected: 'a GPU passed through to this VM, and an account that may open /dev/nvidia*',
    });
  }
  if (devices > maxDevices) {
    throw new WardroundError('gpu-too-many', 'more GPUs than one bundle of evidence holds', {
      expected: `at most ${maxDevices}`,
      got: String(devices),
      action: 'stop',
    });
  }
  return devices;
}

/** The system's mode, in the order in which an administrator sets it up. */
async function requireConfidential(nvml: Nvml): Promise<void> {
  const settings = new Uint8Array(settingsLayout.bytes);
  const { offsets } = settingsLayout;
  writeUint(settings, { offset: offsets.version, value: settingsLayout.version });
  await nvml.call({ function: 'nvmlSystemGetConfComputeSettings', arguments: [settings], fail: noMode });
  const multiGpuMode = readUint(settings, offsets.multiGpuMode);
  if (multiGpuMode !== multiGpuModes.none && multiGpuMode !== multiGpuModes.nvLinkEncryption) {
    throw new WardroundError('gpu-multi-mode', 'evidence of NVSwitches is not collected by this version', {
      expected: 'no protected PCIe (multi-GPU mode 0 or 2)',
      got: `multi-GPU mode ${multiGpuMode}`,
      action: 'stop',
    });
  }
  if (readUint(settings, offsets.ccFeature) !== enabled) throw notConfidential('the feature is off');
  const environment = readUint(settings, offsets.environment);
  if (environment !== production) {
    throw new WardroundError('gpu-not-production', 'the GPUs’ confidential computing is not the genuine one', {
      expected: 'production',
      got: environments[environment] ?? String(environment),
      action: 'stop',
    });
  }
  if (readUint(settings, offsets.devToolsMode) !== 0) {
    throw new WardroundError('gpu-devtools', 'the GPUs are in developers’ mode, in which their memory can be read', {
      expected: 'mode `on`, set from the host with nvidia_gpu_tools.py --set-cc-mode=on --reset-after-cc-mode-switch',
    });
  }
  await requireReady(nvml);
}

async function requireReady(nvml: Nvml): Promise<void> {
  const ready = new Uint8Array(4);
  await nvml.call({
    function: 'nvmlSystemGetConfComputeGpusReadyState',
    arguments: [ready],
    fail: ({ text }) => new WardroundError('gpu-not-ready', 'the GPUs do not say that they are ready', { got: text }),
  });
  if (readUint(ready, 0) === enabled) return;
  throw new WardroundError('gpu-not-ready', 'the GPUs accept no work yet', {
    expected: '`nvidia-smi conf-compute -srs 1` (and nvidia-persistenced running with --uvm-persistence-mode)',
  });
}

async function deviceHandle(nvml: Nvml, index: number): Promise<bigint> {
  const handle = new Uint8Array(8);
  await nvml.call({
    function: 'nvmlDeviceGetHandleByIndex_v2',
    arguments: [index, handle],
    fail: failed('gpu-handle', `GPU ${index}`, 'the GPU cannot be opened'),
  });
  return new DataView(handle.buffer).getBigUint64(0, true);
}

/** Leaf first, as NVIDIA's devices give it. */
async function certificateChain(
  nvml: Nvml,
  { device, where }: { device: bigint; where: string },
): Promise<readonly Bytes[]> {
  const buffer = new Uint8Array(certificateLayout.bytes);
  await nvml.call({
    function: 'nvmlDeviceGetConfComputeGpuCertificate',
    arguments: [device, buffer],
    fail: failed('gpu-certificate', where, 'the GPU gave no certificates'),
  });
  const { offsets, maxChain } = certificateLayout;
  const length = requireLength(readUint(buffer, offsets.attestationChainSize), { where, max: maxChain });
  const pem = readBytes(buffer, { offset: offsets.attestationChain, length });
  return readArmoured([pem], { label: 'CERTIFICATE', maxInputBytes: maxChain, maxObjects: 8 });
}

async function attestationReport(
  nvml: Nvml,
  { device, where, nonce }: { device: bigint; where: string; nonce: Bytes },
): Promise<Bytes> {
  const buffer = new Uint8Array(reportLayout.bytes);
  const { offsets, maxReport } = reportLayout;
  buffer.set(nonce, offsets.nonce);
  await nvml.call({
    function: 'nvmlDeviceGetConfComputeGpuAttestationReport',
    arguments: [device, buffer],
    fail: failed('gpu-report', where, 'the GPU gave no report'),
  });
  const length = requireLength(readUint(buffer, offsets.reportSize), { where, max: maxReport });
  const report = readBytes(buffer, { offset: offsets.report, length });
  const echoed = report.subarray(request.nonceAt, request.nonceAt + nonce.byteLength);
  if (length < request.bytes || report[0] !== request.version || report[1] !== request.code) {
    throw new WardroundError('gpu-report', 'not a report of measurements', { where, got: `${length} bytes` });
  }
  if (!equalBytes(echoed, nonce)) {
    throw new WardroundError('gpu-nonce', 'the GPU’s report answers another nonce', { where, action: 'retry' });
  }
  return report;
}

function requireLength(length: number, { where, max }: { where: string; max: number }): number {
  if (length > 0 && length <= max) return length;
  throw new WardroundError('gpu-evidence-size', 'the library’s length is not that of what it gave', {
    where,
    expected: `1 to ${max} bytes`,
    got: String(length),
    action: 'stop',
  });
}

async function withNvml<T>(library: string, work: (nvml: Nvml) => Promise<T>): Promise<T> {
  const nvml = await loadNvml(library);
  await nvml.call({
    function: 'nvmlInit_v2',
    arguments: [],
    fail: ({ text, status }) =>
      new WardroundError('gpu-driver', 'NVIDIA’s driver does not answer', {
        expected:
          status === nvmlReturns.driverNotLoaded
            ? '`modprobe nvidia`'
            : 'a driver of the library’s version, and an account that may open /dev/nvidia*',
        got: text,
      }),
  });
  try {
    return await work(nvml);
  } finally {
    await nvml
      .call({ function: 'nvmlShutdown', arguments: [], fail: failed('gpu-driver', library, 'no shutdown') })
      .catch(() => {});
  }
}

function noMode(failure: NvmlFailure): WardroundError {
  return failure.status === nvmlReturns.notSupported
    ? notConfidential(failure.text)
    : failed('gpu-not-confidential', 'the system', 'the driver does not say its mode')(failure);
}

function notConfidential(got: string): WardroundError {
  return new WardroundError('gpu-not-confidential', 'the GPUs are not in confidential-computing mode', {
    expected: 'Hopper or Blackwell in a confidential VM, mode `on` (nvidia_gpu_tools.py --set-cc-mode=on on the host)',
    got,
    action: 'stop',
  });
}

function failed(code: string, where: string, message: string): (failure: NvmlFailure) => WardroundError {
  return ({ text, function: name }) => new WardroundError(code, message, { where: `${where}, ${name}`, got: text });
}
