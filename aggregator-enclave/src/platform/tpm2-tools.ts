// Asks a TPM 2.0 through tpm2-tools (5.0 and later) for a quote and, on Azure, for the paravisor's report. The TPM itself is spoken to by those
// programs: this file reads their files. Nothing is read from their output on the terminal.
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url, toHex } from '@wardround/protocol/bytes';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { EvidenceItem } from '@wardround/attestation/evidence';
import { type ToolRun, runTool } from './child-tool.ts';
import { type DeviceFiles, errnoOf } from './device-files.ts';

/** Microsoft, "Guest attestation for confidential virtual machines", Azure-reserved indices; az-cvm-vtpm 0.8, src/vtpm/mod.rs. */
export const azure = {
  hclReport: '0x01400001',
  userData: '0x01400002',
  attestationKey: '0x81000003',
} as const;

export const tpmEventLog = '/sys/kernel/security/tpm0/binary_bios_measurements';
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface TpmSettings {
  readonly files: DeviceFiles;
  /** Where the tools find the TPM: `device:/dev/tpmrm0`. */
  readonly tcti: string;
  /** A persistent handle. */
  readonly attestationKey: string;
  readonly bank: 'sha256' | 'sha384';
  readonly eventLog: string;
  readonly timeoutMilliseconds: number;
  /** Where the programs are looked for; the system's directories where it is left out. */
  readonly path?: string;
}

export interface TpmQuote {
  /** TPMS_ATTEST. */
  readonly quote: Bytes;
  /** TPMT_SIGNATURE. */
  readonly signature: Bytes;
  readonly pcrs: readonly { readonly index: number; readonly value: string }[];
}

/** `eventLog` of the evidence format holds 524,288 characters of base64url. */
const maxEventLogBytes = 393_216;
const registers = Array.from({ length: 24 }, (_, index) => index);
const digestBytes = { sha256: 32, sha384: 48 } as const;
/** TPM2B_DATA holds a TPMT_HA: 34 bytes where SHA-256 is a TPM's largest hash, 50 with SHA-384, 66 with SHA-512 (TPM 2.0 Library, part 2, 10.4.3). */
const qualifyingBytes = { min: 32, max: 64 } as const;
const userDataBytes = 64;
const maxHclBytes = 6_144;

export class Tpm {
  readonly #settings: TpmSettings;

  constructor(settings: TpmSettings) {
    this.#settings = settings;
  }

  /**
   * All 24 registers of one bank, signed over 32 to 64 bytes of the caller's.
   * @throws WardroundError `tpm-absent`, `tpm-permission`, `tpm-tools-absent`, `tpm-timeout`, `tpm-quote`
   */
  async quote(qualifyingData: Uint8Array): Promise<TpmQuote> {
    const { byteLength } = qualifyingData;
    if (byteLength < qualifyingBytes.min || byteLength > qualifyingBytes.max) {
      throw new WardroundError('tpm-quote', 'not 32 to 64 bytes of qualifying data', { got: `${byteLength} bytes` });
    }
    const { attestationKey, bank } = this.#settings;
    return await this.#inDirectory(async (directory) => {
      await this.#run(
        { directory, code: 'tpm-quote', message: 'the TPM gave no quote' },
        'tpm2_quote',
        ['-Q', '-c', attestationKey, '-l', `${bank}:${registers.join(',')}`, '-g', 'sha256'].concat([
          '-q',
          toHex(qualifyingData),
          '-m',
          'quote',
          '-s',
          'signature',
          '-f',
          'tss',
          '-o',
          'pcrs',
          '-F',
          'values',
        ]),
      );
      const quote = await this.#file(directory, { name: 'quote', max: 3_072 });
      const signature = await this.#file(directory, { name: 'signature', max: 768 });
      const values = await this.#file(directory, { name: 'pcrs', max: registers.length * digestBytes[bank] });
      return { quote, signature, pcrs: splitRegisters(values, bank) };
    });
  }

  /**
   * What lies in an NV index that the owner may read with an empty password, as Azure's may be.
   * @throws WardroundError `tpm-absent`, `tpm-permission`, `tpm-tools-absent`, `tpm-timeout`, `tpm-nv`
   */
  async readNv(index: string): Promise<Bytes> {
    return await this.#inDirectory(async (directory) => {
      const problem = { directory, code: 'tpm-nv', message: `the TPM gave no data of index ${index}` };
      await this.#run(problem, 'tpm2_nvread', ['-C', 'o', '-o', 'data', index]);
      return await this.#file(directory, { name: 'data', max: maxHclBytes });
    });
  }

  /** Writes 64 bytes for Azure's paravisor to put into its next report; makes the index where it does not exist. @throws WardroundError as {@link readNv} */
  async writeUserData(data: Uint8Array): Promise<void> {
    if (data.byteLength !== userDataBytes) {
      throw new WardroundError('tpm-nv', 'not 64 bytes of user data', { got: `${data.byteLength} bytes` });
    }
    await this.#inDirectory(async (directory) => {
      const problem = { directory, code: 'tpm-nv', message: `the TPM took no data for index ${azure.userData}` };
      await writeFile(join(directory, 'data'), data, { mode: 0o600 });
      const exists = await this.#exists(directory, azure.userData);
      if (!exists) {
        const attributes = ['-s', String(userDataBytes), '-a', 'ownerwrite|ownerread'];
        await this.#run(problem, 'tpm2_nvdefine', ['-Q', '-C', 'o', ...attributes, azure.userData]);
      }
      await this.#run(problem, 'tpm2_nvwrite', ['-Q', '-C', 'o', '-i', 'data', azure.userData]);
    });
  }

  /** Of the firmware, as the kernel keeps it; `none` where it keeps none. @throws WardroundError `tpm-event-log`, `device-file-size` */
  async eventLog(): Promise<Bytes | 'none'> {
    const { files, eventLog } = this.#settings;
    return await files.read(eventLog, maxEventLogBytes).catch((cause: unknown) => {
      const errno = errnoOf(cause);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'none' as const;
      if (errno !== 'EACCES' && errno !== 'EPERM') throw cause;
      throw new WardroundError('tpm-event-log', 'there is an event log, but this account may not read it', {
        where: eventLog,
        expected: 'root, or read access given at boot',
        cause,
      });
    });
  }

  async #exists(directory: string, index: string): Promise<boolean> {
    const problem = { directory, code: 'tpm-nv', message: 'no such index' };
    try {
      await this.#run(problem, 'tpm2_nvreadpublic', [index]);
      return true;
    } catch (error) {
      if (hasCode(error, 'tpm-nv')) return false;
      throw error;
    }
  }

  async #run(
    { directory, code, message }: { directory: string; code: string; message: string },
    name: string,
    args: readonly string[],
  ): Promise<void> {
    const { tcti, path, timeoutMilliseconds } = this.#settings;
    await requireDevice(tcti);
    const run: ToolRun = {
      name,
      arguments: args,
      directory,
      environment: { TPM2TOOLS_TCTI: tcti },
      path: path ?? systemPath,
      timeoutMilliseconds,
    };
    await runTool(run).catch((cause: unknown) => {
      throw refusal(cause, { code, message });
    });
  }

  async #file(directory: string, { name, max }: { name: string; max: number }): Promise<Bytes> {
    return await this.#settings.files.read(join(directory, name), max).catch((cause: unknown) => {
      if (errnoOf(cause) === null) throw cause;
      throw new WardroundError('tpm-quote', 'the program left no answer', { where: name, cause });
    });
  }

  /** 0700: quotes are no secret, but nobody else shall exchange the files between two programs. */
  async #inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = await mkdtemp(join(tmpdir(), 'wardround-tpm-'));
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

