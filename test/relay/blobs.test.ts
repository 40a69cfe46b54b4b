// Blobs over a chunk store that may lie: sizes around a chunk, resumption, flips, swaps, constant memory.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes, copyBytes } from '@wardround/protocol/bytes';
import { chunkDigest } from '@wardround/protocol/manifest';
import type { ChunkStore } from '@wardround/protocol/relay-port';
import { downloadBlob, uploadBlob } from '@wardround/relay/blobs';
import { createMemoryRelay, type MemoryRelay } from '../fakes/memory-relay.ts';

const chunkSize = 64 * 1024;
const random = (length: number): Bytes => copyBytes(randomBytes(length));

async function* inPieces(bytes: Bytes, size: number): AsyncGenerator<Bytes> {
  for (let at = 0; at < bytes.byteLength; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(chunks: ChunkStore, ref: Parameters<typeof downloadBlob>[1], fromChunk = 0): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const part of downloadBlob(chunks, ref, { fromChunk })) parts.push(part);
  return concatBytes(...parts);
}

/** A store that counts what is put, and fails at the `failAt`th put. */
function counted(relay: MemoryRelay, failAt = Infinity): { chunks: ChunkStore; puts: () => number } {
  const { chunks } = relay.connect('site');
  let puts = 0;
  return {
    puts: () => puts,
    chunks: {
      ...chunks,
      put: async (digest, bytes) => {
        puts += 1;
        if (puts === failAt) throw new Error('killed');
        await chunks.put(digest, bytes);
      },
    },
  };
}

describe('a blob', () => {
  it.each([0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 9 * chunkSize + 5])(
    'of %i bytes comes back as it was',
    async (length) => {
      const { chunks } = createMemoryRelay().connect('site');
      const bytes = random(length);
      const ref = await uploadBlob(chunks, inPieces(bytes, 10_007), { chunkSize });
      expect(ref.size).toBe(length);
      expect(await read(chunks, ref)).toEqual(bytes);
      expect(await uploadBlob(chunks, inPieces(bytes, 1_000_003), { chunkSize })).toEqual(ref);
    },
  );

  it('is not sent again where the store has it, and resumes after a kill', async () => {
    const relay = createMemoryRelay();
    const bytes = random(10 * chunkSize);
    const killed = counted(relay, 7);
    await expect(uploadBlob(killed.chunks, [bytes], { chunkSize })).rejects.toThrow('killed');
    const had = relay.chunks.size;
    const again = counted(relay);
    const ref = await uploadBlob(again.chunks, [bytes], { chunkSize });
    expect(had).toBeGreaterThanOrEqual(6);
    expect(again.puts()).toBe(11 - had);
    const third = counted(relay);
    expect(await uploadBlob(third.chunks, [bytes], { chunkSize })).toEqual(ref);
    expect(third.puts()).toBe(0);
    expect(await read(relay.connect('enclave').chunks, ref, 7)).toEqual(bytes.subarray(7 * chunkSize));
  });

  it('of equal chunks is sent once', async () => {
    const relay = createMemoryRelay();
    const { chunks, puts } = counted(relay);
    const bytes = new Uint8Array(8 * chunkSize);
    const ref = await uploadBlob(chunks, [bytes], { chunkSize });
    expect(puts()).toBeLessThanOrEqual(3);
    expect(await read(chunks, ref)).toEqual(bytes);
  });

  it('is given up to the last good chunk when a later one is lost, flipped or another', async () => {
    const relay = createMemoryRelay();
    const { chunks } = relay.connect('site');
    const bytes = random(4 * chunkSize);
    const ref = await uploadBlob(chunks, [bytes], { chunkSize });
    const third = chunkDigest(bytes.subarray(2 * chunkSize, 3 * chunkSize));
    const other = relay.chunks.get(chunkDigest(bytes.subarray(0, chunkSize)));
    const lies = {
      'chunk-missing': () => undefined,
      'chunk-digest': (kept: Bytes) => kept.with(5, (kept[5] ?? 0) ^ 1),
      swapped: () => other,
      truncated: (kept: Bytes) => kept.subarray(1),
    };
    for (const [what, lie] of Object.entries(lies)) {
      relay.hostile.serve = (digest, kept) => (digest === third ? lie(kept) : kept);
      const got: number[] = [];
      const reading = async (): Promise<void> => {
        for await (const part of downloadBlob(chunks, ref)) got.push(part.byteLength);
      };
      const code = what === 'chunk-missing' ? what : 'chunk-digest';
      await expect(reading(), what).rejects.toMatchObject({ code });
      expect(got, what).toEqual([chunkSize, chunkSize]);
    }
  });

  it('has no other manifest than the one that was named', async () => {
    const relay = createMemoryRelay();
    const { chunks } = relay.connect('site');
    const [ref, other] = [
      await uploadBlob(chunks, [random(chunkSize)], { chunkSize }),
      await uploadBlob(chunks, [random(chunkSize)], { chunkSize }),
    ];
    await expect(read(chunks, { ...ref, size: chunkSize - 1 })).rejects.toMatchObject({ code: 'manifest-size' });
    const honest: ChunkStore = relay.connect('enclave').chunks;
    // A store whose own digest check is missing: the blob's reader still notices.
    const careless = { ...honest, get: async () => await honest.get(other.manifest) };
    await expect(read(careless, ref)).rejects.toMatchObject({ code: 'manifest-digest' });
  });

  it('does not end the process when a chunk fetched ahead fails and nobody reads on', async () => {
    const relay = createMemoryRelay();
    const { chunks } = relay.connect('site');
    const bytes = random(3 * chunkSize);
    const ref = await uploadBlob(chunks, [bytes], { chunkSize });
    relay.loseChunk(chunkDigest(bytes.subarray(chunkSize, 2 * chunkSize)));
    for await (const part of downloadBlob(chunks, ref)) {
      expect(part.byteLength).toBe(chunkSize);
      break;
    }
    await new Promise(setImmediate);
  });

  it('passes through in constant memory', async () => {
    const kept = new Map<string, number>();
    let held = 0;
    let most = 0;
    const sink: ChunkStore = {
      put: async (digest, bytes) => {
        held += bytes.byteLength;
        most = Math.max(most, held);
        await Promise.resolve();
        kept.set(digest, bytes.byteLength);
        held -= bytes.byteLength;
      },
      missing: async (digests) => await Promise.resolve(digests.filter((digest) => !kept.has(digest))),
      get: async () => await Promise.reject(new Error('not kept')),
    };
    async function* source(): AsyncGenerator<Bytes> {
      for (let i = 0; i < 400; i += 1) yield await Promise.resolve(random(chunkSize));
    }
    const ref = await uploadBlob(sink, source(), { chunkSize });
    expect(ref.size).toBe(400 * chunkSize);
    expect(most).toBeLessThanOrEqual(4 * chunkSize);
  });
});
