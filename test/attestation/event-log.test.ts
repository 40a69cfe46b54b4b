// Firmware's event logs: genuine ones replay to what hardware signed; anything that is not quite a log is refused by its code.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, sha256, sha384, toHex, utf8 } from '@wardround/protocol/bytes';
import type { EventLog, EventLogKind } from '@wardround/attestation/event-log/event-log';
import { eventLogLimits, parseEventLog } from '@wardround/attestation/event-log/event-log';
import { eventTypeName, initialProgramLoader, noAction, separator } from '@wardround/attestation/event-log/event-types';
import { replayCcEventLog, replayEventLog } from '@wardround/attestation/event-log/replay';
import type { LogParts } from './event-log-writer.ts';
import { eventOf, headerOf, logOf } from './event-log-writer.ts';
import { haveVectors, vector } from './vectors.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded ${String(error)}`;
  }
  return 'none';
}

const parse = (log: Uint8Array, kind: EventLogKind = 'pcr'): EventLog => parseEventLog(log, kind);
const replayCode = (log: Uint8Array, kind: EventLogKind = 'pcr'): string =>
  codeOf(() => replayEventLog(parseEventLog(log, kind), 'sha256'));

describe.skipIf(!haveVectors)('genuine event logs', () => {
  it.each([
    ['tpm/go-tpm-tools/ubuntu-2404-amd-sevsnp.bin', 'pcr', 117, 0],
    ['tpm/go-tpm-tools/cos-101-amd-sev.bin', 'pcr', 49, 0],
    ['tdx/go-tdx-guest/ccel/ccel_data.dat', 'cc', 44, 262_144 - 18_101],
    ['tdx/trustee/CCEL_data', 'cc', 6, 1_048_576 - 9_822],
    ['tdx/trustee/CCEL_data_ovmf', 'cc', 21, 65_536 - 2_120],
  ] as const)('%s', (path, kind, events, paddingBytes) => {
    const log = parse(vector(path), kind);
    expect(log.events).toHaveLength(events);
    expect(log.paddingBytes).toBe(paddingBytes);
    for (const bank of log.banks) expect(replayEventLog(log, bank).events).toHaveLength(events);
  });

  it('of one TD: 43 events replay to all four RTMRs of its quote', () => {
    const { rtmrs, events } = replayCcEventLog(vector('tdx/go-tdx-guest/ccel/ccel_data.dat'));
    const body = vector('tdx/go-tdx-guest/ccel/cos-113-tdx-quote.dat').subarray(48);
    expect(rtmrs.map(toHex)).toEqual(
      [0, 1, 2, 3].map((index) => toHex(body.subarray(328 + 48 * index, 376 + 48 * index))),
    );
    expect(events.filter(({ extended }) => extended)).toHaveLength(43);
  });

  it('of a SHA-1 machine is none that proves anything', () => {
    expect(codeOf(() => parse(vector('tpm/go-tpm-tools/debian-10.bin')))).toBe('event-log-legacy');
  });

  it('replays as tpm2_eventlog does, in both banks', () => {
    const log = parse(vector('tpm/go-tpm-tools/ubuntu-2404-amd-sevsnp.bin'));
    const register = (bank: 'sha256' | 'sha384', index: number): string =>
      toHex(replayEventLog(log, bank).registers.get(index) ?? new Uint8Array());
    expect([...replayEventLog(log, 'sha256').registers.keys()].toSorted((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14,
    ]);
    expect(register('sha256', 0)).toBe('50597a27846e91d025eef597abbc89f72bff9af849094db97b0684d8bc4c515e');
    expect(register('sha256', 8)).toBe('6932a3f71dc55ad3c1a6ac2196eeac26a1b7164b6bbfa106625d94088ec3ecc3');
    expect(register('sha384', 14)).toBe(
      '937437d07298010015f4598395c9f8dc202ef36e0be3897bba89874bf612b5da092beadfe37f79714a60193819e384ad',
    );
  });

  it('says of each event whether its data is proved', () => {
    const log = parse(vector('tpm/go-tpm-tools/ubuntu-2404-amd-sevsnp.bin'));
    const { events } = replayEventLog(log, 'sha256');
    const byName = (name: string): readonly boolean[] =>
      events.filter(({ type }) => eventTypeName(type) === name).map(({ dataAuthenticated }) => dataAuthenticated);
    expect(byName('EV_SEPARATOR').every(Boolean)).toBe(true);
    expect(byName('EV_EFI_VARIABLE_DRIVER_CONFIG')).toEqual([true, true, true, true, true]);
    expect(byName('EV_EFI_BOOT_SERVICES_APPLICATION')).toEqual([false, false]);
    expect(byName('EV_NO_ACTION')).toEqual([false]);
    const commandLine = events.find(({ data }) => Buffer.from(data).toString('latin1').startsWith('kernel_cmdline: '));
    expect(commandLine?.dataAuthenticated).toBe(false);
    expect(Buffer.from(commandLine?.authenticated ?? []).toString()).toMatch(
      /^\/vmlinuz-6\.8\.0-1010-gcp root=PARTUUID=/,
    );
  });
});

describe('a replay', () => {
  it('extends each register from zero, in the order of the log', () => {
    const log = parse(
      logOf({ events: [eventOf({ register: 4, data: utf8('a') }), eventOf({ register: 4, data: utf8('b') })] }),
    );
    const { registers } = replayEventLog(log, 'sha256');
    const first = sha256(new Uint8Array(32), sha256(utf8('a')));
    expect(toHex(registers.get(4) ?? new Uint8Array())).toBe(toHex(sha256(first, sha256(utf8('b')))));
    expect([...registers.keys()]).toEqual([4]);
  });

  it('begins PCR 0 at its startup locality, in both banks', () => {
    const locality = eventOf({
      register: 0,
      type: noAction,
      data: concatBytes(utf8('StartupLocality\0'), Uint8Array.of(3)),
      digests: 'zero',
    });
    const log = parse(logOf({ events: [locality, eventOf({ register: 0, data: utf8('crtm') })] }));
    const begin = (length: number): Bytes => new Uint8Array(length).with(length - 1, 3);
    expect(replayEventLog(log, 'sha256').registers.get(0)).toEqual(sha256(begin(32), sha256(utf8('crtm'))));
    expect(replayEventLog(log, 'sha384').registers.get(0)).toEqual(sha384(begin(48), sha384(utf8('crtm'))));
  });

  it('authenticates data by its digest alone', () => {
    const lie = eventOf({ data: utf8('I am the good kernel'), digestsOf: utf8('the bad kernel') });
    const { events } = replayEventLog(parse(logOf({ events: [lie, eventOf({ data: utf8('x') })] })), 'sha384');
    expect(events.map(({ dataAuthenticated }) => dataAuthenticated)).toEqual([false, false, true]);
    expect(events.map(({ authenticated }) => authenticated)).toEqual([undefined, undefined, utf8('x')]);
  });

  it('proves a boot loader’s command behind its prefix, and only of a boot loader', () => {
    const data = utf8('kernel_cmdline: ro quiet\0');
    const parts = { data, digestsOf: utf8('ro quiet') };
    const log = parse(
      logOf({ events: [eventOf({ ...parts, type: initialProgramLoader }), eventOf({ ...parts, type: separator })] }),
    );
    const [, loader, other] = replayEventLog(log, 'sha256').events;
    expect(loader).toMatchObject({ dataAuthenticated: false, authenticated: utf8('ro quiet') });
    expect(other).toMatchObject({ dataAuthenticated: false, authenticated: undefined });
  });

  it('gives a confidential VM all four registers', () => {
    const { rtmrs } = replayCcEventLog(
      logOf({ algorithms: [0x0c], events: [eventOf({ register: 2, data: utf8('x'), algorithms: [0x0c] })] }),
    );
    expect(rtmrs.map((rtmr) => rtmr.every((byte) => byte === 0))).toEqual([true, false, true, true]);
    expect(rtmrs[1]).toEqual(sha384(new Uint8Array(48), sha384(utf8('x'))));
  });

  it('of one register’s events is independent of the others’', () => {
    const register = fc.integer({ min: 0, max: 15 });
    const data = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.record({ register, data }), { maxLength: 20 }), register, (events, only) => {
        const all = replayEventLog(parse(logOf({ events: events.map(eventOf) })), 'sha256').registers.get(only);
        const own = events.filter((event) => event.register === only).map(eventOf);
        expect(replayEventLog(parse(logOf({ events: own })), 'sha256').registers.get(only)).toEqual(all);
      }),
    );
  });
});