/** The evidence item. */
export function tpmQuoteItem(
  { quote, signature, pcrs }: TpmQuote,
  { hclReport, bank, eventLog }: { hclReport: Uint8Array; bank: TpmSettings['bank']; eventLog: Uint8Array | 'none' },
): EvidenceItem {
  return {
    type: 'tpmQuote',
    certificates: [],
    hclReport: toBase64Url(hclReport),
    quote: toBase64Url(quote),
    signature: toBase64Url(signature),
    bank,
    pcrs: [...pcrs],
    eventLog: eventLog === 'none' ? 'none' : toBase64Url(eventLog),
  };
}

/** `-F values` writes the digests one after another, in the order of the selection. */
function splitRegisters(values: Bytes, bank: TpmSettings['bank']): TpmQuote['pcrs'] {
  const size = digestBytes[bank];
  if (values.byteLength !== registers.length * size) {
    throw new WardroundError('tpm-quote', 'not all registers are in the quote: the TPM lacks this bank', {
      expected: `${registers.length} of bank ${bank}`,
      got: `${values.byteLength} bytes`,
      action: 'stop',
    });
  }
  return registers.map((index) => ({ index, value: toHex(values.subarray(index * size, (index + 1) * size)) }));
}

/** Said before a program is started, because a program’s words for it differ between versions. */
async function requireDevice(tcti: string): Promise<void> {
  const device = /^device:(\/.+)$/.exec(tcti)?.[1];
  if (device === undefined) return;
  await access(device, constants.R_OK | constants.W_OK).catch((cause: unknown) => {
    throw errnoOf(cause) === 'ENOENT'
      ? new WardroundError('tpm-absent', 'this machine has no TPM', {
          where: device,
          expected: 'a vTPM in the VM’s settings, and the kernel module tpm_crb or tpm_tis',
          cause,
        })
      : new WardroundError('tpm-permission', 'this account may not use the TPM', {
          where: device,
          expected: 'membership of the group tss, or root',
          cause,
        });
  });
}

function refusal(cause: unknown, { code, message }: { code: string; message: string }): unknown {
  if (hasCode(cause, 'tool-absent') && cause instanceof WardroundError) {
    return new WardroundError('tpm-tools-absent', 'tpm2-tools is not installed', {
      where: cause.where ?? 'tpm2-tools',
      expected: 'version 5 or later (on Debian: apt install tpm2-tools)',
      cause,
    });
  }
  if (!(cause instanceof WardroundError)) return cause;
  const detail = { where: cause.where ?? '', got: cause.got ?? '', cause };
  return hasCode(cause, 'tool-timeout')
    ? new WardroundError('tpm-timeout', 'the TPM did not answer', { where: detail.where, cause, action: 'retry' })
    : new WardroundError(code, message, detail);
}
