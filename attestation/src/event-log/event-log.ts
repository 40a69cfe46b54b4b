// Firmware's event logs in the TCG's crypto-agile format (TCG PC Client Platform Firmware Profile 1.06, section 10; UEFI 2.10, section 38.4
// for confidential computing, CCEL), taken apart without believing any of it. What a log says counts only after a replay: see `replay`.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { ByteReader } from '../byte-reader.ts';
import type { Bank } from './algorithms.ts';
import { bankAlgorithms, bankOfAlgorithm, knownDigestBytes } from './algorithms.ts';
import { noAction } from './event-types.ts';

/** `pcr`: a TPM's registers 0 to 23. `cc`: measurement registers of a confidential VM, 0 = MRTD and 1 to 4 = RTMR0 to RTMR3. */
export type EventLogKind = 'pcr' | 'cc';

export interface LogEvent {
  /** Position in the log; 0 is the header. */
  readonly number: number;
  readonly register: number;
  readonly type: number;
  /** Of the banks that we rely on; others are read over. */
  readonly digests: ReadonlyMap<Bank, Bytes>;
  /** What firmware says that it measured. Untrusted until its digest is recomputed. */
  readonly data: Bytes;
}

export interface EventLog {
  readonly kind: EventLogKind;
  readonly banks: readonly Bank[];
  /** All of them, header first. */
  readonly events: readonly LogEvent[];
  /** Unused room behind the last event: the CCEL area is larger than its log. Always 0 for `pcr`. */
  readonly paddingBytes: number;
}

export const eventLogLimits = { maxBytes: 4 * 1024 * 1024, maxEvents: 8_192, maxAlgorithms: 8 } as const;

interface Algorithm {
  readonly id: number;
  readonly bytes: number;
}

const highestRegister: Readonly<Record<EventLogKind, number>> = { pcr: 23, cc: 4 };
const specId = 'Spec ID Event03\0';
const sha1Bytes = 20;

/**
 * Takes a log apart. Every length is checked against what is there before it is used. Behind the last event a `cc` log may be filled
 * up with nothing but 0xFF or nothing but 0x00, as firmware leaves its area; a `pcr` log must end with its last event.
 * @throws WardroundError `event-log-too-large`, `event-log-legacy` (no crypto-agile header: SHA-1 alone proves nothing),
 *   `event-log-malformed`, `event-log-register`
 */
export function parseEventLog(input: Uint8Array, kind: EventLogKind): EventLog {
  if (input.byteLength > eventLogLimits.maxBytes) {
    throw new WardroundError('event-log-too-large', 'an event log larger than any firmware writes', {
      expected: `at most ${eventLogLimits.maxBytes} bytes`,
      got: `${input.byteLength} bytes`,
    });
  }
  const reader = new ByteReader(input, { littleEndian: true, refuse: malformed });
  const { header, algorithms } = readHeader(reader, kind);
  const events = [header];
  while (!atEnd(reader, kind)) {
    if (events.length >= eventLogLimits.maxEvents) throw reader.refuse(`more than ${eventLogLimits.maxEvents} events`);
    events.push(readEvent(reader, { number: events.length, kind, algorithms }));
  }
  const banks = algorithms.flatMap(({ id }) => bankOfAlgorithm(id) ?? []);
  return { kind, banks, events, paddingBytes: reader.remaining };
}

/** A register of an event cannot begin with four 0xFF; one of zeros would be an event without digests, which is refused anyway. */
function atEnd(reader: ByteReader, kind: EventLogKind): boolean {
  if (reader.remaining === 0) return true;
  return kind === 'cc' && (reader.restIs(0xff) || reader.restIs(0x00));
}

interface Header {
  readonly header: LogEvent;
  readonly algorithms: readonly Algorithm[];
}

