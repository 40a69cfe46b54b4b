// The firmware's log of what it measured into a TD's RTMRs: the ACPI table CCEL and the log that it points to (ACPI 6.5, 5.2.34; Intel
// "Guest-Host-Communication Interface for TDX", 4.3.3). It is explanation, not proof: sites replay it and compare with the quote.
import { join } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { type DeviceFiles, errnoOf } from './device-files.ts';

export const acpiTables = '/sys/firmware/acpi/tables';

/** `eventLog` of the evidence format holds 524,288 characters of base64url. */
export const maxEventLogBytes = 393_216;
/** Header 36, type and subtype 1 each, reserved 2, length and address 8 each. */
const tableBytes = 56;
/** UEFI 2.10, 38.2.1: confidential computing type of TDX. */
const typeTdx = 2;

/**
 * The log as the firmware left it, padding included; `none` where the firmware offers none.
 * @throws WardroundError `ccel-permission`, `ccel-malformed`, `device-file-size`
 */
export async function readCcel(files: DeviceFiles, tables: string): Promise<Bytes | 'none'> {
  const table = await readOrNone(files, join(tables, 'CCEL'), 4_096);
  if (table === 'none') return 'none';
  const declared = readDeclaredLength(table);
  const log = await readOrNone(files, join(tables, 'data', 'CCEL'), maxEventLogBytes);
  if (log === 'none') throw malformed('the table and its log', 'the table alone');
  if (BigInt(log.byteLength) !== declared) throw malformed(`${declared} bytes of log`, `${log.byteLength} bytes`);
  return log;
}

function readDeclaredLength(table: Bytes): bigint {
  const view = new DataView(table.buffer);
  const signature = new TextDecoder('latin1').decode(table.subarray(0, 4));
  if (signature !== 'CCEL' || table.byteLength !== tableBytes || view.getUint32(4, true) !== tableBytes) {
    throw malformed(`a CCEL table of ${tableBytes} bytes`, `${table.byteLength} bytes`);
  }
  const type = view.getUint8(36);
  if (type !== typeTdx) throw malformed('the log of a TD, type 2', `type ${type}`);
  return view.getBigUint64(40, true);
}

async function readOrNone(files: DeviceFiles, path: string, maxBytes: number): Promise<Bytes | 'none'> {
  return await files.read(path, maxBytes).catch((cause: unknown) => {
    const errno = errnoOf(cause);
    if (errno === 'ENOENT') return 'none' as const;
    if (errno === 'EACCES' || errno === 'EPERM') throw forbidden('ccel-permission', path, cause);
    throw cause;
  });
}

function forbidden(code: string, where: string, cause: unknown): WardroundError {
  return new WardroundError(code, 'there is an event log, but this account may not read it', {
    where,
    expected: 'root, or read access given at boot',
    cause,
  });
}

function malformed(expected: string, got: string): WardroundError {
  return new WardroundError('ccel-malformed', 'the firmware’s event log is not what its table says', {
    where: 'CCEL',
    expected,
    got,
    action: 'stop',
  });
}
