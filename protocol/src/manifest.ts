// Blobs are content-addressed chunks: a manifest lists the chunks' digests, a reference names the manifest. The relay may serve anything.
import { z } from 'zod';
import { type Bytes, sha256, toHex } from './bytes.ts';
import { canonicalJson, parseStrictJson } from './canonical-json.ts';
import { WardroundError } from './errors.ts';

export const maxChunks = 65_536;
export const minChunkSize = 64 * 1024;
export const maxChunkSize = 8 * 1024 * 1024;
/** The cap on a manifest's bytes: 65,536 digests of 67 characters with quotes and comma, and the rest. */
const manifestLimits = { maxBytes: maxChunks * 67 + 1024, maxDepth: 3 };

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const size = z
  .int()
  .min(0)
  .max(maxChunks * maxChunkSize);

/** A blob's name: the hex SHA-256 of its manifest's bytes, and its own size in bytes. */
export const blobRefSchema = z.strictObject({ manifest: digest, size });
export type BlobRef = z.infer<typeof blobRefSchema>;

/** Every chunk has `chunkSize` bytes, the last one what is left; an empty blob has no chunk. */
export const blobManifestSchema = z.strictObject({
  kind: z.literal('BlobManifest'),
  version: z.literal(1),
  size,
  chunkSize: z.int().min(minChunkSize).max(maxChunkSize),
  chunks: z.array(digest).max(maxChunks),
});
export type BlobManifest = z.infer<typeof blobManifestSchema>;

/** Collects the chunks of a blob in order, in constant memory but for their digests. */
export class ManifestBuilder {
  readonly #chunkSize: number;
  readonly #chunks: string[] = [];
  #size = 0;
  #ended = false;

  /** @throws WardroundError `manifest-invalid` when `chunkSize` is out of its range */
  constructor(chunkSize: number) {
    if (!blobManifestSchema.shape.chunkSize.safeParse(chunkSize).success) {
      throw invalid('chunk size out of range', {
        expected: `${minChunkSize} to ${maxChunkSize} bytes`,
        got: String(chunkSize),
      });
    }
    this.#chunkSize = chunkSize;
  }

  /**
   * Hashes the next chunk and returns its digest.
   *
   * @throws WardroundError `manifest-invalid` when it is empty, too long, follows a shorter one, or is one too many
   */
  add(chunk: Uint8Array): string {
    const name = chunkDigest(chunk);
    this.addDigest(name, chunk.byteLength);
    return name;
  }

  /** Like {@link add}, for a chunk that was hashed elsewhere. @throws WardroundError `manifest-invalid` */
  addDigest(name: string, byteLength: number): void {
    const fits = Number.isSafeInteger(byteLength) && byteLength >= 1 && byteLength <= this.#chunkSize;
    if (!fits || this.#ended || this.#chunks.length >= maxChunks || !digest.safeParse(name).success) {
      throw invalid('a chunk that does not fit', {
        expected: `full chunks of ${this.#chunkSize} bytes, then one shorter`,
      });
    }
    this.#ended = byteLength < this.#chunkSize;
    this.#size += byteLength;
    this.#chunks.push(name);
  }

  /** The manifest, its bytes, and the reference that names it. */
  finish(): { manifest: BlobManifest; bytes: Bytes; ref: BlobRef } {
    const manifest: BlobManifest = {
      kind: 'BlobManifest',
      version: 1,
      size: this.#size,
      chunkSize: this.#chunkSize,
      chunks: [...this.#chunks],
    };
    const bytes = canonicalJson(manifest, manifestLimits);
    return { manifest, bytes, ref: { manifest: toHex(sha256(bytes)), size: this.#size } };
  }
}

/**
 * A manifest as its reference names it.
 *
 * @throws WardroundError `manifest-too-large`, `manifest-digest` (not the one that was named), `manifest-size`, `manifest-invalid`
 */
export function parseManifest(bytes: Uint8Array, ref: BlobRef): BlobManifest {
  if (bytes.byteLength > manifestLimits.maxBytes)
    throw new WardroundError('manifest-too-large', 'larger than any manifest');
  const got = toHex(sha256(bytes));
  if (got !== ref.manifest) {
    throw new WardroundError('manifest-digest', 'not the manifest that was named', {
      expected: ref.manifest,
      got,
      action: 'retry',
    });
  }
  const manifest = readManifest(bytes);
  if (manifest.size !== ref.size) {
    throw new WardroundError('manifest-size', 'size differs from the reference', {
      expected: String(ref.size),
      got: String(manifest.size),
    });
  }
  const count = Math.ceil(manifest.size / manifest.chunkSize);
  if (manifest.chunks.length !== count) {
    throw invalid('chunk count does not match the size', {
      expected: String(count),
      got: String(manifest.chunks.length),
    });
  }
  return manifest;
}

/** Byte length of chunk `index`. @throws WardroundError `manifest-chunk-index` */
export function chunkLength(manifest: BlobManifest, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= manifest.chunks.length) {
    throw new WardroundError('manifest-chunk-index', 'no such chunk', { got: String(index) });
  }
  return Math.min(manifest.chunkSize, manifest.size - index * manifest.chunkSize);
}

/** Hex SHA-256 of a chunk's bytes: its name in the store. */
export function chunkDigest(chunk: Uint8Array): string {
  return toHex(sha256(chunk));
}

/**
 * The chunk that a relay served, if it is the one that was asked for.
 *
 * @throws WardroundError `chunk-mismatch` when length or digest differ, `manifest-chunk-index`
 */
export function requireChunk(manifest: BlobManifest, index: number, chunk: Uint8Array): Uint8Array {
  const expected = manifest.chunks[index];
  if (chunk.byteLength !== chunkLength(manifest, index) || chunkDigest(chunk) !== expected) {
    throw new WardroundError('chunk-mismatch', 'not the chunk that was named', {
      where: `chunk ${index}`,
      ...(expected === undefined ? {} : { expected }),
      action: 'retry',
    });
  }
  return chunk;
}

function readManifest(bytes: Uint8Array): BlobManifest {
  try {
    return blobManifestSchema.parse(parseStrictJson(bytes, manifestLimits));
  } catch (cause) {
    throw invalid('not a manifest', { cause });
  }
}

function invalid(message: string, detail: { expected?: string; got?: string; cause?: unknown }): WardroundError {
  return new WardroundError('manifest-invalid', message, detail);
}