describe('a log with one thing wrong', () => {
  const good = eventOf({ register: 1, data: utf8('data') });
  const locality = (value: number, register = 0): Bytes =>
    eventOf({
      register,
      type: noAction,
      data: concatBytes(utf8('StartupLocality\0'), Uint8Array.of(value)),
      digests: 'zero',
    });
  const pcr: readonly (readonly [string, LogParts, string])[] = [
    ['nothing wrong', { events: [good] }, 'none'],
    ['no events', { events: [] }, 'none'],
    ['register 24', { events: [eventOf({ register: 24 })] }, 'event-log-register'],
    ['register 0xffffffff', { events: [eventOf({ register: 0xffff_ffff })] }, 'event-log-register'],
    ['a dynamic register', { events: [eventOf({ register: 17 })] }, 'event-log-register'],
    ['no digests', { events: [eventOf({ algorithms: [] })] }, 'event-log-malformed'],
    ['one digest of two', { events: [eventOf({ algorithms: [0x0b] })] }, 'event-log-malformed'],
    ['one digest twice', { events: [eventOf({ algorithms: [0x0b, 0x0b] })] }, 'event-log-malformed'],
    ['a third digest', { events: [eventOf({ algorithms: [0x0b, 0x0c, 0x0d] })] }, 'event-log-malformed'],
    [
      'a digest of an algorithm that the header lacks',
      { events: [eventOf({ algorithms: [0x0b, 0x0d] })] },
      'event-log-malformed',
    ],
    ['a size that lies', { events: [eventOf({ data: utf8('x'), size: 2 })] }, 'event-log-malformed'],
    ['a size of 4 GiB', { events: [eventOf({ data: utf8('x'), size: 0xffff_ffff })] }, 'event-log-malformed'],
    ['a count of 4 G digests', { events: [eventOf({ digestCount: 0xffff_ffff })] }, 'event-log-malformed'],
    ['trailing bytes', { events: [good], tail: Uint8Array.of(1) }, 'event-log-malformed'],
    ['trailing zeros', { events: [good], tail: new Uint8Array(64) }, 'event-log-malformed'],
    ['trailing ones', { events: [good], tail: new Uint8Array(64).fill(0xff) }, 'event-log-register'],
    ['a header for register 1', { header: { register: 1 } }, 'event-log-register'],
    ['a header with a digest', { header: { digest: new Uint8Array(20).fill(1) } }, 'event-log-malformed'],
    ['a header of another type', { header: { type: separator } }, 'event-log-legacy'],
    ['another specification', { header: { signature: 'Spec ID Event02\0' } }, 'event-log-legacy'],
    ['no algorithms', { algorithms: [], events: [] }, 'event-log-malformed'],
    ['nine algorithms', { header: { count: 9 } }, 'event-log-malformed'],
    ['4 G algorithms', { header: { count: 0xffff_ffff } }, 'event-log-malformed'],
    ['an algorithm twice', { algorithms: [0x0b, 0x0b] }, 'event-log-malformed'],
    ['SHA-256 of 20 bytes', { header: { sizes: [20, 48] } }, 'event-log-malformed'],
    ['digests of no bytes', { algorithms: [0x0b, 0x99], header: { sizes: [32, 0] } }, 'event-log-malformed'],
    ['digests of 65 bytes', { algorithms: [0x0b, 0x99], header: { sizes: [32, 65] } }, 'event-log-malformed'],
    ['a word size of 8', { header: { wordSize: 8 } }, 'event-log-malformed'],
    ['bytes behind the vendor’s words', { header: { vendorSize: 1, vendor: utf8('abc') } }, 'event-log-malformed'],
    ['vendor’s words that are not there', { header: { vendorSize: 9, vendor: utf8('abc') } }, 'event-log-malformed'],
    ['no SHA-256', { algorithms: [0x0c], events: [eventOf({ algorithms: [0x0c] })] }, 'event-log-bank'],
    [
      'a digest in an event without action',
      { events: [eventOf({ type: noAction, data: utf8('x') })] },
      'event-log-no-action',
    ],
    ['locality 1', { events: [locality(1)] }, 'event-log-locality'],
    ['locality of register 1', { events: [locality(3, 1)] }, 'event-log-locality'],
    ['locality twice', { events: [locality(3), locality(3)] }, 'event-log-locality'],
    ['locality after the first extension', { events: [eventOf({ register: 0 }), locality(3)] }, 'event-log-locality'],
  ];

  it.each(pcr)('%s', (_, parts, code) => {
    expect(replayCode(logOf(parts))).toBe(code);
  });

  const cc: readonly (readonly [string, LogParts, string])[] = [
    ['padding of zeros', { events: [good], tail: new Uint8Array(100) }, 'none'],
    ['padding of ones', { events: [good], tail: new Uint8Array(3).fill(0xff) }, 'none'],
    ['padding of both', { events: [good], tail: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0) }, 'event-log-register'],
    ['an event behind padding', { events: [good, new Uint8Array(16), good] }, 'event-log-malformed'],
    ['register 5', { events: [eventOf({ register: 5 })] }, 'event-log-register'],
    ['MRTD, which is never extended', { events: [eventOf({ register: 0 })] }, 'event-log-register'],
    ['a header for register 5', { header: { register: 5 } }, 'event-log-register'],
  ];

  it.each(cc)('of a confidential VM: %s', (_, parts, code) => {
    expect(replayCode(logOf(parts), 'cc')).toBe(code);
  });

  it('is larger than any', () => {
    expect(codeOf(() => parse(new Uint8Array(eventLogLimits.maxBytes + 1)))).toBe('event-log-too-large');
  });

  it('has more events than any', () => {
    const event = eventOf({ algorithms: [0x0b], data: new Uint8Array() });
    const many = (count: number): Bytes =>
      logOf({ algorithms: [0x0b], events: Array.from({ length: count }, () => event) });
    expect(parse(many(eventLogLimits.maxEvents - 1)).events).toHaveLength(eventLogLimits.maxEvents);
    expect(codeOf(() => parse(many(eventLogLimits.maxEvents)))).toBe('event-log-malformed');
  });

  it('is cut at any length that is not the end of an event', () => {
    const parts = [headerOf({}), good, eventOf({ register: 2, data: utf8('more') })];
    const whole = concatBytes(...parts);
    const ends = new Set(parts.map((_, index) => concatBytes(...parts.slice(0, index + 1)).byteLength));
    for (let length = 0; length < whole.byteLength; length += 1)
      expect(replayCode(whole.subarray(0, length))).toBe(ends.has(length) ? 'none' : 'event-log-malformed');
  });

  it('never provokes anything but a coded refusal, and a flipped digest another register', () => {
    const whole = logOf({ events: [good, eventOf({ register: 2, data: utf8('more') })] });
    const registersOf = (log: Uint8Array): string => {
      try {
        const { registers } = replayEventLog(parse(log), 'sha256');
        return [...registers].map(([index, value]) => `${index}:${toHex(value)}`).join();
      } catch (error) {
        if (error instanceof WardroundError) return error.code;
        throw error;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(registersOf(noise)).toMatch(/^event-log-/);
        expect(registersOf(concatBytes(headerOf({}), noise))).toBeTypeOf('string');
      }),
    );
    const digestAt = headerOf({}).byteLength + 14;
    expect(registersOf(whole.with(digestAt, (whole[digestAt] ?? 0) ^ 1))).not.toBe(registersOf(whole));
  });
});
