// The pages that one connection waits for. A page leaves only when it was asked for, so nothing piles up for a slow or silent reader.
import { WardroundError } from '@wardround/protocol/errors';
import type { FollowRequest, Page } from '@wardround/protocol/relay-wire';
import type { BoardStore } from './store/board-store.ts';

/** An empty page after this long tells the client that the connection still lives. */
const patienceMilliseconds = 25_000;

export class Followers {
  readonly #board: BoardStore;
  readonly #limit: number;
  readonly #waiting = new Map<number, AbortController>();

  constructor({ board, limit }: { board: BoardStore; limit: number }) {
    this.#board = board;
    this.#limit = limit;
  }

  /** @throws WardroundError `follow-limit`, `follow-repeated` */
  async page({ id, topic, after, chain, wait }: FollowRequest): Promise<Page> {
    if (this.#waiting.has(id)) throw new WardroundError('follow-repeated', 'a page with this id is already waited for');
    if (this.#waiting.size >= this.#limit) {
      throw new WardroundError('follow-limit', 'too many pages waited for at a time', {
        expected: `at most ${this.#limit}`,
        action: 'retry',
      });
    }
    const stop = new AbortController();
    this.#waiting.set(id, stop);
    const timer = setTimeout(() => stop.abort(), patienceMilliseconds);
    try {
      for (;;) {
        const changed = this.#board.changed(topic, stop.signal);
        const page = await this.#board.page(topic, { after, chain });
        if (!wait || page.records.length > 0 || page.rewound || stop.signal.aborted) return page;
        await changed;
      }
    } finally {
      clearTimeout(timer);
      stop.abort();
      this.#waiting.delete(id);
    }
  }

  stop(id: number): void {
    this.#waiting.get(id)?.abort();
  }

  close(): void {
    for (const stop of this.#waiting.values()) stop.abort();
  }
}
