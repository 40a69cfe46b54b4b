// The same bytes through wardround's own code: the sealed stream, the enclave's accumulator, and the enclave's whole path of an update.
import { randomBytes } from 'node:crypto';
import { copyBytes } from '@wardround/protocol/bytes';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { sumOfSquares } from '@wardround/protocol/fixed-point';
import { generateEphemeralHpkeKey } from '@wardround/protocol/hpke-keys';
import { encodePayloadHeader, payloadLength, secretLength } from '@wardround/protocol/payload';
import { PayloadReader } from '@wardround/protocol/payload-reader';
import { rechunk } from '@wardround/protocol/rechunk';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { createOpener, createSealer } from '@wardround/protocol/sealed-stream';
import { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import type { Load } from './limits.ts';
import type { Pass } from './stopwatch.ts';

const info = contributionInfo({ order: '00'.repeat(32), site: 'bench' });
const paddingBytes = 4096;
const weight = 7;

/** Chunks only: the key agreement is once a stream, about 1 ms. */
export function sealOnly({ chunks, chunk }: Load): Pass {
  return async (watch) => {
    const key = await generateEphemeralHpkeKey();
    const { seal } = await createSealer({ recipient: key.publicKey, info });
    for (let i = 0; i < chunks; i += 1) watch.run(() => seal(chunk, i === chunks - 1));
  };
}

export function openOnly({ chunks, chunk }: Load): Pass {
  return async (watch) => {
    const privateKey = await generateEphemeralHpkeKey();
    const { enc, seal } = await createSealer({ recipient: privateKey.publicKey, info });
    const opener = await createOpener({ privateKey, enc, info });
    for (let i = 0; i < chunks; i += 1) {
      const last = i === chunks - 1;
      const sealed = seal(chunk, last);
      watch.run(() => opener.open(i, sealed, last));
    }
  };
}

export function accumulateOnly({ chunks, chunk }: Load): Pass {
  const values = new Int32Array(chunk.buffer);
  const accumulator = touched(new Accumulator([values.length * chunks]));
  return (watch) => {
    for (let i = 0; i < chunks; i += 1) {
      watch.run(() => accumulator.add({ tensor: 0, start: i * values.length, values }, weight));
    }
  };
}

/** As the enclave takes a contribution in: open, digest, compare the header, add, norm. Nothing is kept but the sums. */
export function takeIn({ chunks, chunk }: Load): Pass {
  const values = new Int32Array(chunk.buffer);
  const header: TensorHeader = {
    name: 'weight',
    shape: [values.length * chunks],
    ring: 'int32',
    stepLog2: -24,
    weighting: 'byEnclave',
  };
  const accumulator = touched(new Accumulator([values.length * chunks]));
  return async (watch) => {
    const privateKey = await generateEphemeralHpkeKey();
    const { enc, seal, chunkSize } = await createSealer({ recipient: privateKey.publicKey, info });
    const opener = await createOpener({ privateKey, enc, info });
    let squares = 0n;
    const reader = new PayloadReader({
      tensors: [header],
      paddingBytes,
      onRun: (run) => {
        if (run.ring !== 'int32') throw new WardroundError('bench-ring', 'not int32');
        accumulator.add(run, weight);
        squares += sumOfSquares(run.values);
      },
    });
    let index = 0;
    for await (const { bytes, last } of rechunk(payloadOf(header, { chunks, chunk }), chunkSize)) {
      const sealed = seal(bytes, last);
      watch.run(() => reader.feed(opener.open(index, sealed, last)));
      index += 1;
    }
    watch.run(() => reader.end());
    if (squares === 0n) throw new WardroundError('bench-empty', 'nothing was added');
  };
}

/** Its memory serves every attempt of a session, so the first touch of its pages is not counted. */
function touched(accumulator: Accumulator): Accumulator {
  accumulator.clear();
  return accumulator;
}

/** Header, secret, the load's chunk again and again, padding: what `encodePayload` makes, without ever holding all of it. */
function* payloadOf(header: TensorHeader, { chunks, chunk }: Load): Generator<Uint8Array> {
  const { unpadded, padded } = payloadLength([header], paddingBytes);
  yield encodePayloadHeader([header]);
  yield copyBytes(randomBytes(secretLength));
  for (let i = 0; i < chunks; i += 1) yield chunk;
  yield new Uint8Array(padded - unpadded);
}
