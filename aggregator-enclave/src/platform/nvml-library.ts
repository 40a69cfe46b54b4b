// NVIDIA's management library, called through FFI: the few functions that attestation needs, with their structures laid out by hand.
// Source of names, numbers, sizes and offsets: NVIDIA's public header nvml.h (CUDA 12.4 and later, "Confidential Compute" section; the same in
// go-nvml's copy of it and in NVIDIA's nvidia-ml-py). All fields are `unsigned int` (32 bits) or bytes, so there is no padding.
import { promisify } from 'node:util';
import type { Bytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

export const nvmlLibrary = 'libnvidia-ml.so.1';

/** nvmlReturn_t, those that we tell apart. */
export const nvmlReturns = { success: 0, notSupported: 3, noPermission: 4, driverNotLoaded: 9 } as const;

/** nvmlSystemConfComputeSettings_v1_t: version, environment, ccFeature, devToolsMode, multiGpuMode. */
export const settingsLayout = {
  bytes: 20,
  /** NVML_STRUCT_VERSION: sizeof | version << 24. */
  version: 0x1000014,
  offsets: { version: 0, environment: 4, ccFeature: 8, devToolsMode: 12, multiGpuMode: 16 },
} as const;

/** nvmlConfComputeGpuCertificate_t: two sizes, then NVML_GPU_CERT_CHAIN_SIZE and NVML_GPU_ATTESTATION_CERT_CHAIN_SIZE bytes. */
export const certificateLayout = {
  bytes: 9_224,
  maxChain: 0x1400,
  offsets: { chainSize: 0, attestationChainSize: 4, chain: 8, attestationChain: 8 + 0x1000 },
} as const;

/** nvmlConfComputeGpuAttestationReport_t: flag, two sizes, nonce (32), report (0x2000), CEC report (0x1000). The nonce goes in, the rest comes out. */
export const reportLayout = {
  bytes: 12_332,
  nonceBytes: 32,
  maxReport: 0x2000,
  offsets: { cecPresent: 0, reportSize: 4, cecReportSize: 8, nonce: 12, report: 44, cecReport: 44 + 0x2000 },
} as const;

/** NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE. */
const driverVersionBytes = 80;

const signatures = {
  nvmlInit_v2: 'int nvmlInit_v2(void)',
  nvmlShutdown: 'int nvmlShutdown(void)',
  nvmlErrorString: 'const char *nvmlErrorString(int result)',
  nvmlSystemGetDriverVersion: 'int nvmlSystemGetDriverVersion(uint8_t *version, unsigned int length)',
  nvmlDeviceGetCount_v2: 'int nvmlDeviceGetCount_v2(uint8_t *count)',
  nvmlDeviceGetHandleByIndex_v2: 'int nvmlDeviceGetHandleByIndex_v2(unsigned int index, uint8_t *handle)',
  nvmlSystemGetConfComputeSettings: 'int nvmlSystemGetConfComputeSettings(uint8_t *settings)',
  nvmlSystemGetConfComputeGpusReadyState: 'int nvmlSystemGetConfComputeGpusReadyState(uint8_t *ready)',
  nvmlDeviceGetConfComputeGpuCertificate:
    'int nvmlDeviceGetConfComputeGpuCertificate(uintptr_t device, uint8_t *chain)',
  nvmlDeviceGetConfComputeGpuAttestationReport:
    'int nvmlDeviceGetConfComputeGpuAttestationReport(uintptr_t device, uint8_t *report)',
} as const;
type FunctionName = keyof typeof signatures;

/** A call that did not return NVML_SUCCESS. */
export interface NvmlFailure {
  readonly function: FunctionName;
  readonly status: number;
  /** What the library says about it. */
  readonly text: string;
}

export interface Nvml {
  /** @throws WardroundError `gpu-library-old` where the library lacks the function; what `fail` makes of another status than success */
  call(request: {
    readonly function: FunctionName;
    readonly arguments: readonly (number | bigint | Uint8Array)[];
    readonly fail: (failure: NvmlFailure) => WardroundError;
  }): Promise<void>;
  driverVersion(): Promise<string>;
}

/**
 * Loads the library, when it is first wanted. Calls run on a thread of their own, so that a slow GPU does not stop the enclave.
 * @throws WardroundError `gpu-library-absent`
 */
export async function loadNvml(library: string): Promise<Nvml> {
  const koffi = await import('koffi');
  const handle = load();
  return { call, driverVersion };

  function load(): ReturnType<typeof koffi.load> {
    try {
      return koffi.load(library);
    } catch (cause) {
      throw new WardroundError('gpu-library-absent', 'NVIDIA’s management library cannot be loaded', {
        where: library,
        expected: 'NVIDIA’s driver in this VM, with its libraries (on Debian: libnvidia-ml1)',
        cause,
      });
    }
  }

  function bind(name: FunctionName): ReturnType<typeof handle.func> {
    try {
      return handle.func(signatures[name]);
    } catch (cause) {
      throw new WardroundError('gpu-library-old', 'this driver’s library lacks a function that attestation needs', {
        where: name,
        expected: 'driver 550 or later',
        cause,
      });
    }
  }

  async function call({ function: name, arguments: args, fail }: Parameters<Nvml['call']>[0]): Promise<void> {
    const result: unknown = await promisify(bind(name).async)(...args);
    if (result === nvmlReturns.success) return;
    throw fail({ function: name, status: Number(result), text: describe(result) });
  }

  function describe(result: unknown): string {
    const text: unknown = bind('nvmlErrorString')(result);
    return `${String(text)} (${String(result)})`;
  }

  async function driverVersion(): Promise<string> {
    const buffer = new Uint8Array(driverVersionBytes);
    await call({
      function: 'nvmlSystemGetDriverVersion',
      arguments: [buffer, buffer.byteLength],
      fail: ({ text }) => new WardroundError('gpu-driver', 'the driver does not say its version', { got: text }),
    });
    return new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0)));
  }
}

/** An `unsigned int` as the machine has it; every machine with such a GPU is little-endian. */
export function readUint(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset, true);
}

export function writeUint(bytes: Uint8Array, { offset, value }: { offset: number; value: number }): void {
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(offset, value, true);
}

/** `length` bytes that the library wrote at `offset`. */
export function readBytes(bytes: Uint8Array, { offset, length }: { offset: number; length: number }): Bytes {
  return new Uint8Array(bytes.slice(offset, offset + length));
}
