// Sealed streams: any amount of data to one recipient or several, in constant memory. Cut, reordered, repeated, exchanged or lengthened
// streams do not open. The chunk size is not written into the stream but bound into its key: a blob's chunk size is this one plus the tag.
import { hkdfSync, randomBytes } from 'node:crypto';
import { type Bytes, concatBytes, copyBytes, labelledSha256, utf8 } from './bytes.ts';
import type { HpkePublicKey } from './documents/primitives.ts';
import { receiveKey, sendKey, unwrapKey, wrapKey, type WrappedKey } from './hpke.ts';
import type { HpkePrivateKey } from './hpke-keys.ts';
import { labels } from './labels.ts';
import { type ByteSource, rechunk } from './rechunk.ts';
import { ChunkOpener, ChunkSealer, defaultChunkSize, requireChunkSize, tagLength } from './stream-chunks.ts';

/**
 * Seals to one recipient, chunk by chunk. `info` from `sealInfo` says what this is and belongs to.
 *
 * @throws WardroundError `key-invalid`, `seal-chunk-size`
 */
export async function createSealer({
  recipient,
  info,
  chunkSize = defaultChunkSize,
}: {
  recipient: HpkePublicKey;
  info: Uint8Array;
  chunkSize?: number;
}): Promise<{ enc: Bytes; chunkSize: number; seal: (chunk: Uint8Array, last: boolean) => Bytes }> {
  const { enc, key } = await sendKey({ recipient, info, exporterContext: streamContext(chunkSize) });
  const sealer = new ChunkSealer(key, chunkSize);
  return { enc, chunkSize, seal: (chunk, last) => sealer.seal(chunk, last) };
}

/** Opens chunk by chunk, in any order. @throws WardroundError `seal-open`, `key-erased`, `seal-chunk-size` */
export async function createOpener({
  privateKey,
  enc,
  info,
  chunkSize = defaultChunkSize,
}: {
  privateKey: HpkePrivateKey;
  enc: Uint8Array;
  info: Uint8Array;
  chunkSize?: number;
}): Promise<ChunkOpener> {
  return new ChunkOpener(
    await receiveKey({ privateKey, enc, info, exporterContext: streamContext(chunkSize) }),
    chunkSize,
  );
}

/**
 * Seals a source of pieces of any size. `chunks` are sealed as they are asked for, each at most `chunkSize` + 16 bytes.
 *
 * @throws WardroundError `key-invalid`, `seal-chunk-size`
 */
export async function sealStream({
  source,
  ...to
}: {
  source: ByteSource;
  recipient: HpkePublicKey;
  info: Uint8Array;
  chunkSize?: number;
}): Promise<{ enc: Bytes; chunkSize: number; chunks: AsyncGenerator<Bytes, void> }> {
  const { enc, chunkSize, seal } = await createSealer(to);
  return { enc, chunkSize, chunks: sealChunks(source, chunkSize, seal) };
}

/**
 * Opens a stream in its order. Each chunk that it yields is genuine and in its place, but the message is whole only when the generator ends
 * without an error: until then the caller must be able to take back what it did with it.
 *
 * @throws WardroundError `seal-open` for whatever is wrong with the stream, `key-erased`, `seal-chunk-size`
 */
export async function* openStream({
  source,
  ...from
}: {
  source: ByteSource;
  privateKey: HpkePrivateKey;
  enc: Uint8Array;
  info: Uint8Array;
  chunkSize?: number;
}): AsyncGenerator<Bytes, void> {
  yield* openChunks(source, await createOpener(from));
}

/**
 * One ciphertext for all recipients, under a random content key that is wrapped for each, in their order.
 *
 * @throws WardroundError `key-invalid`, `seal-chunk-size`
 */
export async function sealToMany({
  source,
  recipients,
  info,
  chunkSize = defaultChunkSize,
}: {
  source: ByteSource;
  recipients: readonly HpkePublicKey[];
  info: Uint8Array;
  chunkSize?: number;
}): Promise<{ wrappedKeys: readonly WrappedKey[]; chunkSize: number; chunks: AsyncGenerator<Bytes, void> }> {
  const contentKey = copyBytes(randomBytes(32));
  const sealer = new ChunkSealer(contentStreamKey({ contentKey, info, chunkSize }), chunkSize);
  const wrappedKeys = await Promise.all(
    recipients.map(async (recipient) => await wrapKey({ recipient, info, key: contentKey })),
  );
  contentKey.fill(0);
  return { wrappedKeys, chunkSize, chunks: sealChunks(source, chunkSize, (chunk, last) => sealer.seal(chunk, last)) };
}

/** Opens chunk by chunk, in any order, what {@link sealToMany} sealed. @throws WardroundError `seal-open`, `key-erased`, `seal-chunk-size` */
export async function createOpenerFromMany({
  privateKey,
  wrapped,
  info,
  chunkSize = defaultChunkSize,
}: {
  privateKey: HpkePrivateKey;
  wrapped: WrappedKey;
  info: Uint8Array;
  chunkSize?: number;
}): Promise<ChunkOpener> {
  const contentKey = await unwrapKey({ privateKey, info, wrapped });
  return new ChunkOpener(contentStreamKey({ contentKey, info, chunkSize }), chunkSize);
}

/** Like {@link openStream}, for what {@link sealToMany} sealed. @throws likewise */
export async function* openFromMany({
  source,
  ...from
}: {
  source: ByteSource;
  privateKey: HpkePrivateKey;
  wrapped: WrappedKey;
  info: Uint8Array;
  chunkSize?: number;
}): AsyncGenerator<Bytes, void> {
  yield* openChunks(source, await createOpenerFromMany(from));
}

async function* sealChunks(
  source: ByteSource,
  chunkSize: number,
  seal: (chunk: Uint8Array, last: boolean) => Bytes,
): AsyncGenerator<Bytes, void> {
  for await (const { bytes, last } of rechunk(source, chunkSize)) yield seal(bytes, last);
}

async function* openChunks(source: ByteSource, opener: ChunkOpener): AsyncGenerator<Bytes, void> {
  let index = 0;
  for await (const { bytes, last } of rechunk(source, opener.chunkSize + tagLength)) {
    yield opener.open(index, bytes, last);
    index += 1;
  }
}

/** The export's context: the label and the chunk size, so that both sides cut alike or nothing opens. */
function streamContext(chunkSize: number): Bytes {
  return concatBytes(utf8(labels.streamKey), Uint8Array.of(0), chunkSizeBytes(chunkSize));
}

/** The content key itself encrypts nothing: what is sealed under it is bound to the same info as its wrapping (HKDF, RFC 5869). */
function contentStreamKey({
  contentKey,
  info,
  chunkSize,
}: {
  contentKey: Bytes;
  info: Uint8Array;
  chunkSize: number;
}): Bytes {
  const context = labelledSha256(labels.streamKey, chunkSizeBytes(chunkSize), info);
  return new Uint8Array(hkdfSync('sha256', contentKey, new Uint8Array(), context, 32));
}

function chunkSizeBytes(chunkSize: number): Bytes {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, requireChunkSize(chunkSize));
  return size;
}
