// The sealed chunks of one contribution, fetched in any order and as often as needed: from the relay once, then from the spool.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { Blob } from '@wardround/protocol/documents/primitives';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { type BlobManifest, parseManifest, requireChunk } from '@wardround/protocol/manifest';
import { defaultChunkSize, tagLength } from '@wardround/protocol/stream-chunks';
import { refusal } from './admission.ts';
import type { Clock, ChunkSpool, Ports } from './ports.ts';

const sealedChunkSize = defaultChunkSize + tagLength;
/** How long a relay may take for one chunk when the deadline is near or past. */
const patienceMilliseconds = 30_000;

/** The relay did not serve it in time. Nothing is proven against the site; the caller tries again until its deadline. */
export function unavailable(cause?: unknown): WardroundError {
  return new WardroundError('chunk-unavailable', 'the relay did not serve a chunk', { action: 'retry', cause });
}

export class SealedChunks {
  readonly manifest: BlobManifest;
  readonly #fetcher: Fetcher;

  private constructor(manifest: BlobManifest, fetcher: Fetcher) {
    this.manifest = manifest;
    this.#fetcher = fetcher;
  }

  /** @throws WardroundError `contribution-manifest`, `chunk-unavailable` */
  static async locate(blob: Blob, { ports, deadline }: { ports: Ports; deadline: Date }): Promise<SealedChunks> {
    const fetcher = new Fetcher(ports, deadline);
    const bytes = await fetcher.get(blob.manifest);
    return new SealedChunks(readManifest(bytes, blob), fetcher);
  }

  get count(): number {
    return this.manifest.chunks.length;
  }

  /** Chunk `index` as it was named. @throws WardroundError `contribution-chunks`, `chunk-unavailable` */
  async read(index: number): Promise<Bytes> {
    const bytes = await this.#fetcher.get(this.manifest.chunks[index] ?? '');
    try {
      return copyBytes(requireChunk(this.manifest, index, bytes));
    } catch (cause) {
      throw refusal('contribution-chunks', 'a chunk of another length than the manifest says', cause);
    }
  }
}

/** Gets chunks by digest; what the relay served once stays in the spool. */
class Fetcher {
  readonly #relay: Ports['relay'];
  readonly #spool: ChunkSpool;
  readonly #clock: Clock;
  readonly #deadline: Date;

  constructor({ relay, spool, clock }: Ports, deadline: Date) {
    this.#relay = relay;
    this.#spool = spool;
    this.#clock = clock;
    this.#deadline = deadline;
  }

  async get(digest: string): Promise<Bytes> {
    const spooled = await this.#spool.get(digest);
    if (spooled !== null) return spooled;
    const bytes = await this.#fetch(digest);
    await this.#spool.put(digest, bytes);
    return bytes;
  }

  /** A relay that never answers must not hold up the others beyond the deadline. */
  async #fetch(digest: string): Promise<Bytes> {
    const settled = new AbortController();
    const patience = new Date(this.#clock.now().getTime() + patienceMilliseconds);
    const until = this.#deadline > patience ? this.#deadline : patience;
    const late = this.#clock.sleep(until, settled.signal).then(() => null);
    try {
      const bytes = await Promise.race([this.#relay.chunks.get(digest), late]);
      if (bytes === null) throw unavailable();
      return bytes;
    } catch (cause) {
      throw hasCode(cause, 'chunk-unavailable') ? cause : unavailable(cause);
    } finally {
      settled.abort();
    }
  }
}

function readManifest(bytes: Bytes, blob: Blob): BlobManifest {
  try {
    const manifest = parseManifest(bytes, blob);
    if (manifest.chunkSize !== sealedChunkSize) throw new WardroundError('manifest-invalid', 'cut at other places');
    return manifest;
  } catch (cause) {
    throw refusal('contribution-manifest', 'not the manifest of a sealed payload', cause);
  }
}
