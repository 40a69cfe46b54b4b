// Asks Linux's configfs-tsm for a report of SEV-SNP or a quote of TDX (Documentation/ABI/testing/configfs-tsm-report; Linux 6.7 and later).
// Older kernels offer SEV-SNP through the ioctl of /dev/sev-guest and TDX through that of /dev/tdx_guest: neither is built here, and neither is
// tried. Where configfs-tsm does not answer, there is no evidence.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { type DeviceFiles, errnoOf } from './device-files.ts';
import { oneAtATime } from './one-at-a-time.ts';

export const tsmRoot = '/sys/kernel/config/tsm/report';

/** The kernel's drivers, by what the `provider` attribute says. */
export type TsmProvider = 'sev_guest' | 'tdx_guest';

export interface TsmSettings {
  readonly files: DeviceFiles;
  readonly root: string;
  readonly provider: TsmProvider;
  /** SEV-SNP's VMPL to report for; null writes none, and the kernel takes 0. TDX has none. */
  readonly privilegeLevel: number | null;
}

export interface TsmReport {
  /** SEV-SNP: the report. TDX: the quote. */
  readonly report: Bytes;
  /** SEV-SNP: the table of certificates that the host lends. Empty where the provider has none. */
  readonly auxiliary: Bytes;
}

/** TSM_REPORT_INBLOB_MAX: what the kernel takes, and what REPORT_DATA has. */
const inblobBytes = 64;
/** The kernel's own bound was 32 KiB (TSM_OUTBLOB_MAX); nothing larger fits into evidence. */
const maxBlobBytes = 65_536;
const maxTextBytes = 4_096;
/** Somebody else holds the module for a moment; the kernel says so, and waiting is done by it. */
const maxTries = 5;
const passing: ReadonlySet<string> = new Set(['EBUSY', 'EINTR', 'EAGAIN', 'ETIMEDOUT']);

/**
 * Asks for reports, one at a time, each in a directory of its own.
 * @throws (each call) WardroundError `tsm-absent`, `tsm-no-provider`, `tsm-provider`, `tsm-permission`, `tsm-privilege-level`, `tsm-busy`,
 * `tsm-generation`, `tsm-failed`, `device-file-size`
 */
export function tsmCollector(settings: TsmSettings): (inblob: Uint8Array) => Promise<TsmReport> {
  const exclusively = oneAtATime();
  return async (inblob) => {
    if (inblob.byteLength !== inblobBytes) {
      throw new WardroundError('tsm-failed', 'not 64 bytes of REPORT_DATA', { got: `${inblob.byteLength} bytes` });
    }
    return await exclusively(async () => await withRetries(settings, inblob));
  };
}

/** Which provider the kernel offers, without asking it for a report. @throws WardroundError as {@link tsmCollector} */
export async function tsmProvider(settings: Pick<TsmSettings, 'files' | 'root'>): Promise<string> {
  return await inDirectory(settings, async (directory) => await readProvider(settings, directory));
}

async function withRetries(settings: TsmSettings, inblob: Uint8Array): Promise<TsmReport> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await inDirectory(settings, async (directory) => await ask(settings, directory, inblob));
    } catch (error) {
      const errno = errnoOf(error instanceof WardroundError ? error.cause : error);
      if (errno === null || !passing.has(errno) || tries >= maxTries) throw refusal(error, settings.root);
    }
  }
}

/** In the order of the kernel's documentation. What is written takes effect only if `generation` says so: an error at close is lost. */
async function ask(settings: TsmSettings, directory: string, inblob: Uint8Array): Promise<TsmReport> {
  const { files, provider, privilegeLevel } = settings;
  const offered = await readProvider(settings, directory);
  if (offered !== provider) throw wrongProvider(provider, offered);
  const before = await readGeneration(files, directory);
  if (privilegeLevel !== null) await writePrivilegeLevel(files, join(directory, 'privlevel'), privilegeLevel);
  await files.write(join(directory, 'inblob'), inblob);
  const expected = before + (privilegeLevel === null ? 1n : 2n);
  await requireGeneration(files, directory, expected);
  const report = await files.read(join(directory, 'outblob'), maxBlobBytes);
  const auxiliary = await readAuxiliary(files, directory);
  await requireGeneration(files, directory, expected);
  return { report, auxiliary };
}

