// Exact removal: whatever chunk is spoiled, and whenever a contribution must go, the sums are what they were without it, to the bit.
import { describe, expect, it } from 'vitest';
import { toHex, sha256 } from '@wardround/protocol/bytes';
import { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import { flipBit } from '../fakes/bytes.ts';
import type { Payload } from '@wardround/protocol/payload';
import type { TensorLimit } from '@wardround/learning/rounds/round-task';
import {
  type Bench,
  bitsOf,
  createBench,
  intakeOf,
  lengthsOf,
  MemoryStore,
  payloadOf,
  sealFor,
  take,
} from './intake-bench.ts';
import { MemorySpool } from './world.ts';

/** Five sealed chunks, the last one short. */
const coordinates = 4.5 * 2 ** 18;
const chunkCount = 5;

const range = (least: bigint, most: bigint): TensorLimit => ({ kind: 'range', least, most });

/** The bench's tensors as those of Newton's method are: the long one 64-bit and weighed, the short one summed as it comes. */
function longBench(bench: Bench): Bench {
  const [long, short] = bench.tensors;
  if (long === undefined || short === undefined) throw new Error('no tensors');
  return {
    ...bench,
    tensors: [
      { ...long, ring: 'int64' },
      { ...short, weighting: 'none' },
    ],
  };
}

function longPayload(bench: Bench, seed: number): Payload {
  const [first, ...others] = payloadOf(bench, seed).tensors;
  if (first === undefined) throw new Error('no tensors');
  const values = BigInt64Array.from(bigints(first.values));
  const rest = others.map(({ header }) => ({ header, values: Int32Array.of(seed % 2) }));
  return { tensors: [{ header: first.header, values }, ...rest], secret: new Uint8Array(32).fill(seed) };
}

const bigints = (values: Int32Array | BigInt64Array = new Int32Array()): bigint[] =>
  Array.from({ length: values.length }, (_, i) => BigInt(values[i] ?? 0));

const fingerprint = (accumulator: Accumulator): string => toHex(sha256(bitsOf(accumulator)));

describe('a contribution of several chunks', () => {
  it('adds the same sums in any order of sites', async () => {
    const bench = await createBench(coordinates);
    const sums = await Promise.all(
      [
        ['a', 'b', 'c'],
        ['c', 'a', 'b'],
      ].map(async (sites) => {
        const accumulator = new Accumulator(lengthsOf(bench));
        const store = new MemoryStore();
        for (const site of sites) {
          const payload = payloadOf(bench, site.charCodeAt(0));
          await take(await sealFor(bench, { site, payload, store }), intakeOf(bench, { accumulator, store }));
        }
        return fingerprint(accumulator);
      }),
    );
    expect(sums[0]).toBe(sums[1]);
    expect(sums[0]).not.toBe(fingerprint(new Accumulator(lengthsOf(bench))));
  });

  it.each(Array.from({ length: chunkCount }, (_, i) => i))(
    'leaves no trace when chunk %i is spoiled',
    async (spoiled) => {
      const bench = await createBench(coordinates);
      const accumulator = new Accumulator(lengthsOf(bench));
      const store = new MemoryStore();
      const intake = intakeOf(bench, { accumulator, store });
      await take(await sealFor(bench, { site: 'a', payload: payloadOf(bench, 1), store }), intake);
      const before = fingerprint(accumulator);
      const spoil = (chunk: Uint8Array<ArrayBuffer>, index: number): Uint8Array<ArrayBuffer> =>
        index === spoiled ? flipBit(chunk, 8 * 100 + 3) : chunk;
      const bad = await sealFor(bench, { site: 'b', payload: payloadOf(bench, 2), store, spoil });
      await expect(take(bad, intake)).rejects.toMatchObject({ code: 'contribution-sealing' });
      expect(fingerprint(accumulator)).toBe(before);
      await take(await sealFor(bench, { site: 'c', payload: payloadOf(bench, 3), store }), intake);
      expect(fingerprint(accumulator)).not.toBe(before);
    },
  );

  it('leaves no trace when only its norm is too large, which its last integer decides', async () => {
    const bench = await createBench(coordinates);
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const payload = payloadOf(bench, 2);
    await take(
      await sealFor(bench, { site: 'a', payload: payloadOf(bench, 1), store }),
      intakeOf(bench, { accumulator, store }),
    );
    const before = fingerprint(accumulator);
    const bad = await sealFor(bench, { site: 'b', payload, store });
    await expect(take(bad, intakeOf(bench, { accumulator, store, normBound: '0.001' }))).rejects.toMatchObject({
      code: 'contribution-norm',
    });
    expect(fingerprint(accumulator)).toBe(before);
  });

  it('leaves no trace when one integer in its middle is out of range, and the sums are the others’ alone', async () => {
    const bench = longBench(await createBench(coordinates));
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const limits = [range(-5000n, 5000n), range(0n, 1n)];
    const intake = intakeOf(bench, { accumulator, store, limits });
    await take(await sealFor(bench, { site: 'a', payload: longPayload(bench, 1), store }), intake);
    const before = fingerprint(accumulator);
    for (const [at, value] of [
      [coordinates - 2, 5001n],
      [coordinates / 2, -5001n],
      [0, 2n ** 62n],
    ] as const) {
      const payload = longPayload(bench, 2);
      const [first] = payload.tensors;
      if (first?.values instanceof BigInt64Array) first.values[at] = value;
      const bad = await sealFor(bench, { site: 'b', payload, store });
      await expect(take(bad, intake)).rejects.toMatchObject({ code: 'contribution-range' });
      expect(fingerprint(accumulator)).toBe(before);
    }
    const both = new Accumulator(lengthsOf(bench));
    const other = intakeOf(bench, { accumulator: both, store, limits });
    await take(await sealFor(bench, { site: 'a', payload: longPayload(bench, 1), store }), other);
    expect(fingerprint(both)).toBe(before);
  });

  it('is weighed only where its tensor is weighed by the enclave', async () => {
    const bench = longBench(await createBench(1000));
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const payload = longPayload(bench, 1);
    const limits = [range(-5000n, 5000n), range(0n, 1n)];
    await take(await sealFor(bench, { site: 'b', payload, store }), intakeOf(bench, { accumulator, store, limits }));
    const [weighed, plain] = accumulator.sums();
    const [long, short] = payload.tensors;
    expect([...(weighed ?? [])]).toEqual(bigints(long?.values).map((value) => 11n * value));
    expect([...(plain ?? [])]).toEqual(bigints(short?.values));
  });

  it('is held by itself for a rule that selects, until it is removed', async () => {
    const bench = longBench(await createBench(coordinates));
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const limits = [range(-5000n, 5000n), range(0n, 1n)];
    const payload = longPayload(bench, 3);
    const taken = await take(
      await sealFor(bench, { site: 'c', payload, store }),
      intakeOf(bench, { accumulator, store, limits, reads: 'each' }),
    );
    expect(taken.integers.map((values) => toHex(sha256(new Uint8Array(values.buffer))))).toEqual(
      payload.tensors.map(({ values }) => toHex(sha256(new Uint8Array(values.buffer)))),
    );
    await taken.remove();
    expect(taken.integers).toEqual([]);
    expect(fingerprint(accumulator)).toBe(fingerprint(new Accumulator(lengthsOf(bench))));
    const summed = await take(
      await sealFor(bench, { site: 'c', payload, store }),
      intakeOf(bench, { accumulator, store, limits }),
    );
    expect(summed.integers).toEqual([]);
  });

  it('can be taken out again at the close, from the spool alone', async () => {
    const bench = await createBench(coordinates);
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const intake = intakeOf(bench, { accumulator, store, spool: new MemorySpool() });
    await take(await sealFor(bench, { site: 'a', payload: payloadOf(bench, 1), store }), intake);
    const before = fingerprint(accumulator);
    const leaving = await take(await sealFor(bench, { site: 'b', payload: payloadOf(bench, 2), store }), intake);
    store.chunks.clear();
    await leaving.remove();
    expect(fingerprint(accumulator)).toBe(before);
  });

  it('says that it is impossible where neither spool nor relay have the chunks', async () => {
    const bench = await createBench(coordinates);
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const leaving = await take(
      await sealFor(bench, { site: 'b', payload: payloadOf(bench, 2), store }),
      intakeOf(bench, { accumulator, store }),
    );
    store.chunks.clear();
    await expect(leaving.remove()).rejects.toMatchObject({ code: 'removal-impossible', action: 'retry' });
  });

  it('takes nothing in where the relay loses a chunk, and all of it when it is back', async () => {
    const bench = await createBench(coordinates);
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const intake = intakeOf(bench, { accumulator, store, spool: new MemorySpool() });
    const header = await sealFor(bench, { site: 'b', payload: payloadOf(bench, 2), store });
    const [lost] = [...store.chunks].at(-2) ?? [];
    const bytes = store.chunks.get(lost ?? '') ?? new Uint8Array();
    store.chunks.delete(lost ?? '');
    const empty = fingerprint(accumulator);
    await expect(take(header, intake)).rejects.toMatchObject({ code: 'chunk-unavailable', action: 'retry' });
    expect(fingerprint(accumulator)).toBe(empty);
    store.chunks.set(lost ?? '', bytes);
    await take(header, intake);
    expect(fingerprint(accumulator)).not.toBe(empty);
  });

  it('opens nothing once the round key is erased', async () => {
    const bench = await createBench(1000);
    const accumulator = new Accumulator(lengthsOf(bench));
    const store = new MemoryStore();
    const header = await sealFor(bench, { site: 'a', payload: payloadOf(bench, 1), store });
    bench.roundKey.erase();
    await expect(take(header, intakeOf(bench, { accumulator, store }))).rejects.toMatchObject({ code: 'key-erased' });
  });
});
