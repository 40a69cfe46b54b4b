// Attacks on blobs: another manifest, wrong counts and sizes, chunks exchanged, cut or lengthened.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type BlobRef,
  blobRefSchema,
  chunkLength,
  ManifestBuilder,
  maxChunks,
  minChunkSize,
  parseManifest,
  requireChunk,
} from '@wardround/protocol/manifest';

const chunkSize = minChunkSize;

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

function blob(size: number): { chunks: Uint8Array[]; bytes: Uint8Array; ref: BlobRef } {
  const builder = new ManifestBuilder(chunkSize);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < size; at += chunkSize) {
    const chunk = new Uint8Array(Math.min(chunkSize, size - at)).fill(1 + chunks.length);
    builder.add(chunk);
    chunks.push(chunk);
  }
  const { bytes, ref } = builder.finish();
  return { chunks, bytes, ref };
}

const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A manifest with other fields, under the reference that honestly names it. */
function named(fields: object): { bytes: Uint8Array; ref: BlobRef } {
  const good = {
    kind: 'BlobManifest',
    version: 1,
    size: chunkSize + 1,
    chunkSize,
    chunks: ['0'.repeat(64), '1'.repeat(64)],
  };
  const bytes = canonicalJson({ ...good, ...fields });
  const size = 'size' in fields && typeof fields.size === 'number' ? fields.size : good.size;
  return { bytes, ref: { manifest: nameOf(bytes), size } };
}

describe('a blob', () => {
  it.each([0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize + 5])(
    'of %d bytes is described and checked',
    (size) => {
      const { chunks, bytes, ref } = blob(size);
      const manifest = parseManifest(bytes, ref);
      expect(manifest.chunks.length).toBe(Math.ceil(size / chunkSize));
      expect(blobRefSchema.parse(ref)).toEqual({ manifest: nameOf(bytes), size });
      for (const [index, chunk] of chunks.entries()) {
        expect(chunkLength(manifest, index)).toBe(chunk.byteLength);
        expect(requireChunk(manifest, index, chunk)).toBe(chunk);
      }
    },
  );

  it('gives equal bytes for equal chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 * chunkSize }), (size) => {
        expect(blob(size).ref).toEqual(blob(size).ref);
      }),
      { numRuns: 20 },
    );
  });

  it('reaches the largest count, whose manifest still parses', () => {
    const builder = new ManifestBuilder(chunkSize);
    for (let index = 0; index < maxChunks; index += 1) builder.addDigest('f'.repeat(64), chunkSize);
    const { bytes, ref } = builder.finish();
    expect(parseManifest(bytes, ref).size).toBe(maxChunks * chunkSize);
    expect(codeOf(() => builder.addDigest('f'.repeat(64), 1))).toBe('manifest-invalid');
  });
});

describe('parseManifest refuses', () => {
  it('a manifest that is not the one named', () => {
    const { ref } = blob(3);
    expect(codeOf(() => parseManifest(blob(4).bytes, ref))).toBe('manifest-digest');
  });

  it('every flipped bit', () => {
    const { bytes, ref } = blob(chunkSize + 1);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(() => parseManifest(flipped, ref))).toBe('manifest-digest');
    }
  });

  it('more bytes than any manifest has, before hashing them', () => {
    expect(codeOf(() => parseManifest(new Uint8Array(5 * 1024 * 1024), { manifest: '0'.repeat(64), size: 1 }))).toBe(
      'manifest-too-large',
    );
  });

  it.each([
    ['another kind', { kind: 'Manifest' }, 'manifest-invalid'],
    ['another version', { version: 2 }, 'manifest-invalid'],
    ['an extra member', { more: 1 }, 'manifest-invalid'],
    ['a chunk too few', { chunks: ['0'.repeat(64)] }, 'manifest-invalid'],
    ['a chunk too many', { chunks: ['0'.repeat(64), '1'.repeat(64), '2'.repeat(64)] }, 'manifest-invalid'],
    ['chunks of an empty blob', { size: 0 }, 'manifest-invalid'],
    ['a digest in upper case', { chunks: ['A'.repeat(64), '1'.repeat(64)] }, 'manifest-invalid'],
    ['a short digest', { chunks: ['0'.repeat(63), '1'.repeat(64)] }, 'manifest-invalid'],
    ['a chunk size below the range', { chunkSize: minChunkSize - 1 }, 'manifest-invalid'],
    ['a chunk size above the range', { chunkSize: 8 * 1024 * 1024 + 1 }, 'manifest-invalid'],
    ['a negative size', { size: -1 }, 'manifest-invalid'],
    ['a size beyond 65,536 of the largest chunks', { size: 65_536 * 8 * 1024 * 1024 + 1 }, 'manifest-invalid'],
  ])('%s', (_name, fields, code) => {
    const { bytes, ref } = named(fields);
    expect(codeOf(() => parseManifest(bytes, ref))).toBe(code);
  });

  it('a size that differs from the reference', () => {
    const { bytes, ref } = named({});
    expect(codeOf(() => parseManifest(bytes, { ...ref, size: ref.size - 1 }))).toBe('manifest-size');
  });

  it('text that is not canonical', () => {
    const bytes = new TextEncoder().encode(
      JSON.stringify(JSON.parse(new TextDecoder().decode(blob(3).bytes)), null, 1),
    );
    expect(codeOf(() => parseManifest(bytes, { manifest: nameOf(bytes), size: 3 }))).toBe('manifest-invalid');
  });
});

describe('requireChunk refuses', () => {
  const { chunks, bytes, ref } = blob(2 * chunkSize + 7);
  const manifest = parseManifest(bytes, ref);
  const [first = new Uint8Array(), second = new Uint8Array(), last = new Uint8Array()] = chunks;
  it.each([
    ['chunks exchanged', 0, second],
    ['a chunk cut', 1, second.subarray(1)],
    ['a chunk lengthened', 2, Uint8Array.of(...last, 0)],
    ['an empty chunk', 0, new Uint8Array()],
    ['a flipped bit', 0, Uint8Array.from(first, (byte, at) => (at === 9 ? byte ^ 1 : byte))],
  ])('%s', (_name, index, chunk) => {
    expect(codeOf(() => requireChunk(manifest, index, chunk))).toBe('chunk-mismatch');
  });

  it.each([-1, 3, 0.5, Number.NaN])('chunk %d, which is not there', (index) => {
    expect(codeOf(() => requireChunk(manifest, index, first))).toBe('manifest-chunk-index');
  });
});

describe('ManifestBuilder refuses', () => {
  it.each([0, minChunkSize - 1, 8 * 1024 * 1024 + 1, 65_536.5])('a chunk size of %d', (size) => {
    expect(codeOf(() => new ManifestBuilder(size))).toBe('manifest-invalid');
  });

  it('empty and oversize chunks, anything after a short one, and digests that are none', () => {
    const builder = new ManifestBuilder(chunkSize);
    expect(codeOf(() => builder.add(new Uint8Array()))).toBe('manifest-invalid');
    expect(codeOf(() => builder.add(new Uint8Array(chunkSize + 1)))).toBe('manifest-invalid');
    expect(codeOf(() => builder.addDigest('x', 1))).toBe('manifest-invalid');
    builder.add(new Uint8Array(1));
    expect(codeOf(() => builder.add(new Uint8Array(1)))).toBe('manifest-invalid');
  });
});
