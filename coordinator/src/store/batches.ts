// Many small durable writes as few commits: what arrives while one commit is being synced goes together into the next.

export interface BatchLimits<Item> {
  readonly maxItems: number;
  /** A batch ends before this weight, unless its first item alone is heavier. */
  readonly maxWeight: number;
  readonly weightOf: (item: Item) => number;
}

/**
 * Returns a function that queues an item and resolves with its result once the batch it went in is durable.
 *
 * @param write all items of a batch or none; results in the items' order
 * @throws what `write` throws, to every item of that batch
 */
export function batched<Item, Result>(
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
  { maxItems, maxWeight, weightOf }: BatchLimits<Item>,
): (item: Item) => Promise<Result> {
  interface Waiting {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  const queue: Waiting[] = [];
  let writing = false;

  async function drain(): Promise<void> {
    if (writing) return;
    writing = true;
    while (queue.length > 0) await writeOne(queue.splice(0, batchLength()));
    writing = false;
  }

  function batchLength(): number {
    let weight = 0;
    const limit = queue.slice(0, maxItems).findIndex(({ item }) => (weight += weightOf(item)) > maxWeight);
    return limit === -1 ? maxItems : Math.max(1, limit);
  }

  async function writeOne(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await write(batch.map((waiting) => waiting.item));
      for (const [index, result] of results.entries()) batch[index]?.resolve(result);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  return async (item) => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    queue.push({ item, resolve, reject });
    void drain();
    return await promise;
  };
}