/** TCG_PCR_EVENT with a TCG_EfiSpecIDEvent in it: in the old format, so that old readers stop here. */
function readHeader(reader: ByteReader, kind: EventLogKind): Header {
  const register = reader.u32('register of the header');
  const type = reader.u32('type of the header');
  const digest = reader.bytes(sha1Bytes, 'digest of the header');
  const data = reader.bytes(reader.u32('size of the header'), 'header');
  if (type !== noAction || !Buffer.from(data).subarray(0, specId.length).equals(Buffer.from(specId, 'latin1'))) {
    throw new WardroundError('event-log-legacy', 'not a crypto-agile event log', {
      expected: 'a Spec ID Event03 header',
      got: `an event of type 0x${type.toString(16)}`,
    });
  }
  if (register > (kind === 'pcr' ? 0 : highestRegister.cc)) throw badRegister(register, 'header', kind);
  if (digest.some((byte) => byte !== 0)) throw reader.refuse('a header with a digest');
  const algorithms = readSpecId(data.slice(specId.length));
  return { header: { number: 0, register, type, digests: new Map(), data }, algorithms };
}

function readSpecId(body: Bytes): readonly Algorithm[] {
  const reader = new ByteReader(body, { littleEndian: true, refuse: malformed });
  reader.u32('platform class');
  reader.bytes(3, 'specification version');
  const wordSize = reader.u8('word size');
  if (wordSize !== 1 && wordSize !== 2) throw reader.refuse(`word size ${wordSize}`);
  const count = reader.u32('number of algorithms');
  if (count < 1 || count > eventLogLimits.maxAlgorithms) throw reader.refuse(`${count} algorithms`);
  const algorithms = new Map<number, Algorithm>();
  for (let index = 0; index < count; index += 1) {
    const algorithm = readAlgorithm(reader);
    if (algorithms.has(algorithm.id)) throw reader.refuse(`algorithm 0x${algorithm.id.toString(16)} twice`);
    algorithms.set(algorithm.id, algorithm);
  }
  reader.bytes(reader.u8('size of the vendor’s words'), 'the vendor’s words');
  reader.end('the header');
  return [...algorithms.values()];
}

function readAlgorithm(reader: ByteReader): Algorithm {
  const id = reader.u16('algorithm');
  const bytes = reader.u16('digest size');
  const known = knownDigestBytes.get(id);
  if (bytes < 1 || bytes > 64 || (known !== undefined && known !== bytes))
    throw reader.refuse(`algorithm 0x${id.toString(16)} with digests of ${bytes} bytes`);
  return { id, bytes };
}

interface EventContext {
  readonly number: number;
  readonly kind: EventLogKind;
  readonly algorithms: readonly Algorithm[];
}

/** TCG_PCR_EVENT2, or CC_EVENT, which is laid out alike. */
function readEvent(reader: ByteReader, { number, kind, algorithms }: EventContext): LogEvent {
  const register = reader.u32(`register of event ${number}`);
  if (register > highestRegister[kind]) throw badRegister(register, `event ${number}`, kind);
  const type = reader.u32(`type of event ${number}`);
  const digests = readDigests(reader, algorithms);
  const data = reader.bytes(reader.u32(`size of event ${number}`), `data of event ${number}`);
  return { number, register, type, digests, data };
}

/** Exactly one digest for each algorithm of the header: a missing one would let two banks tell two stories. */
function readDigests(reader: ByteReader, algorithms: readonly Algorithm[]): ReadonlyMap<Bank, Bytes> {
  const count = reader.u32('number of digests');
  if (count !== algorithms.length) throw reader.refuse(`${count} digests where the header names ${algorithms.length}`);
  const seen = new Set<number>();
  const digests = new Map<Bank, Bytes>();
  for (let index = 0; index < count; index += 1) {
    const id = reader.u16('algorithm of a digest');
    const algorithm = algorithms.find((candidate) => candidate.id === id);
    if (algorithm === undefined || seen.has(id)) throw reader.refuse(`a digest of algorithm 0x${id.toString(16)}`);
    seen.add(id);
    const digest = reader.bytes(algorithm.bytes, 'digest');
    const bank = bankOfAlgorithm(id);
    if (bank !== undefined && bankAlgorithms[bank].bytes === digest.byteLength) digests.set(bank, digest);
  }
  return digests;
}

function malformed(problem: string, offset: number): WardroundError {
  return new WardroundError('event-log-malformed', 'the event log cannot be read', {
    got: problem,
    where: `offset ${offset}`,
  });
}

function badRegister(register: number, where: string, kind: EventLogKind): WardroundError {
  return new WardroundError('event-log-register', 'an event for a register that this log cannot speak of', {
    expected: kind === 'pcr' ? '0 to 23' : '0 to 4',
    got: String(register),
    where,
  });
}
