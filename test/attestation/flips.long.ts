// Every part of genuine evidence, with a bit flipped, cut at every length, and with something behind it: refused, by a code.
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import type { Bytes } from '@wardround/protocol/bytes';
import type { HostileSample, Judged } from './hostile-samples.ts';
import { hostileSamples } from './hostile-samples.ts';
import { haveVectors } from './vectors.ts';

const samples = (haveVectors ? hostileSamples() : []).map((sample) => [sample.name, sample] as const);

/** Whether it passed. What a library threw and nobody foresaw is no refusal. */
function passes({ authentic, steps }: Judged, where: string): boolean {
  expect(steps.filter(({ code }) => code === 'attestation-internal').map((step) => ({ where, step }))).toEqual([]);
  return authentic;
}

function* flipsOf({ bytes, bits }: HostileSample): Generator<readonly [number, number]> {
  for (let offset = 0; offset < bytes.byteLength; offset += 1) {
    const byte = bytes[offset] ?? 0;
    if (bits === 'one') yield [offset, byte ^ (1 << ((offset * 5) % 8))];
    else for (let bit = 0; bit < 8; bit += 1) yield [offset, byte ^ (1 << bit)];
  }
}

describe.skipIf(!haveVectors)('genuine evidence', () => {
  it.each(samples)('%s passes as it is', (name, { bytes, judge }) => {
    expect(passes(judge(bytes), name)).toBe(true);
  });

  it.each(samples.filter(([, { bits }]) => bits !== 'none'))('%s: a flipped bit', (name, sample) => {
    const { bytes, judge, unsigned } = sample;
    const accepted: string[] = [];
    const justified = new Map<string, number>();
    let tried = 0;
    for (const [offset, flipped] of flipsOf(sample)) {
      tried += 1;
      if (!passes(judge(bytes.with(offset, flipped)), `${name}, byte ${offset}`)) continue;
      const reason = unsigned?.(offset, flipped);
      if (reason === undefined) accepted.push(`byte ${offset} as ${flipped}`);
      else justified.set(reason, (justified.get(reason) ?? 0) + 1);
    }
    const besides = [...justified].map(([reason, count]) => `, ${count} accepted (${reason})`).join('');
    console.log(`${name}: ${tried} flips (${sample.bits} of the bits of each byte)${besides}`);
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
