// Blobs of any size as chunks, in constant memory both ways. Both resume: what the store has is not sent, what was read is not fetched.
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import { type BlobRef, ManifestBuilder, parseManifest, requireChunk } from '@wardround/protocol/manifest';
import { type ByteSource, rechunk } from '@wardround/protocol/rechunk';
import type { ChunkStore } from '@wardround/protocol/relay-port';

/** Memory of an upload: a window of chunks. */
const defaultChunkSize = 2 * 1024 * 1024;
const windowChunks = 4;

/**
 * Stores a blob and its manifest; resolves when all of it is durable. The manifest goes last.
 *
 * @param chunkSize the same source must be cut in the same way for a second try to resume
 * @throws WardroundError `manifest-invalid` (more than 65,536 chunks), what the source throws, and those of `ChunkStore.put`
 */
export async function uploadBlob(
  chunks: ChunkStore,
  source: ByteSource,
  { chunkSize = defaultChunkSize }: { readonly chunkSize?: number } = {},
): Promise<BlobRef> {
  const builder = new ManifestBuilder(chunkSize);
  let window = new Map<string, Bytes>();
  for await (const { bytes } of rechunk(source, chunkSize)) {
    if (bytes.byteLength === 0) continue;
    window.set(builder.add(bytes), copyBytes(bytes));
    if (window.size < windowChunks) continue;
    await putMissing(chunks, window);
    window = new Map();
  }
  await putMissing(chunks, window);
  const { bytes, ref } = builder.finish();
  await putMissing(chunks, new Map([[ref.manifest, bytes]]));
  return ref;
}

/**
 * The blob's bytes, chunk by chunk, each checked against the manifest that `ref` names. One chunk is fetched ahead.
 *
 * @param fromChunk resumes there; the caller has the chunks before
 * @throws WardroundError `manifest-*`, `chunk-mismatch`, and those of `ChunkStore.get`
 */
export async function* downloadBlob(
  chunks: ChunkStore,
  ref: BlobRef,
  { fromChunk = 0 }: { readonly fromChunk?: number } = {},
): AsyncGenerator<Bytes, void> {
  const manifest = parseManifest(await chunks.get(ref.manifest), ref);
  const fetchChunk = async (index: number): Promise<Bytes> => {
    const bytes = await chunks.get(manifest.chunks[index] ?? '');
    requireChunk(manifest, index, bytes);
    return bytes;
  };
  let ahead = fromChunk < manifest.chunks.length ? started(fetchChunk(fromChunk)) : null;
  for (let index = fromChunk; ahead !== null; index += 1) {
    const bytes = await ahead;
    ahead = index + 1 < manifest.chunks.length ? started(fetchChunk(index + 1)) : null;
    yield bytes;
  }
}

async function putMissing(chunks: ChunkStore, window: ReadonlyMap<string, Bytes>): Promise<void> {
  if (window.size === 0) return;
  const absent = new Set(await chunks.missing([...window.keys()]));
  await Promise.all(
    [...window]
      .filter(([digest]) => absent.has(digest))
      .map(async ([digest, bytes]) => await chunks.put(digest, bytes)),
  );
}

/** A fetch that runs ahead may fail before anybody waits for it; the failure is met when its turn comes. */
function started<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}
