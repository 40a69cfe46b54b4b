// The board over the network: publishing until it is durable, following across broken connections and lost stores.
import { WardroundError } from '@wardround/protocol/errors';
import type { Board, BoardRecord, Topic } from '@wardround/protocol/relay-port';
import {
  firstChain,
  nextChain,
  type Page,
  pageSchema,
  publishedSchema,
  publishSchema,
  recordDigest,
} from '@wardround/protocol/relay-wire';
import type { Keeper } from './keeper.ts';
import { isTransient } from './waiting.ts';

export interface BoardParts {
  readonly keeper: Keeper;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** The coordinator no longer knows where a follower stood: it lost records, and this party should return those that it holds. */
  readonly onRewind: (topic: Topic) => void;
}

interface Place {
  readonly after: number;
  /** Null where the records before were not read through this follower. */
  readonly chain: string | null;
}

export class BoardClient implements Board {
  readonly #parts: BoardParts;
  #lastId = 0;

  constructor(parts: BoardParts) {
    this.#parts = parts;
  }

  /** @throws WardroundError `record-invalid`, `relay-aborted`, and the coordinator's refusals (`publish-*`, `document-*`, `jws-*`, `json-*`) */
  async publish(topic: Topic, jws: string): Promise<void> {
    const { keeper, signal } = this.#parts;
    const body = publishSchema.safeParse({ topic, jws });
    if (!body.success)
      throw new WardroundError('record-invalid', 'not a record that a board could take', { got: topic });
    await keeper.perform({
      operation: async (session) =>
        await session.request({ event: 'publish', body: body.data, answer: publishedSchema, signal }),
    });
  }

  /** Ends quietly when `signal` aborts. @throws WardroundError `relay-aborted` when the connection is closed, and the coordinator's refusals */
  async *follow(
    topic: Topic,
    { after, signal }: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<BoardRecord, void> {
    const either = AbortSignal.any([signal, this.#parts.signal]);
    let place: Place = startingAt(topic, after);
    while (!signal.aborted) {
      const page = await this.#page({ topic, place, wait: true, signal: either }).catch((error: unknown) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (page === null) return;
      if (page.rewound) this.#parts.onRewind(topic);
      place = page.rewound ? startingAt(topic, 0) : place;
      for (const { sequence, jws } of page.records) {
        if (signal.aborted) return;
        place = { after: sequence, chain: place.chain === null ? null : nextChain(place.chain, recordDigest(jws)) };
        yield { topic, sequence, jws };
      }
    }
  }

  /** The topic as it is now, then the end. @throws WardroundError `relay-aborted`, and the coordinator's refusals */
  async *snapshot(topic: Topic): AsyncGenerator<BoardRecord, void> {
    const { signal } = this.#parts;
    for (let place = startingAt(topic, 0); ;) {
      const page = await this.#page({ topic, place, wait: false, signal });
      for (const { sequence, jws } of page.records) {
        place = { after: sequence, chain: null };
        yield { topic, sequence, jws };
      }
      if (page.end) return;
    }
  }

  async #page({ topic, place, wait, signal }: PageRequest): Promise<Page> {
    return await this.#parts.keeper.perform({
      signal,
      retryable: (error) => isTransient(error) && !signal.aborted,
      operation: async (session) => {
        this.#lastId += 1;
        const id = this.#lastId;
        try {
          const body = { id, topic, ...place, wait };
          return inOrder(await session.request({ event: 'follow', body, answer: pageSchema, signal }), place);
        } finally {
          if (signal.aborted && session.isOpen) session.tell('unfollow', { id });
        }
      },
    });
  }
}

interface PageRequest {
  readonly topic: Topic;
  readonly place: Place;
  readonly wait: boolean;
  readonly signal: AbortSignal;
}

function startingAt(topic: Topic, after: number): Place {
  return { after, chain: after === 0 ? firstChain(topic) : null };
}

/** A page whose numbers do not go on from the place was not made by a coordinator that works. */
function inOrder(page: Page, place: Place): Page {
  const first = page.rewound ? 0 : place.after;
  for (const [index, record] of page.records.entries()) {
    if (record.sequence !== first + index + 1) {
      throw new WardroundError('relay-protocol', 'a page out of order', {
        expected: `record ${first + index + 1}`,
        got: `record ${record.sequence}`,
        action: 'retry',
      });
    }
  }
  return page;
}
