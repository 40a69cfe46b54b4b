// The enclave's noise: the same for the same contributions in any order, another when a single bit of anything differs, never twice.
import { createCipheriv, createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { noised64 } from '@wardround/privacy/noise/add-noise';
import { DiscreteGaussian } from '@wardround/privacy/noise/discrete-gaussian';
import { RandomWords } from '@wardround/privacy/noise/random-words';
import { type NoiseOfRound, type NoiseShare, RoundNoise } from '@wardround/privacy/noise/round-noise';
import { toHex } from '@wardround/protocol/bytes';
import { seededBytes } from './seeded-bytes.ts';

const share = (site: string): NoiseShare => ({
  site,
  payload: toHex(seededBytes(`payload ${site}`)(32)),
  secret: seededBytes(`secret ${site}`)(32),
});
const shares = ['charite', 'inselspital', 'va'].map(share);
const round = (change: Partial<NoiseOfRound> = {}): NoiseOfRound => ({
  study: 'a'.repeat(64),
  round: 3,
  shares,
  ...change,
});
const bytesOf = (noise: RoundNoise, tensor = 'weight', length = 64): string => toHex(noise.stream(tensor)(length));
const base = bytesOf(new RoundNoise(round()));

describe('the noise of a round', () => {
  it('is what its definition says, computed by hand', () => {
    const contributors = shares.map(({ site, payload }) => `{"payload":"${payload}","site":"${site}"}`).join(',');
    const json = `{"contributors":[${contributors}],"round":3,"study":"${'a'.repeat(64)}"}`;
    const hash = (...parts: readonly (string | Uint8Array)[]): Buffer =>
      parts.reduce((all, part) => all.update(part), createHash('sha256').update('wardround/v1 noise\0')).digest();
    const key = hash(json, ...shares.map(({ secret }) => secret));
    const cipher = createCipheriv('aes-256-ctr', hash(key, '{"tensor":"weight"}'), Buffer.alloc(16));
    expect(base).toBe(cipher.update(Buffer.alloc(64)).toString('hex'));
  });

  it('does not depend on the order of the contributors', () => {
    for (const order of [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const reordered = order.flatMap((i) => shares[i] ?? []);
      expect(bytesOf(new RoundNoise(round({ shares: reordered })))).toBe(base);
    }
  });

  it('is another when one bit of one secret is', () => {
    const seen = new Set([base]);
    for (const [i, { secret }] of shares.entries()) {
      for (const bit of [0, 7, 100, 255]) {
        const flipped = Uint8Array.from(secret, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const changed = shares.map((old, at) => (at === i ? { ...old, secret: flipped } : old));
        seen.add(bytesOf(new RoundNoise(round({ shares: changed }))));
      }
    }
    expect(seen.size).toBe(13);
  });

  it.each<readonly [string, Partial<NoiseOfRound>]>([
    ['round', { round: 4 }],
    ['study', { study: 'b'.repeat(64) }],
    ['a contributor less', { shares: shares.slice(1) }],
    ['a contributor more', { shares: [...shares, share('zuerich')] }],
    ['other integers of one', { shares: [{ ...share('charite'), payload: 'c'.repeat(64) }, ...shares.slice(1)] }],
    [
      'two who exchanged secrets',
      { shares: shares.map((old, i) => ({ ...old, secret: shares[[1, 0, 2][i] ?? 0]?.secret ?? old.secret })) },
    ],
  ])('is another in another %s', (_, change) => {
    expect(bytesOf(new RoundNoise(round(change)))).not.toBe(base);
  });

  it('has a stream of its own for each tensor, none given twice', () => {
    const noise = new RoundNoise(round());
    const names = ['weight', 'bias', 'dense0.weight', 'dense0.bias', ''];
    const streams = names.map((name) => bytesOf(noise, name, 4096));
    expect(new Set(streams).size).toBe(names.length);
    // No stream is a stretch of another either.
    for (const [i, a] of streams.entries())
      for (const [j, b] of streams.entries()) if (i !== j) expect(a).not.toContain(b.slice(0, 64));
    expect(() => noise.stream('bias')).toThrow(expect.objectContaining({ code: 'noise-reused' }));
  });

  it('goes on where it was, however it is read', () => {
    const [whole, parts] = [new RoundNoise(round()).stream('weight'), new RoundNoise(round()).stream('weight')];
    expect(toHex(whole(96))).toBe([1, 31, 64].map((length) => toHex(parts(length))).join(''));
  });

  it('makes the same noisy sums on every run', () => {
    const sums = (): bigint[] => {
      const source = {
        gaussian: new DiscreteGaussian({ numerator: 2n ** 30n, denominator: 1n }),
        words: new RandomWords(new RoundNoise(round()).stream('weight')),
      };
      return [...noised64(new BigInt64Array(1000), source)];
    };
    expect(sums()).toEqual(sums());
    expect(new Set(sums()).size).toBeGreaterThan(990);
  });

  it.each<readonly [string, readonly NoiseShare[]]>([
    ['nobody', []],
    ['one twice', [...shares, share('va')]],
    ['a secret of 31 bytes', [{ ...share('va'), secret: new Uint8Array(31) }]],
    ['a secret of 33 bytes', [{ ...share('va'), secret: new Uint8Array(33) }]],
  ])('refuses %s', (_, given) => {
    expect(() => new RoundNoise(round({ shares: given }))).toThrow(expect.objectContaining({ code: 'noise-shares' }));
  });

  it('does not print its key', () => {
    const noise = new RoundNoise(round());
    expect(inspect(noise, { depth: 9, showHidden: true })).toBe('RoundNoise [redacted]');
    expect(JSON.stringify({ noise })).toBe('{"noise":"RoundNoise [redacted]"}');
  });
});
