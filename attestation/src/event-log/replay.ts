// What registers would hold if a log were true. A replay that reaches the registers which hardware signed proves the log's digests, in their
// order; an event's data only where hashing it gives its digest.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, equalBytes, sha256, sha384 } from '@wardround/protocol/bytes';
import type { Bank } from './algorithms.ts';
import { bankAlgorithms } from './algorithms.ts';
import type { EventLog, LogEvent } from './event-log.ts';
import { parseEventLog } from './event-log.ts';
import { initialProgramLoader, noAction } from './event-types.ts';

export interface ReplayedEvent extends LogEvent {
  /** False for events that no register knows of (EV_NO_ACTION): nothing vouches for those. */
  readonly extended: boolean;
  /** True where the digest that was extended is the hash of `data`, whole. Elsewhere `data` is hearsay. */
  readonly dataAuthenticated: boolean;
  /** The part of `data` that the digest proves: all of it, a boot loader's text behind its prefix, or nothing. */
  readonly authenticated: Bytes | undefined;
}

export interface Replay {
  readonly bank: Bank;
  /** By register. `cc`: always 1 to 4. `pcr`: those that the log speaks of. */
  readonly registers: ReadonlyMap<number, Bytes>;
  readonly events: readonly ReplayedEvent[];
}

/**
 * Replays one bank: register ← H(register ‖ digest), from zero, or from StartupLocality for PCR 0.
 * @throws WardroundError `event-log-bank` where the log has no digests of that bank, `event-log-no-action` for an event that must not
 *   be extended and has a digest, `event-log-locality`, `event-log-register` for registers that boot does not begin at zero
 */
export function replayEventLog(log: EventLog, bank: Bank): Replay {
  if (!log.banks.includes(bank)) {
    throw new WardroundError('event-log-bank', 'the event log has no digests of this bank', {
      expected: bank,
      got: log.banks.join(', '),
    });
  }
  const registers = new Map<number, Bytes>();
  if (log.kind === 'cc') for (const register of [1, 2, 3, 4]) registers.set(register, zeros(bank));
  const events = log.events.map((event) => {
    if (event.type === noAction) {
      applyNoAction(event, { log, bank, registers });
      return { ...event, extended: false, dataAuthenticated: false, authenticated: undefined };
    }
    return extend(event, { log, bank, registers });
  });
  return { bank, registers, events };
}

interface ReplayState {
  readonly log: EventLog;
  readonly bank: Bank;
  readonly registers: Map<number, Bytes>;
}

function extend(event: LogEvent, { log, bank, registers }: ReplayState): ReplayedEvent {
  const { register, digests, number } = event;
  const digest = digests.get(bank);
  if (digest === undefined) throw replayError('event-log-bank', 'an event without a digest of this bank', number);
  if (log.kind === 'cc' ? register === 0 : register >= 17 && register <= 22)
    throw replayError('event-log-register', 'an event in a register that boot does not extend from zero', number);
  const before = registers.get(register) ?? zeros(bank);
  registers.set(register, hash(bank, before, digest));
  const authenticated = provenPart(event, digest, bank);
  const dataAuthenticated = authenticated !== undefined && authenticated.byteLength === event.data.byteLength;
  return { ...event, extended: true, dataAuthenticated, authenticated };
}

/** GRUB hashes its commands without the prefix and the final NUL that it logs: `grub_cmd: linux /vmlinuz …`, `kernel_cmdline: …`. */
const loaderPrefixes = ['grub_cmd: ', 'kernel_cmdline: ', 'grub_kernel_cmdline ', 'module_cmdline: '];

function provenPart({ type, data }: LogEvent, digest: Bytes, bank: Bank): Bytes | undefined {
  if (equalBytes(hash(bank, data), digest)) return data;
  if (type !== initialProgramLoader) return undefined;
  const text = Buffer.from(data).toString('latin1');
  const prefix = loaderPrefixes.find((candidate) => text.startsWith(candidate));
  if (prefix === undefined || !text.endsWith('\0')) return undefined;
  const part = data.slice(prefix.length, -1);
  return equalBytes(hash(bank, part), digest) ? part : undefined;
}

const startupLocality = Buffer.from('StartupLocality\0', 'latin1');

/** Such events carry no digest. One of them changes what PCR 0 begins with, and must come before anything is extended into it. */
function applyNoAction(event: LogEvent, { log, bank, registers }: ReplayState): void {
  const { data, digests, number, register } = event;
  if ([...digests.values()].some((digest) => digest.some((byte) => byte !== 0)))
    throw replayError('event-log-no-action', 'an event that is never extended has a digest', number);
  if (log.kind !== 'pcr' || !Buffer.from(data).subarray(0, startupLocality.byteLength).equals(startupLocality)) return;
  const locality = data[startupLocality.byteLength];
  const wrong = data.byteLength !== startupLocality.byteLength + 1 || register !== 0 || registers.has(0);
  if (wrong || locality === undefined || ![0, 3, 4].includes(locality))
    throw replayError('event-log-locality', 'a StartupLocality that cannot be', number);
  registers.set(0, zeros(bank).with(bankAlgorithms[bank].bytes - 1, locality));
}

function zeros(bank: Bank): Bytes {
  return new Uint8Array(bankAlgorithms[bank].bytes);
}

function hash(bank: Bank, ...parts: readonly Uint8Array[]): Bytes {
  return bank === 'sha256' ? sha256(concatBytes(...parts)) : sha384(concatBytes(...parts));
}

function replayError(code: string, message: string, number: number): WardroundError {
  return new WardroundError(code, message, { where: `event ${number}`, action: 'stop' });
}

export interface CcReplay {
  /** RTMR0 to RTMR3, 48 bytes each: all zero where the log says nothing. */
  readonly rtmrs: readonly [Bytes, Bytes, Bytes, Bytes];
  readonly events: readonly ReplayedEvent[];
  readonly paddingBytes: number;
}

/**
 * The four runtime measurement registers of a TD, as its CC event log explains them (SHA-384, the TDX module's only bank).
 * @throws WardroundError those of `parseEventLog` and `replayEventLog`
 */
export function replayCcEventLog(input: Uint8Array): CcReplay {
  const log = parseEventLog(input, 'cc');
  const { registers, events } = replayEventLog(log, 'sha384');
  const rtmr = (register: number): Bytes => registers.get(register) ?? zeros('sha384');
  return { rtmrs: [rtmr(1), rtmr(2), rtmr(3), rtmr(4)], events, paddingBytes: log.paddingBytes };
}
