// Chunks over HTTP: tried again while the network fails, and never believed without their digest.
import { request } from 'undici';
import { type Bytes, concatBytes } from '@wardround/protocol/bytes';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { chunkDigest, maxChunkSize } from '@wardround/protocol/manifest';
import { digestsSchema, maxMissingQuery, refusalOf } from '@wardround/protocol/relay-wire';
import type { ChunkStore } from '@wardround/protocol/relay-port';
import type { Keeper } from './keeper.ts';
import type { Route } from './route.ts';
import type { Session } from './session.ts';
import { aborted, isTransient } from './waiting.ts';

/** A chunk that comes spoiled so many times is spoiled where it is kept. */
const triesForDigest = 3;
const answerLimit = 1024 * 1024;
/** As long as the largest chunk takes on a slow line. */
const silenceMilliseconds = 300_000;

export interface ChunkParts {
  readonly keeper: Keeper;
  readonly route: Route;
  readonly signal: AbortSignal;
}

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array | string };
  readonly limit: number;
}

export class ChunkClient implements ChunkStore {
  readonly #parts: ChunkParts;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** @throws WardroundError `chunk-digest` before anything is sent, `chunk-quota`, `chunk-forbidden`, `chunk-too-large`, `relay-aborted` */
  async put(digest: string, bytes: Bytes): Promise<void> {
    if (chunkDigest(bytes) !== digest) throw new WardroundError('chunk-digest', 'not the chunk that was named');
    const body = { type: 'application/octet-stream', bytes };
    await this.#call({ method: 'PUT', path: `/v1/chunks/${digest}`, body, limit: answerLimit }, () => undefined);
  }

  async missing(digests: readonly string[]): Promise<readonly string[]> {
    const absent: string[] = [];
    for (let from = 0; from < digests.length; from += maxMissingQuery) {
      absent.push(...(await this.#missing(digests.slice(from, from + maxMissingQuery))));
    }
    return absent;
  }

  /** @throws WardroundError `chunk-missing`, `chunk-digest` (what came was wrong each time), `relay-aborted` */
  async get(digest: string): Promise<Bytes> {
    for (let attempt = 1; ; attempt += 1) {
      const bytes = await this.#call({ method: 'GET', path: `/v1/chunks/${digest}`, limit: maxChunkSize }, asTheyCame);
      if (chunkDigest(bytes) === digest) return bytes;
      if (attempt === triesForDigest) {
        throw new WardroundError('chunk-digest', 'not the chunk that was asked for', {
          expected: digest,
          action: 'retry',
        });
      }
    }
  }

  async #missing(digests: readonly string[]): Promise<readonly string[]> {
    const asked = new Set(digests);
    const body = { type: 'application/json', bytes: JSON.stringify({ digests }) };
    return await this.#call({ method: 'POST', path: '/v1/chunks/missing', body, limit: answerLimit }, (answer) => {
      const parsed = digestsSchema.safeParse(parseJson(answer));
      if (parsed.success && parsed.data.digests.every((digest) => asked.has(digest))) return parsed.data.digests;
      throw new WardroundError('relay-protocol', 'the coordinator answered with something else', { action: 'retry' });
    });
  }

  /** `read` may refuse what came, so that it is asked for again. */
  async #call<T>(call: Call, read: (answer: Bytes) => T): Promise<T> {
    return await this.#parts.keeper.perform({
      operation: async (session) => read(await this.#once(session, call)),
      retryable: (error) => isTransient(error) && !hasCode(error, 'chunk-missing'),
    });
  }

  async #once(session: Session, call: Call): Promise<Bytes> {
    const { status, bytes } = await this.#exchange(session, call);
    if (status === 200) return bytes;
    const refusal = refusalOf(parseJson(bytes));
    if (status === 401) await session.renew(this.#parts.signal);
    if (refusal !== null) throw refusal;
    throw new WardroundError('relay-unreachable', 'not an answer of the coordinator', {
      got: `HTTP ${status}`,
      action: 'retry',
    });
  }

  async #exchange(session: Session, { method, path, body, limit }: Call): Promise<{ status: number; bytes: Bytes }> {
    const { route, signal } = this.#parts;
    try {
      const { statusCode, body: answer } = await request(`${route.origin}${path}`, {
        method,
        dispatcher: route.dispatcher,
        headers: {
          authorization: `Bearer ${session.accessToken}`,
          ...(body === undefined ? {} : { 'content-type': body.type }),
        },
        body: body?.bytes ?? null,
        headersTimeout: silenceMilliseconds,
        bodyTimeout: silenceMilliseconds,
        signal,
      });
      return { status: statusCode, bytes: await readLimited(answer, statusCode === 200 ? limit : answerLimit) };
    } catch (error) {
      if (signal.aborted) throw aborted(error);
      if (error instanceof WardroundError) throw error;
      throw new WardroundError('relay-unreachable', 'the request failed', {
        where: method,
        action: 'retry',
        cause: error,
      });
    }
  }
}

const asTheyCame = (bytes: Bytes): Bytes => bytes;

async function readLimited(body: AsyncIterable<Uint8Array>, limit: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of body) {
    total += part.byteLength;
    // Leaving the loop destroys the response: a hostile coordinator cannot fill our memory.
    if (total > limit) throw new WardroundError('relay-protocol', 'an answer larger than any', { action: 'retry' });
    parts.push(part);
  }
  return concatBytes(...parts);
}

function parseJson(bytes: Bytes): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
}
