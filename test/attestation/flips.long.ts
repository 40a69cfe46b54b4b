// Every part of genuine evidence, with a bit flipped, cut at every length, and with something behind it: refused, by a code. WARDROUND_EVERY_BIT=1 flips
// every bit of everything, which takes half an hour of one processor, and for all manifests some hours more (`-t` names samples); without it what is dear
// has one bit of each byte flipped.
import { afterAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import type { Bytes } from '@wardround/protocol/bytes';
import type { HostileSample, Judged } from './hostile-samples.ts';
import { flipSamples } from './flip-samples.ts';
import { hostileSamples } from './hostile-samples.ts';
import { haveVectors } from './vectors.ts';

const isEveryBit = process.env['WARDROUND_EVERY_BIT'] === '1';
const named = (all: readonly HostileSample[]): readonly (readonly [string, HostileSample])[] =>
  all.map((sample) => [sample.name, sample]);
const hostile = haveVectors ? hostileSamples() : [];
const samples = named(hostile);
const flipped = named([...hostile, ...(haveVectors ? flipSamples(hostile) : [])]).filter(
  ([, { bits }]) => isEveryBit || bits !== 'onlyEveryBit',
);
const isExhaustive = ({ bits }: HostileSample): boolean => isEveryBit || bits === 'all';

/** Whether it passed. What a library threw and nobody foresaw is no refusal. */
function passes({ authentic, steps }: Judged, where: string): boolean {
  expect(steps.filter(({ code }) => code === 'attestation-internal').map((step) => ({ where, step }))).toEqual([]);
  return authentic;
}

/** As the whole inspection, but where a cheaper part of it refuses, no more is asked. */
function passesFlipped({ judge, stage }: HostileSample, bytes: Bytes, where: string): boolean {
  try {
    stage?.(bytes);
    return passes(judge(bytes), where);
  } catch (error) {
    if (error instanceof WardroundError) return false;
    throw error;
  }
}

function* flipsOf(sample: HostileSample): Generator<readonly [number, number]> {
  const { bytes } = sample;
  for (let offset = 0; offset < bytes.byteLength; offset += 1) {
    const byte = bytes[offset] ?? 0;
    if (!isExhaustive(sample)) yield [offset, byte ^ (1 << ((offset * 5) % 8))];
    else for (let bit = 0; bit < 8; bit += 1) yield [offset, byte ^ (1 << bit)];
  }
}

describe.skipIf(!haveVectors)('genuine evidence', () => {
  let all = 0;
  afterAll(() => {
    console.log(`${flipped.length} samples, ${all} flips in all`);
  });

  it.each(flipped)('%s passes as it is', (name, sample) => {
    expect(passesFlipped(sample, sample.bytes, name)).toBe(true);
  });

  it.each(flipped)('%s: a flipped bit', (name, sample) => {
    const { bytes, unsigned } = sample;
    const accepted: string[] = [];
    const justified = new Map<string, number>();
    let tried = 0;
    for (const [offset, value] of flipsOf(sample)) {
      tried += 1;
      if (!passesFlipped(sample, bytes.with(offset, value), `${name}, byte ${offset}`)) continue;
      const reason = unsigned?.(offset, value);
      if (reason === undefined) accepted.push(`byte ${offset} as ${value}`);
      else justified.set(reason, (justified.get(reason) ?? 0) + 1);
    }
    const besides = [...justified].map(([reason, count]) => `, ${count} accepted (${reason})`).join('');
    all += tried;
    console.log(`${name}: ${tried} flips (${isExhaustive(sample) ? 'every bit' : 'one bit of each byte'})${besides}`);
    expect(accepted).toEqual([]);
  });

  it.each(samples)('%s: cut at every length', (name, { bytes, judge, mayFollow }) => {
    const accepted: number[] = [];
    for (let length = 0; length < bytes.byteLength; length += 1)
      if (
        passes(judge(bytes.slice(0, length)), `${name}, cut at ${length}`) &&
        mayFollow?.(bytes.slice(length)) === undefined
      )
        accepted.push(length);
    expect(accepted).toEqual([]);
  });

  const tails: readonly Bytes[] = [
    Uint8Array.of(0),
    Uint8Array.of(1),
    Uint8Array.of(0x20),
    Uint8Array.of(0x30, 0),
    new Uint8Array(96),
    new Uint8Array(4096).fill(0xff),
    utf8('-----BEGIN CERTIFICATE-----'),
  ];
  it.each(samples)('%s: with something behind it', (name, { bytes, judge, mayFollow }) => {
    for (const tail of [...tails, bytes]) {
      const passed = passes(judge(concatBytes(bytes, tail)), `${name} and ${tail.byteLength} bytes`);
      expect({ name, tail: tail.slice(0, 4), passed }).toEqual({
        name,
        tail: tail.slice(0, 4),
        passed: mayFollow?.(tail) !== undefined,
      });
    }
  });
});
