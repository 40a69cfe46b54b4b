// Attacks on tensor files: lengths that lie, data that overlaps, shapes that overflow, headers that nest.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '@wardround/protocol/safetensors';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

/** A file with this header text and this much data. */
function file(header: string, dataLength: number, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
const f32 = (begin: number, end: number): string => entry('F32', [(end - begin) / 4], [begin, end]);

const name = fc.stringMatching(/^[A-Za-z0-9_./:-]{1,20}$/).filter((text) => text !== '__metadata__');
const tensor: fc.Arbitrary<Tensor> = fc.oneof(
  fc
    .tuple(name, fc.float32Array())
    .map(([n, d]): Tensor => ({ name: n, dtype: 'F32', shape: [d.length], data: new Float32Array(d) })),
  fc
    .tuple(name, fc.float64Array())
    .map(([n, d]): Tensor => ({ name: n, dtype: 'F64', shape: [1, d.length], data: new Float64Array(d) })),
  fc
    .tuple(name, fc.int32Array())
    .map(([n, d]): Tensor => ({ name: n, dtype: 'I32', shape: [d.length, 1], data: new Int32Array(d) })),
  fc
    .tuple(name, fc.bigInt64Array())
    .map(([n, d]): Tensor => ({ name: n, dtype: 'I64', shape: [d.length], data: new BigInt64Array(d) })),
  fc
    .tuple(name, fc.uint8Array())
    .map(([n, d]): Tensor => ({ name: n, dtype: 'U8', shape: [d.length], data: new Uint8Array(d) })),
);
const tensors = fc.uniqueArray(tensor, { selector: (t) => t.name, maxLength: 6 });

describe('a written file', () => {
  it('reads back as it was, names and order included', () => {
    fc.assert(
      fc.property(
        tensors,
        fc.dictionary(
          fc.string().filter((k) => k !== '__proto__'),
          fc.string(),
          { noNullPrototype: true },
        ),
        (list, metadata) => {
          const bytes = encodeSafetensors(list, metadata);
          const read = decodeSafetensors(bytes);
          // Empty tensors share an offset, and integer-like names come first there: compare by name, and the order of the others.
          expect(new Map(read.tensors.map((t) => [t.name, t]))).toEqual(new Map(list.map((t) => [t.name, t])));
          const full = (all: readonly Tensor[]): string[] => all.filter((t) => t.data.length > 0).map((t) => t.name);
          expect(full(read.tensors)).toEqual(full(list));
          expect(read.metadata).toEqual(metadata);
        },
      ),
    );
  });

  it('has the bytes that the format describes', () => {
    const bytes = encodeSafetensors([{ name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, -2) }]);
    const header = '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ';
    expect(header.length % 8).toBe(0);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `3800000000000000${Buffer.from(header).toString('hex')}0000803f000000c0`,
    );
  });

  it('starts its data at a multiple of 8, and is equal for equal tensors', () => {
    fc.assert(
      fc.property(tensors, (list) => {
        const bytes = encodeSafetensors(list);
        expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
        expect(encodeSafetensors(structuredClone(list))).toEqual(bytes);
      }),
    );
  });

  it('keeps the order of names such as "1" and "0"', () => {
    const list: Tensor[] = ['1', '0', 'a'].map((n, i) => ({
      name: n,
      dtype: 'U8',
      shape: [1],
      data: Uint8Array.of(i),
    }));
    expect(decodeSafetensors(encodeSafetensors(list)).tensors).toEqual(list);
  });

  it('is read into copies', () => {
    const bytes = encodeSafetensors([{ name: 'w', dtype: 'U8', shape: [1], data: Uint8Array.of(7) }]);
    const { tensors: read } = decodeSafetensors(bytes);
    bytes.fill(0);
    expect(read[0]?.data).toEqual(Uint8Array.of(7));
  });

  it('may lie at any offset of a larger buffer', () => {
    const bytes = encodeSafetensors([{ name: 'w', dtype: 'F64', shape: [], data: Float64Array.of(0.5) }]);
    for (let shift = 0; shift < 9; shift += 1) {
      const shifted = new Uint8Array(bytes.length + shift);
      shifted.set(bytes, shift);
      expect(decodeSafetensors(shifted.subarray(shift)).tensors[0]?.data).toEqual(Float64Array.of(0.5));
    }
  });

  it('as Python writes it (white space, metadata, any order of members) is read', () => {
    const header = `{"__metadata__": {"format": "pt"}, "b": {"data_offsets": [4, 8], "shape": [1], "dtype": "I32"}, "a": ${f32(0, 4)}}   `;
    const read = decodeSafetensors(file(header, 8));
    expect(read.tensors.map((t) => t.name)).toEqual(['a', 'b']);
    expect(read.metadata).toEqual({ format: 'pt' });
  });
});

