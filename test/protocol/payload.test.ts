// Attacks on payloads: another shape, cut, lengthened, padded with something; and that pieces of any size read alike.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import {
  elementsOf,
  encodePayload,
  encodePayloadHeader,
  type Payload,
  payloadDigest,
  payloadLength,
} from '@wardround/protocol/payload';
import { PayloadReader } from '@wardround/protocol/payload-reader';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const header = (fields: Partial<TensorHeader>): TensorHeader => ({
  name: 'w',
  shape: [3],
  ring: 'int32',
  stepLog2: -24,
  weighting: 'byEnclave',
  ...fields,
});
const secret = new Uint8Array(32).map((_, i) => i + 1);
const paddingBytes = 64;
const example: Payload = {
  tensors: [
    { header: header({ name: 'dense.kernel', shape: [2, 2] }), values: Int32Array.of(1, -2, 2 ** 31 - 1, -(2 ** 31)) },
    { header: header({ name: 'empty', shape: [0] }), values: new Int32Array() },
    {
      header: header({ name: 'scalar', shape: [], ring: 'z2pow64', weighting: 'bySender' }),
      values: BigInt64Array.of(-1n),
    },
    {
      header: header({ name: 'sums', shape: [3], ring: 'int64', weighting: 'none' }),
      values: BigInt64Array.of(2n ** 63n - 1n, 0n, 5n),
    },
  ],
  secret,
};
const headers = example.tensors.map((tensor) => tensor.header);
const bytesOf = (payload: Payload, padding = paddingBytes): Uint8Array =>
  Buffer.concat([...encodePayload(payload, padding)]);

/** Reads a payload in pieces and gathers what comes. */
function read(
  pieces: Iterable<Uint8Array>,
  tensors: readonly TensorHeader[] = headers,
): { digest: string; secret: Uint8Array; values: string[][] } {
  const values: string[][] = tensors.map(() => []);
  const reader = new PayloadReader({
    tensors,
    paddingBytes,
    onRun: (run) => {
      expect(values[run.tensor]?.length).toBe(run.start);
      expect(run.ring).toBe(tensors[run.tensor]?.ring);
      for (const value of run.values) values[run.tensor]?.push(String(value));
    },
  });
  for (const piece of pieces) reader.feed(piece);
  return { ...reader.end(), values };
}

const whole = bytesOf(example);
const expectedValues = example.tensors.map(({ values }) => Array.from(values, String));

describe('a payload', () => {
  it('is length, header, secret, integers, zeros', () => {
    const start = encodePayloadHeader(headers);
    const json = new TextDecoder().decode(start.subarray(4));
    expect(new DataView(start.buffer).getUint32(0, true)).toBe(json.length);
    expect(JSON.parse(json)).toEqual({ kind: 'Payload', version: 1, tensors: headers });
    expect(whole.subarray(start.length, start.length + 32)).toEqual(Buffer.from(secret));
    expect(whole.subarray(start.length + 32, start.length + 48).toString()).toBe(
      Buffer.from('01000000feffffffffffff7f00000080', 'hex').toString(),
    );
    const { unpadded, padded } = payloadLength(headers, paddingBytes);
    expect(unpadded).toBe(start.length + 32 + 16 + 0 + 8 + 24);
    expect(whole.length).toBe(padded);
    expect(padded % paddingBytes).toBe(0);
    expect(whole.subarray(unpadded).every((byte) => byte === 0)).toBe(true);
  });

  it('has the digest of everything before the padding', () => {
    const { unpadded } = payloadLength(headers, paddingBytes);
    const expected = createHash('sha256')
      .update('wardround/v1 payload-digest\0')
      .update(whole.subarray(0, unpadded))
      .digest('hex');
    expect(payloadDigest(example)).toBe(expected);
    expect(read([whole])).toEqual({ digest: expected, secret, values: expectedValues });
  });

  it('reads alike whatever the pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 30 }), fc.nat(9), (cuts, shift) => {
        const borders = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = borders.slice(1).map((end, i) => {
          // Each piece lies elsewhere in its buffer, so that alignment varies.
          const piece = whole.subarray(borders[i], end);
          const moved = new Uint8Array(piece.length + shift);
          moved.set(piece, shift);
          return moved.subarray(shift);
        });
        expect(read(pieces)).toEqual({ digest: payloadDigest(example), secret, values: expectedValues });
      }),
    );
  });

  it('reads alike byte by byte', () => {
    expect(read(Array.from(whole, (_, i) => whole.subarray(i, i + 1))).values).toEqual(expectedValues);
  });

  it('needs no padding when it fits, and pads in pieces when it does not', () => {
    const { unpadded } = payloadLength(headers, 1);
    expect(payloadLength(headers, unpadded)).toEqual({ unpadded, padded: unpadded });
    const large = [...encodePayload(example, 3 * 1024 * 1024)];
    expect(Math.max(...large.map((piece) => piece.length))).toBeLessThanOrEqual(1024 * 1024);
    expect(Buffer.concat(large).length).toBe(3 * 1024 * 1024);
  });

  it('is copied nowhere: pieces of integers are views', () => {
    const values = new Int32Array(600_000);
    const tensor = header({ shape: [600_000] });
    const pieces = [...encodePayload({ tensors: [{ header: tensor, values }], secret }, 1)];
    expect(pieces.filter((piece) => piece.buffer === values.buffer).map((piece) => piece.length)).toEqual([
      1_048_576, 1_048_576, 302_848,
    ]);
  });
});