async function inDirectory<T>(
  { files, root }: Pick<TsmSettings, 'files' | 'root'>,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = join(root, `wardround-${randomUUID()}`);
  await files.makeDirectory(directory).catch((error: unknown) => {
    throw refusal(error, root);
  });
  try {
    return await work(directory);
  } finally {
    // A directory left behind costs the kernel a little memory and nothing else; the report is good.
    await files.removeDirectory(directory).catch(() => {});
  }
}

async function readProvider({ files }: Pick<TsmSettings, 'files'>, directory: string): Promise<string> {
  return await readLine(files, join(directory, 'provider'));
}

async function readGeneration(files: DeviceFiles, directory: string): Promise<bigint> {
  const text = await readLine(files, join(directory, 'generation'));
  if (/^\d{1,20}$/.test(text)) return BigInt(text);
  throw new WardroundError('tsm-failed', 'the kernel’s generation is no number', { got: text, action: 'stop' });
}

async function requireGeneration(files: DeviceFiles, directory: string, expected: bigint): Promise<void> {
  const generation = await readGeneration(files, directory);
  if (generation === expected) return;
  throw new WardroundError('tsm-generation', 'the report’s options were changed by somebody else, or not taken', {
    expected: String(expected),
    got: String(generation),
    action: 'retry',
  });
}

async function writePrivilegeLevel(files: DeviceFiles, path: string, level: number): Promise<void> {
  await files.write(path, new TextEncoder().encode(String(level))).catch((cause: unknown) => {
    if (!['EINVAL', 'ENOENT'].includes(errnoOf(cause) ?? '')) throw cause;
    throw new WardroundError('tsm-privilege-level', 'the kernel reports for no such privilege level', {
      expected: 'privilegeLevel: null, or one that privlevel_floor allows',
      got: String(level),
      cause,
    });
  });
}

/** Providers without certificates have no such attribute. */
async function readAuxiliary(files: DeviceFiles, directory: string): Promise<Bytes> {
  return await files.read(join(directory, 'auxblob'), maxBlobBytes).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return new Uint8Array();
    throw error;
  });
}

async function readLine(files: DeviceFiles, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path, maxTextBytes)).trimEnd();
}

function wrongProvider(expected: TsmProvider, got: string): WardroundError {
  return new WardroundError('tsm-provider', 'this machine is confidential by another technology', {
    where: 'provider',
    expected: `${expected}, for the platform.kind that is configured`,
    got,
    action: 'stop',
  });
}

const refusals: Readonly<Record<string, readonly [code: string, message: string, expected: string]>> = {
  ENOENT: [
    'tsm-absent',
    'the kernel offers no configfs-tsm',
    'Linux 6.7 or later, `modprobe sev-guest` or `modprobe tdx-guest`, and configfs mounted on /sys/kernel/config',
  ],
  ENOTDIR: ['tsm-absent', 'the kernel offers no configfs-tsm', 'configfs mounted on /sys/kernel/config'],
  ENXIO: [
    'tsm-no-provider',
    'no driver offers reports: this is no confidential VM, or its module is not loaded',
    '`modprobe sev-guest` (AMD SEV-SNP) or `modprobe tdx-guest` (Intel TDX)',
  ],
  ENOTTY: ['tsm-no-provider', 'the driver went away', '`modprobe sev-guest` or `modprobe tdx-guest`'],
  EACCES: ['tsm-permission', 'this account may not ask for reports', 'root, or write access to the directory'],
  EPERM: ['tsm-permission', 'this account may not ask for reports', 'root, or write access to the directory'],
  EROFS: ['tsm-permission', 'configfs is mounted read-only', 'a writable mount'],
};

function refusal(error: unknown, where: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof WardroundError || errno === null) return error;
  if (passing.has(errno)) {
    return new WardroundError('tsm-busy', 'the security module stays busy', {
      where,
      got: errno,
      action: 'retry',
      cause: error,
    });
  }
  const [code, message, expected] = refusals[errno] ?? ['tsm-failed', 'the security module gave no report', undefined];
  return new WardroundError(code, message, {
    where,
    got: errno,
    cause: error,
    ...(expected === undefined ? {} : { expected }),
  });
}
