// The board on disk: records are appended durably, numbered without gaps in each topic, kept once, and read in pages.
import type { Kysely, Transaction } from 'kysely';
import { WardroundError } from '@wardround/protocol/errors';
import {
  firstChain,
  maxPageLength,
  maxPageRecords,
  nextChain,
  type Page,
  recordDigest,
} from '@wardround/protocol/relay-wire';
import type { Topic } from '@wardround/protocol/relay-port';
import { batched } from './batches.ts';
import type { Tables, TopicsTable } from './tables.ts';

export interface NewRecord {
  readonly topic: Topic;
  readonly kind: string;
  readonly document: string;
  readonly signer: string;
  readonly jws: string;
}

/** Where a reader stands: after which number, and the chain it computed up to there (null where it did not). */
export interface Place {
  readonly after: number;
  readonly chain: string | null;
}

type Numbered = NewRecord & { readonly digest: string };

export class BoardStore {
  /** Resolves with the record's number when it is durable. @throws WardroundError `store-failed` */
  readonly append: (record: NewRecord) => Promise<number>;
  readonly #db: Kysely<Tables>;
  readonly #now: () => Date;
  readonly #wakers = new Map<Topic, Set<() => void>>();

  constructor({ db, now }: { db: Kysely<Tables>; now: () => Date }) {
    this.#db = db;
    this.#now = now;
    this.append = batched(async (records) => await this.#appendAll(records), {
      maxItems: 256,
      maxWeight: 16 * 1024 * 1024,
      weightOf: (record) => record.jws.length,
    });
  }

  /** The records after a place, as many as a page holds. A place that this store does not know is read as the beginning. */
  async page(topic: Topic, place: Place): Promise<Page> {
    const known = await this.#knows(topic, place);
    const after = known ? place.after : 0;
    const sizes = await this.#db
      .selectFrom('records')
      .select(['sequence', 'length'])
      .where('topic', '=', topic)
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(maxPageRecords + 1)
      .execute();
    const last = lastOfPage(sizes);
    const records =
      last === null
        ? []
        : await this.#db
            .selectFrom('records')
            .select(['sequence', 'jws'])
            .where('topic', '=', topic)
            .where('sequence', '>', after)
            .where('sequence', '<=', last)
            .orderBy('sequence')
            .execute();
    return { records, rewound: !known, end: sizes.length === records.length };
  }

  /** Resolves at the topic's next record, or when the signal aborts. Ask before reading the page, or the record in between is missed. */
  async changed(topic: Topic, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wakers = this.#wakers.get(topic) ?? new Set();
    this.#wakers.set(topic, wakers.add(resolve));
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    wakers.delete(resolve);
    if (wakers.size === 0 && this.#wakers.get(topic) === wakers) this.#wakers.delete(topic);
  }

  /** All records of these kinds in a topic, in order. */
  async ofKinds(topic: Topic, kinds: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('records')
      .select('jws')
      .where('topic', '=', topic)
      .where('kind', 'in', kinds)
      .orderBy('sequence')
      .execute();
    return rows.map((row) => row.jws);
  }

  /** Whether the `federation` topic has a StudyPlan with this digest. */
  async hasStudy(document: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('records')
      .select('sequence')
      .where('topic', '=', 'federation')
      .where('kind', '=', 'StudyPlan')
      .where('document', '=', document)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  async #knows(topic: Topic, { after, chain }: Place): Promise<boolean> {
    if (after === 0) return true;
    const row = await this.#db
      .selectFrom('records')
      .select('chain')
      .where('topic', '=', topic)
      .where('sequence', '=', after)
      .executeTakeFirst();
    return row !== undefined && (chain === null || row.chain === chain);
  }

  async #appendAll(records: readonly NewRecord[]): Promise<readonly number[]> {
    const byTopic = Map.groupBy(
      records.map((record) => ({ ...record, digest: recordDigest(record.jws) })),
      (record) => record.topic,
    );
    const numbers = new Map<string, number>();
    try {
      await this.#db.transaction().execute(async (transaction) => {
        // Topics in one order, so that two writers cannot wait for each other.
        for (const topic of [...byTopic.keys()].toSorted()) {
          const given = await this.#appendTopic(transaction, topic, byTopic.get(topic) ?? []);
          for (const [digest, sequence] of given) numbers.set(`${topic} ${digest}`, sequence);
        }
      });
    } catch (cause) {
      throw new WardroundError('store-failed', 'the store could not keep the record', { action: 'retry', cause });
    }
    for (const topic of byTopic.keys()) this.#wake(topic);
    return records.map((record) => numbers.get(`${record.topic} ${recordDigest(record.jws)}`) ?? 0);
  }

  async #appendTopic(
    transaction: Transaction<Tables>,
    topic: Topic,
    records: readonly Numbered[],
  ): Promise<ReadonlyMap<string, number>> {
    let head = await lockHead(transaction, topic);
    const digests = [...new Set(records.map((record) => record.digest))];
    const given = await numbersOf(transaction, topic, digests);
    const rows = [];
    for (const record of records) {
      if (given.has(record.digest)) continue;
      head = { ...head, last_sequence: head.last_sequence + 1, chain: nextChain(head.chain, record.digest) };
      given.set(record.digest, head.last_sequence);
      rows.push({
        ...record,
        sequence: head.last_sequence,
        length: record.jws.length,
        chain: head.chain,
        received_at: this.#now().toISOString(),
      });
    }
    if (rows.length > 0) {
      await transaction.insertInto('records').values(rows).execute();
      await transaction
        .updateTable('topics')
        .set({ last_sequence: head.last_sequence, chain: head.chain })
        .where('topic', '=', topic)
        .execute();
    }
    return given;
  }

  #wake(topic: Topic): void {
    for (const wake of this.#wakers.get(topic) ?? []) wake();
  }
}

/** Makes the topic's row if there is none, and holds it until the transaction ends: numbers are given one writer at a time. */
async function lockHead(transaction: Transaction<Tables>, topic: Topic): Promise<TopicsTable> {
  await transaction
    .insertInto('topics')
    .values({ topic, last_sequence: 0, chain: firstChain(topic) })
    .onConflict((conflict) => conflict.column('topic').doNothing())
    .execute();
  // An update that changes nothing takes the row's lock on PostgreSQL, the writer's lock on SQLite.
  return await transaction
    .updateTable('topics')
    .set((column) => ({ last_sequence: column.ref('last_sequence') }))
    .where('topic', '=', topic)
    .returningAll()
    .executeTakeFirstOrThrow();
}

async function numbersOf(
  transaction: Transaction<Tables>,
  topic: Topic,
  digests: readonly string[],
): Promise<Map<string, number>> {
  const rows = await transaction
    .selectFrom('records')
    .select(['digest', 'sequence'])
    .where('topic', '=', topic)
    .where('digest', 'in', digests)
    .execute();
  return new Map(rows.map((row) => [row.digest, row.sequence]));
}

function lastOfPage(sizes: readonly { sequence: number; length: number }[]): number | null {
  let last: number | null = null;
  let total = 0;
  for (const { sequence, length } of sizes.slice(0, maxPageRecords)) {
    total += length;
    if (last !== null && total > maxPageLength) break;
    last = sequence;
  }
  return last;
}
