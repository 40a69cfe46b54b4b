// Whether firmware booted with Secure Boot, as a replayed log of PCR 7 proves it: the variable's event is authenticated by its digest, whole.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';
import { separator } from '../event-log/event-types.ts';
import type { ReplayedEvent } from '../event-log/replay.ts';
import type { ProvenLog } from './verify.ts';

const driverConfig = 0x8000_0001;
const policyRegister = 7;
/** EFI_GLOBAL_VARIABLE 8be4df61-93ca-11d2-aa0d-00e098032b8c as UEFI_VARIABLE_DATA carries it, then two lengths of 8 bytes. */
const globalVariable = '61dfe48bca93d211aa0d00e098032b8c';
const secureBootName = Buffer.from('SecureBoot', 'utf16le');

/**
 * PCR 7 was quoted and replayed, and the one SecureBoot variable that it measured, before its separator, is 1.
 * @throws WardroundError `tpm-secure-boot-unknown`, `tpm-secure-boot`
 */
export function requireLoggedSecureBoot({ replay, registers }: ProvenLog): void {
  if (!registers.has(policyRegister)) throw unknown('a log of PCR 7, and PCR 7 in the quote');
  const events = replay.events.filter(({ extended, register }) => extended && register === policyRegister);
  const end = events.findIndex(({ type }) => type === separator);
  const values = events.slice(0, end === -1 ? 0 : end).flatMap((event) => secureBootValue(event) ?? []);
  const [only] = values;
  if (only === undefined || values.length > 1) throw unknown('one authenticated SecureBoot variable');
  if (only.byteLength === 1 && only[0] === 1) return;
  throw new WardroundError('tpm-secure-boot', 'firmware booted without Secure Boot', {
    got: toHex(only),
    action: 'stop',
  });
}

/** UEFI_VARIABLE_DATA: name, length of the name in characters, length of the data, both in full. */
function secureBootValue({ type, data, dataAuthenticated }: ReplayedEvent): Bytes | undefined {
  const header = 32;
  if (type !== driverConfig || !dataAuthenticated || data.byteLength < header) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const nameBytes = 2n * view.getBigUint64(16, true);
  const valueBytes = view.getBigUint64(24, true);
  if (BigInt(header) + nameBytes + valueBytes !== BigInt(data.byteLength)) return undefined;
  const valueAt = header + Number(nameBytes);
  if (toHex(data.subarray(0, 16)) !== globalVariable) return undefined;
  return secureBootName.equals(data.subarray(header, valueAt)) ? data.slice(valueAt) : undefined;
}

function unknown(expected: string): WardroundError {
  return new WardroundError('tpm-secure-boot-unknown', 'nothing proves how firmware booted', { expected });
}