describe('decodeSafetensors refuses', () => {
  it.each([
    ['nothing', new Uint8Array(), 'safetensors-truncated'],
    ['seven bytes', new Uint8Array(7), 'safetensors-truncated'],
    ['a header length of 0', file('', 0), 'safetensors-header'],
    ['a header longer than the file', file('{}', 0, 3n), 'safetensors-truncated'],
    ['a header of 2^64 − 1 bytes', file('{}', 0, 2n ** 64n - 1n), 'safetensors-limit'],
    ['a header of 1 MiB and 1 byte', file('{}', 0, 1_048_577n), 'safetensors-limit'],
    ['a header that is an array', file('[]', 0), 'safetensors-header'],
    ['a header after white space', file(' {}', 0), 'safetensors-header'],
    ['a header that is not JSON', file('{', 0), 'json-syntax'],
    ['a header that nests', file(`{"a":${'['.repeat(10_000)}`, 0), 'json-depth'],
    ['a header that is not UTF-8', Uint8Array.of(...file('{', 0, 2n), 0xff), 'json-utf8'],
    ['a name twice', file(`{"a":${f32(0, 4)},"a":${f32(4, 8)}}`, 8), 'json-duplicate-key'],
    ['an empty name', file(`{"":${f32(0, 4)}}`, 4), 'safetensors-name'],
    ['a name with a control character', file(`{"a\\u0000":${f32(0, 4)}}`, 4), 'safetensors-name'],
    ['a name of 257 characters', file(`{"${'a'.repeat(257)}":${f32(0, 4)}}`, 4), 'safetensors-name'],
    ['an entry that is no object', file('{"a":1}', 0), 'safetensors-header'],
    [
      'an entry with more',
      file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4),
      'safetensors-header',
    ],
    ['a dtype we do not read', file(`{"a":${entry('F16', [2], [0, 4])}}`, 4), 'safetensors-dtype'],
    ['a negative extent', file(`{"a":${entry('F32', [-1], [0, 4])}}`, 4), 'safetensors-shape'],
    ['a fraction as extent', file('{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}', 4), 'json-number'],
    ['nine dimensions', file(`{"a":${entry('F32', [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 4])}}`, 4), 'safetensors-shape'],
    ['a shape larger than its data', file(`{"a":${entry('F32', [2], [0, 4])}}`, 4), 'safetensors-shape'],
    ['a shape smaller than its data', file(`{"a":${entry('F32', [], [0, 8])}}`, 8), 'safetensors-shape'],
    [
      'a shape whose product overflows',
      file(`{"a":${entry('F32', [2 ** 52, 2 ** 52, 2 ** 52], [0, 4])}}`, 4),
      'safetensors-shape',
    ],
    [
      'a shape whose product wraps to 0 in 64 bits',
      file(`{"a":${entry('U8', [2 ** 32, 2 ** 32], [0, 0])}}`, 0),
      'safetensors-shape',
    ],
    [
      'an empty shape that is huge on the way',
      file(`{"a":${entry('F32', [2 ** 30, 2 ** 30, 0], [0, 0])}}`, 0),
      'safetensors-shape',
    ],
    ['offsets backwards', file(`{"a":${entry('F32', [1], [4, 0])}}`, 4), 'safetensors-shape'],
    ['three offsets', file(`{"a":${entry('F32', [1], [0, 4, 8])}}`, 4), 'safetensors-header'],
    ['overlap', file(`{"a":${f32(0, 8)},"b":${f32(4, 12)}}`, 12), 'safetensors-offsets'],
    ['the same data twice', file(`{"a":${f32(0, 4)},"b":${f32(0, 4)}}`, 4), 'safetensors-offsets'],
    ['a gap', file(`{"a":${f32(0, 4)},"b":${f32(8, 12)}}`, 12), 'safetensors-offsets'],
    ['a gap at the start', file(`{"a":${f32(4, 8)}}`, 8), 'safetensors-offsets'],
    ['bytes that belong to nothing', file(`{"a":${f32(0, 4)}}`, 5), 'safetensors-offsets'],
    ['data that is missing', file(`{"a":${f32(0, 4)}}`, 3), 'safetensors-truncated'],
    ['a petabyte that is not there', file(`{"a":${f32(0, 2 ** 50)}}`, 4), 'safetensors-truncated'],
    ['metadata that is no map', file('{"__metadata__":[]}', 0), 'safetensors-header'],
    ['metadata with a number', file('{"__metadata__":{"a":1}}', 0), 'safetensors-header'],
  ])('%s', (_name, bytes, code) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe(code);
  });

  const whole = encodeSafetensors([
    { name: 'a', dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: 'b', dtype: 'I64', shape: [1], data: BigInt64Array.of(4n) },
  ]);

  it('every truncation and one byte more', () => {
    for (let end = 0; end < whole.length; end += 1) {
      expect(codeOf(() => decodeSafetensors(whole.subarray(0, end)))).toBe('safetensors-truncated');
    }
    expect(codeOf(() => decodeSafetensors(Uint8Array.of(...whole, 0)))).toBe('safetensors-offsets');
  });

  it('or reads otherwise, but never crashes on, any flipped bit', () => {
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const flipped = Uint8Array.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(() => decodeSafetensors(flipped))).toMatch(/^(accepted|(safetensors|json)-[a-z0-9-]+)$/);
    }
  });

  it('more than 10,000 tensors', () => {
    const header = `{${Array.from({ length: 10_002 }, (_, i) => `"t${i}":${f32(0, 0)}`).join(',')}}`;
    expect(codeOf(() => decodeSafetensors(file(header, 0)))).toBe('safetensors-limit');
  });
});

describe('encodeSafetensors refuses', () => {
  const one: Tensor = { name: 'a', dtype: 'U8', shape: [1], data: Uint8Array.of(1) };
  it.each([
    ['a name twice', [one, one], {}, 'safetensors-name'],
    ['the name of the metadata', [{ ...one, name: '__metadata__' }], {}, 'safetensors-name'],
    ['a name with a quote', [{ ...one, name: 'a"b' }], {}, 'safetensors-name'],
    ['a shape that is not the data’s', [{ ...one, shape: [2] }], {}, 'safetensors-shape'],
    ['nine dimensions', [{ ...one, shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }], {}, 'safetensors-shape'],
    ['a fractional extent', [{ ...one, shape: [0.5, 2] }], {}, 'safetensors-shape'],
    ['a header beyond its cap', [one], { a: 'x'.repeat(1_048_577) }, 'safetensors-limit'],
  ])('%s', (_name, list, metadata, code) => {
    expect(codeOf(() => encodeSafetensors(list, metadata))).toBe(code);
  });
});
