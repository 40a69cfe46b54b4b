// One sealed contribution at a time against the enclave's own intake: for the tests that spoil, remove and measure.
import { type Bytes, concatBytes, toBase64Url } from '@wardround/protocol/bytes';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { WardroundError } from '@wardround/protocol/errors';
import { generateEphemeralHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import { encodePayload, type Payload, payloadDigest, payloadLength } from '@wardround/protocol/payload';
import type { Relay } from '@wardround/protocol/relay-port';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { sealStream } from '@wardround/protocol/sealed-stream';
import { defaultChunkSize, sealedSize, tagLength } from '@wardround/protocol/stream-chunks';
import type { RoundTask } from '@wardround/learning/rounds/round-task';
import type { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import { AdmittedHeader, type Expectation } from '../../aggregator-enclave/src/enclave/admission.ts';
import { AccumulatedContribution, type Intake } from '../../aggregator-enclave/src/enclave/intake.ts';
import type { ChunkSpool } from '../../aggregator-enclave/src/enclave/ports.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { founded } from '../fakes/fake-federation.ts';

const digest = '0'.repeat(64);
const agent = generateSigningKey();

/** Chunks by digest; a test may spoil what is served. */
export interface Store {
  get(digest: string): Promise<Bytes>;
  put(digest: string, bytes: Bytes): Promise<void>;
}

export class MemoryStore implements Store {
  readonly chunks = new Map<string, Bytes>();
  async get(name: string): Promise<Bytes> {
    const bytes = this.chunks.get(name);
    if (bytes === undefined) throw new WardroundError('chunk-missing', 'no such chunk', { action: 'retry' });
    return await Promise.resolve(bytes);
  }
  async put(name: string, bytes: Bytes): Promise<void> {
    await Promise.resolve();
    this.chunks.set(name, bytes);
  }
}

export interface Bench {
  readonly order: Verified<'RoundOrder'>;
  readonly roundKey: HpkePrivateKey;
  readonly tensors: readonly TensorHeader[];
  readonly paddingBytes: number;
  readonly clock: FakeClock;
}

export async function createBench(
  coordinates: number,
  { paddingBytes = 4096, sites = ['a', 'b', 'c'] } = {},
): Promise<Bench> {
  const roundKey = await generateEphemeralHpkeKey();
  const order: DocumentOf<'RoundOrder'> = {
    kind: 'RoundOrder',
    version: 1,
    federation: digest,
    study: digest,
    session: digest,
    task: 'update',
    phase: 'whole',
    round: 1,
    attempt: 1,
    base: { checkpoint: digest, model: digest },
    roster: sites.map((name, i) => ({ name, agent: digest, weight: 10 + i })),
    rollsForward: null,
    roundKey: roundKey.publicKey,
    maskMaterial: null,
    issuedAt: founded,
    deadline: '2030-01-01T00:00:00.000Z',
  };
  const tensors: TensorHeader[] = [
    { name: 'weight', shape: [coordinates - 1, 1], ring: 'int32', stepLog2: -24, weighting: 'byEnclave' },
    { name: 'bias', shape: [1], ring: 'int32', stepLog2: -24, weighting: 'byEnclave' },
  ];
  return { order: await sign('RoundOrder', order, agent), roundKey, tensors, paddingBytes, clock: new FakeClock() };
}

export const lengthsOf = (bench: Bench): readonly number[] =>
  bench.tensors.map(({ shape }) => shape.reduce((a, b) => a * b, 1));

/** Deterministic integers that differ from site to site; small enough for any norm bound. */
export function payloadOf(bench: Bench, seed: number): Payload {
  return {
    tensors: bench.tensors.map((header, t) => {
      const values = new Int32Array(lengthsOf(bench)[t] ?? 0);
      for (let i = 0; i < values.length; i += 1) values[i] = (Math.imul(i + seed, 2_654_435_761) >> 20) + t;
      return { header, values };
    }),
    secret: new Uint8Array(32).fill(seed),
  };
}

/** Seals and stores; `spoil` changes or drops a sealed chunk before it is named. */
export async function sealFor(
  bench: Bench,
  {
    site,
    payload,
    store,
    spoil,
  }: { site: string; payload: Payload; store: Store; spoil?: (chunk: Bytes, index: number) => Bytes },
): Promise<AdmittedHeader> {
  const entry = bench.order.value.roster.find(({ name }) => name === site);
  const info = contributionInfo({ order: bench.order.digest, site });
  const source = encodePayload(payload, bench.paddingBytes);
  const { enc, chunks } = await sealStream({ source, recipient: bench.order.value.roundKey, info });
  const builder = new ManifestBuilder(defaultChunkSize + tagLength);
  let index = 0;
  for await (const chunk of chunks) {
    const named = spoil?.(chunk, index) ?? chunk;
    await store.put(builder.add(named), named);
    index += 1;
  }
  const { bytes, ref } = builder.finish();
  await store.put(ref.manifest, bytes);
  const contribution: DocumentOf<'Contribution'> = {
    kind: 'Contribution',
    version: 1,
    federation: digest,
    study: digest,
    session: digest,
    order: bench.order.digest,
    site,
    task: 'update',
    phase: 'whole',
    round: 1,
    attempt: 1,
    base: digest,
    weight: entry?.weight ?? 1,
    approval: digest,
    tensors: [...bench.tensors],
    payload: payloadDigest(payload),
    encapsulation: toBase64Url(enc),
    ciphertext: ref,
  };
  const signed = await sign('Contribution', contribution, agent);
  const moment = { now: bench.clock.now(), approvalOf: () => digest, alreadyHeard: () => false };
  return AdmittedHeader.admit(signed, expectationOf(bench), moment);
}

function expectationOf(bench: Bench): Expectation {
  const size = sealedSize(payloadLength(bench.tensors, bench.paddingBytes).padded, defaultChunkSize);
  return { order: bench.order, tensors: bench.tensors, sealedSize: size, maxSealedSize: size, payloadOf: () => null };
}

/** Keeps nothing, so that everything is read from the store again. */
export const noSpool: ChunkSpool = {
  put: async () => await Promise.resolve(),
  get: async () => await Promise.resolve(null),
  clear: async () => await Promise.resolve(),
};

export function intakeOf(
  bench: Bench,
  {
    accumulator,
    store,
    spool = noSpool,
    normBound = '1000000',
    limits,
    reads = 'sums',
  }: {
    accumulator: Accumulator;
    store: Store;
    spool?: ChunkSpool;
    normBound?: string;
    /** Instead of one norm over all tensors. */
    limits?: RoundTask['limits'];
    reads?: RoundTask['reads'];
  },
): Intake {
  const relay: Relay = {
    board: {
      publish: async () => await Promise.resolve(),
      follow: () => {
        throw new Error('the intake reads no board');
      },
    },
    chunks: {
      get: async (name) => await store.get(name),
      put: async (name, bytes) => await store.put(name, bytes),
      missing: async () => await Promise.resolve([]),
    },
  };
  return {
    ports: {
      clock: bench.clock,
      randomness: (length) => new Uint8Array(length),
      relay,
      platform: {
        kind: 'sevSnp',
        measurement: '',
        attest: async () => await Promise.resolve({ items: [], endorsements: [] }),
      },
      spool,
      log: () => {},
    },
    accumulator,
    roundKey: bench.roundKey,
    task: {
      tensors: bench.tensors,
      limits: limits ?? bench.tensors.map(() => ({ kind: 'norm', group: 'update', bound: normBound })),
      reads,
    },
    paddingBytes: bench.paddingBytes,
    deadline: new Date('2030-01-01T00:00:00.000Z'),
    breathe: async () => await Promise.resolve(),
  };
}

export async function take(header: AdmittedHeader, intake: Intake): Promise<AccumulatedContribution> {
  return await AccumulatedContribution.accumulate(header, intake);
}

/** Every sum's bytes as one string of bytes, to compare to the bit. */
export function bitsOf(accumulator: Accumulator): Bytes {
  return concatBytes(
    ...accumulator.sums().map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  );
}
