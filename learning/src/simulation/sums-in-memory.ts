// Exact sums of contributions, as the enclave makes them: integers modulo 2⁶⁴, whatever the order.
import { elementsOf } from '@wardround/protocol/payload';
import type { ClosedContributions, Integers, RoundTask } from '../rounds/round-task.ts';

export class SumsInMemory {
  readonly #task: RoundTask;
  readonly #sums: readonly BigInt64Array[];
  readonly #each: { readonly weight: number; readonly integers: Integers }[] = [];

  constructor(task: RoundTask) {
    this.#task = task;
    this.#sums = task.tensors.map((header) => new BigInt64Array(elementsOf(header)));
  }

  add(integers: Integers, weight: number): void {
    if (this.#task.reads === 'each') this.#each.push({ weight, integers });
    this.#task.tensors.forEach(({ weighting }, i) => {
      addTo(this.#sums[i], integers[i], weighting === 'byEnclave' ? weight : 1);
    });
  }

  result(): Pick<ClosedContributions, 'sums' | 'each'> {
    return { sums: this.#sums, each: this.#each };
  }
}

function addTo(sums: BigInt64Array | undefined, values: Int32Array | BigInt64Array | undefined, weight: number): void {
  if (sums === undefined || values === undefined) return;
  const factor = BigInt(weight);
  // The product of an int32 and a weight up to 2²¹ is exact in a double, and far cheaper than a BigInt's.
  const isSmall = values instanceof Int32Array && weight <= 0x20_0000;
  for (let i = 0; i < sums.length; i += 1) {
    const value = values[i] ?? 0;
    sums[i] =
      (sums[i] ?? 0n) + (isSmall && typeof value === 'number' ? BigInt(value * weight) : BigInt(value) * factor);
  }
}