describe('PayloadReader refuses', () => {
  it('every truncation', () => {
    for (let end = 0; end < whole.length; end += 1)
      expect(codeOf(() => read([whole.subarray(0, end)]))).toBe('payload-truncated');
  });

  it('a byte more', () => {
    expect(codeOf(() => read([whole, Uint8Array.of(0)]))).toBe('payload-too-long');
  });

  it('padding that is not zero', () => {
    for (let at = payloadLength(headers, paddingBytes).unpadded; at < whole.length; at += 1) {
      const spoilt = Uint8Array.from(whole);
      spoilt[at] = 1;
      expect(codeOf(() => read([spoilt]))).toBe('payload-padding');
    }
  });

  it('every flipped bit of the header, before any integer is handed on', () => {
    const end = encodePayloadHeader(headers).length;
    for (let bit = 0; bit < end * 8; bit += 1) {
      const spoilt = Uint8Array.from(whole);
      spoilt[bit >> 3] = (spoilt[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let runs = 0;
      const reader = new PayloadReader({ tensors: headers, paddingBytes, onRun: () => (runs += 1) });
      expect(codeOf(() => reader.feed(spoilt))).toBe('payload-header');
      expect(runs).toBe(0);
    }
  });

  it.each([
    ['another name', { name: 'v' }],
    ['another shape of the same size', { shape: [3, 1] }],
    ['another shape', { shape: [4] }],
    ['another ring', { ring: 'int64' as const }],
    ['another step', { stepLog2: -23 }],
    ['another weighting', { weighting: 'none' as const }],
  ])('%s', (_name, change) => {
    const other = header(change);
    const length = elementsOf(other);
    const values = other.ring === 'int32' ? new Int32Array(length) : new BigInt64Array(length);
    const sent = bytesOf({ tensors: [{ header: other, values }], secret });
    expect(codeOf(() => read([sent], [header({})]))).toBe('payload-header');
  });

  it('or changes its digest for, every flipped bit of secret and integers', () => {
    const start = encodePayloadHeader(headers).length;
    const digests = new Set([payloadDigest(example)]);
    const { unpadded } = payloadLength(headers, paddingBytes);
    for (let bit = start * 8; bit < unpadded * 8; bit += 1) {
      const spoilt = Uint8Array.from(whole);
      spoilt[bit >> 3] = (spoilt[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      digests.add(read([spoilt]).digest);
    }
    expect(digests.size).toBe((unpadded - start) * 8 + 1);
  });

  it('anything after an error or its end', () => {
    const failed = new PayloadReader({ tensors: headers, paddingBytes, onRun: () => undefined });
    expect(codeOf(() => failed.feed(new Uint8Array(100)))).toBe('payload-header');
    expect(codeOf(() => failed.feed(whole))).toBe('payload-ended');
    expect(codeOf(() => failed.end())).toBe('payload-ended');
    const ended = new PayloadReader({ tensors: headers, paddingBytes, onRun: () => undefined });
    ended.feed(whole);
    ended.end();
    expect(codeOf(() => ended.end())).toBe('payload-ended');
    expect(codeOf(() => ended.feed(new Uint8Array()))).toBe('payload-ended');
  });

  it('to go on after its callback threw', () => {
    const reader = new PayloadReader({
      tensors: headers,
      paddingBytes,
      onRun: () => {
        throw new WardroundError('test-refusal', 'beyond the norm');
      },
    });
    expect(codeOf(() => reader.feed(whole))).toBe('test-refusal');
    expect(codeOf(() => reader.end())).toBe('payload-ended');
  });
});

describe('encodePayload refuses', () => {
  const good = { header: header({}), values: new Int32Array(3) };
  it.each([
    ['a short secret', { tensors: [good], secret: new Uint8Array(31) }, 'payload-secret'],
    ['too few integers', { tensors: [{ ...good, values: new Int32Array(2) }], secret }, 'payload-shape'],
    ['integers of another width', { tensors: [{ ...good, values: new BigInt64Array(3) }], secret }, 'payload-shape'],
    ['a name twice', { tensors: [good, good], secret }, 'payload-header'],
    ['a bad name', { tensors: [{ ...good, header: header({ name: '' }) }], secret }, 'payload-header'],
    [
      'a shape beyond any memory',
      { tensors: [{ ...good, header: header({ shape: [2 ** 30, 2 ** 30] }) }], secret },
      'payload-shape',
    ],
    ['a step that is none', { tensors: [{ ...good, header: header({ stepLog2: 1 }) }], secret }, 'payload-header'],
  ])('%s', (_name, payload, code) => {
    expect(codeOf(() => bytesOf(payload))).toBe(code);
  });

  it.each([0, -1, 0.5, 2 ** 31])('a padding multiple of %d', (padding) => {
    expect(codeOf(() => bytesOf(example, padding))).toBe('payload-padding-size');
  });
});
