// A 1 GiB update with a fault at its chunks, and memory that does not depend on the number of sites. WARDROUND_EVERY_CHUNK=1 tries all 1025
// of them (a terabyte of work, one to two hours; WARDROUND_CHUNKS=0-255 does a part of it, so that parts can run side by side); otherwise every chunk of a 64 MiB update, and twelve places of the 1 GiB one.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bytes, copyBytes, toBase64Url, toHex } from '@wardround/protocol/bytes';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { generateSigningKey } from '@wardround/protocol/keys';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import { encodePayloadHeader, payloadHash, payloadLength } from '@wardround/protocol/payload';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { sealStream } from '@wardround/protocol/sealed-stream';
import { defaultChunkSize, tagLength } from '@wardround/protocol/stream-chunks';
import { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import { AdmittedHeader } from '../../aggregator-enclave/src/enclave/admission.ts';
import { flipBit } from '../fakes/bytes.ts';
import { type Bench, createBench, intakeOf, lengthsOf, type Store, take } from './intake-bench.ts';

const mebibyte = 2 ** 20;
const agent = generateSigningKey();
const anyDigest = '0'.repeat(64);

/** Chunks on disk, and spoiled ones over them. */
class DiskStore implements Store {
  readonly #directory: string;
  readonly overlay = new Map<string, Bytes>();
  readonly #kept = new Map<string, Bytes>();
  constructor(directory: string) {
    this.#directory = directory;
  }
  async get(name: string): Promise<Bytes> {
    const spoiled = this.overlay.get(name) ?? this.#kept.get(name);
    if (spoiled !== undefined) return spoiled;
    return copyBytes(
      await readFile(join(this.#directory, name)).catch(() => {
        throw new WardroundError('chunk-missing', 'no such chunk', { action: 'retry' });
      }),
    );
  }
  /** What is read a thousand times is read from memory. */
  async keep(names: readonly string[]): Promise<void> {
    for (const name of names) this.#kept.set(name, await this.get(name));
  }
  async put(name: string, bytes: Bytes): Promise<void> {
    await writeFile(join(this.#directory, name), bytes);
  }
}

interface Stored {
  readonly site: string;
  readonly encapsulation: string;
  readonly payload: string;
  readonly chunks: readonly { readonly digest: string; readonly size: number }[];
}

/** The payload's plaintext made as it is asked for: no test memory grows with the update. */
function* plaintext(bench: Bench, seed: number, hash: ReturnType<typeof payloadHash>): Generator<Bytes, void> {
  const { unpadded, padded } = payloadLength(bench.tensors, bench.paddingBytes);
  const header = encodePayloadHeader(bench.tensors);
  const secret = new Uint8Array(32).fill(seed);
  hash.update(header).update(secret);
  yield header;
  yield secret;
  const total = lengthsOf(bench).reduce((a, b) => a + b, 0);
  for (let start = 0; start < total; start += mebibyte / 4) {
    const values = new Int32Array(Math.min(mebibyte / 4, total - start));
    for (let i = 0; i < values.length; i += 1) values[i] = Math.imul(start + i + seed, 2_654_435_761) >> 20;
    const bytes = new Uint8Array(values.buffer);
    hash.update(bytes);
    yield bytes;
  }
  yield new Uint8Array(padded - unpadded);
}

async function store(
  bench: Bench,
  { site, seed, disk }: { site: string; seed: number; disk: DiskStore },
): Promise<Stored> {
  const hash = payloadHash();
  const info = contributionInfo({ order: bench.order.digest, site });
  const recipient = bench.order.value.roundKey;
  const { enc, chunks } = await sealStream({ source: plaintext(bench, seed, hash), recipient, info });
  const stored: { digest: string; size: number }[] = [];
  for await (const chunk of chunks) {
    const digest = toHex(createHash('sha256').update(chunk).digest());
    stored.push({ digest, size: chunk.byteLength });
    await disk.put(digest, chunk);
  }
  return { site, encapsulation: toBase64Url(enc), payload: toHex(hash.digest()), chunks: stored };
}

/** The stored contribution, with chunk `spoiled` replaced by one with a flipped bit. */
async function headerOf(bench: Bench, stored: Stored, disk: DiskStore, spoiled?: number): Promise<AdmittedHeader> {
  disk.overlay.clear();
  const builder = new ManifestBuilder(defaultChunkSize + tagLength);
  for (const [index, { digest, size }] of stored.chunks.entries()) {
    if (index !== spoiled) {
      builder.addDigest(digest, size);
      continue;
    }
    const chunk = flipBit(await disk.get(digest), 8 * Math.floor(size / 2));
    disk.overlay.set(builder.add(chunk), chunk);
  }
  const { bytes, ref } = builder.finish();
  disk.overlay.set(ref.manifest, bytes);
  const { order } = bench;
  const contribution: DocumentOf<'Contribution'> = {
    kind: 'Contribution',
    version: 1,
    federation: anyDigest,
    study: anyDigest,
    session: anyDigest,
    order: order.digest,
    site: stored.site,
    task: 'update',
    phase: 'whole',
    round: 1,
    attempt: 1,
    base: anyDigest,
    weight: order.value.roster.find(({ name }) => name === stored.site)?.weight ?? 1,
    approval: anyDigest,
    tensors: [...bench.tensors],
    payload: stored.payload,
    encapsulation: stored.encapsulation,
    ciphertext: ref,
  };
  const expected = { order, tensors: bench.tensors, sealedSize: null, maxSealedSize: 2 ** 40, payloadOf: () => null };
  const moment = { now: bench.clock.now(), approvalOf: () => anyDigest, alreadyHeard: () => false };
  return AdmittedHeader.admit(await sign('Contribution', contribution, agent), expected, moment);
}

type Sums = readonly BigInt64Array[];

/** Compares to the bit, at the speed of memory. */
function sameBits(a: Sums, b: Sums): boolean {
  return a.every((sums, i) => {
    const other = b[i] ?? new BigInt64Array();
    return Buffer.from(sums.buffer, sums.byteOffset, sums.byteLength).equals(
      Buffer.from(other.buffer, other.byteOffset, other.byteLength),
    );
  });
}

const residentMebibytes = (): number => Math.round(process.memoryUsage.rss() / mebibyte);

describe.each([
  { mebibytes: 64, every: true },
  { mebibytes: 1024, every: process.env['WARDROUND_EVERY_CHUNK'] === '1' },
])('an update of $mebibytes MiB', ({ mebibytes, every }) => {
  const sites = ['a', 'b', 'c', 'd', 'e'];
  let directory: string;
  let disk: DiskStore;
  let bench: Bench;
  let accumulator: Accumulator;
  let bad: Stored;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wardround-removal-'));
    disk = new DiskStore(directory);
    bench = await createBench((mebibytes * mebibyte) / 4, { sites });
    accumulator = new Accumulator(lengthsOf(bench));
    bad = await store(bench, { site: 'b', seed: 2, disk });
  }, 900_000);

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('is summed in memory that does not depend on the number of sites', async () => {
    const resident: number[] = [];
    const intake = intakeOf(bench, { accumulator, store: disk, normBound: '1000000000' });
    for (const [seed, site] of sites.entries()) {
      const stored = site === 'b' ? bad : await store(bench, { site, seed, disk });
      const header = await headerOf(bench, stored, disk);
      const started = performance.now();
      const taken = await take(header, intake);
      const seconds = (performance.now() - started) / 1000;
      resident.push(residentMebibytes());
      console.info(`${mebibytes} MiB from site ${site}: ${seconds.toFixed(1)} s, resident ${resident.at(-1)} MiB`);
      if (site !== 'a') await taken.remove();
    }
    // One sum of 8 bytes a coordinate, the program, and buffers; the fifth site needs no more than the second did.
    expect(resident.at(-1)).toBeLessThan(2 * mebibytes + 512);
    expect((resident.at(-1) ?? 0) - (resident[1] ?? 0)).toBeLessThan(128);
  });

  it('leaves no trace with a fault at any chunk', async () => {
    const count = bad.chunks.length;
    const [first = 0, last = count - 1] = (process.env['WARDROUND_CHUNKS'] ?? '')
      .split('-')
      .filter(Boolean)
      .map(Number);
    const places = every
      ? Array.from({ length: count }, (_, i) => i).filter((i) => i >= first && i <= last)
      : [0, 1, 2, 100, 255, 256, 511, 512, 700, count - 3, count - 2, count - 1];
    const before = accumulator.sums().map((sums) => sums.slice());
    const intake = intakeOf(bench, { accumulator, store: disk, normBound: '1000000000' });
    if (every) await disk.keep(bad.chunks.map(({ digest }) => digest));
    const started = performance.now();
    for (const place of places) {
      const header = await headerOf(bench, bad, disk, place);
      await expect(take(header, intake)).rejects.toMatchObject({ code: 'contribution-sealing' });
      expect(sameBits(accumulator.sums(), before), `after a fault at chunk ${place}`).toBe(true);
      if (place % 64 === 63) console.info(`${mebibytes} MiB: to chunk ${place}`);
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.info(
      `${mebibytes} MiB: faults at ${places.length} of ${count} chunks in ${seconds} s, resident ${residentMebibytes()} MiB`,
    );
  }, 7_200_000);
});
