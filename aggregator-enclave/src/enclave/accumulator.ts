// Exact weighted sums of integers: one 64-bit sum for each coordinate of a round's tensors, whatever the number of sites.
import { WardroundError } from '@wardround/protocol/errors';
import { kernelWasm } from './kernel-wasm.ts';

/** Name of what adds, as receipts carry it. */
export const accumulatorBackend = 'wasm-simd-int64';

const pageBytes = 65_536;
const maxPages = 65_536;
/** Where values wait for the kernel: 1 MiB at address 0, the sums behind it. */
const stagingValues = 2 ** 18;
const stagingBytes = 4 * stagingValues;
/** One weight; all weights of a round together stay below 2³², so for int32 |Σ| ≤ 2³¹ · (2³² − 1) < 2⁶³. For int64 the task's limits prove it. */
const maxWeight = 2 ** 31 - 1;

/** A stretch of one tensor's integers. */
export interface Run {
  readonly tensor: number;
  /** Index of the first value in the tensor. */
  readonly start: number;
  readonly values: Int32Array | BigInt64Array;
}

/** Addresses of the sums and of the values, their count, the weight: kernel.wat. */
type Accumulate = (...call: readonly [sums: number, values: number, count: number, weight: number]) => void;

/**
 * Sums are integers modulo 2⁶⁴: adding and subtracting the same run leaves every bit as it was, in any order. Who adds owes that all
 * weights together stay below 2³² and that the task was proven summable; then what is left at the close never wrapped.
 */
export class Accumulator {
  #lengths: readonly number[];
  /** Byte address of each tensor's sums. */
  #places: readonly number[];
  #memory: WebAssembly.Memory;
  #accumulate: Accumulate;

  /** @param lengths number of coordinates of each tensor @throws WardroundError `accumulator-too-large` beyond 4 GiB of sums */
  constructor(lengths: readonly number[]) {
    this.#memory = memoryOf(pagesFor(lengths));
    this.#accumulate = instantiate(this.#memory);
    this.#lengths = lengths;
    this.#places = placesOf(lengths);
  }

  /**
   * All sums 0, for tensors of these lengths. The same memory serves every attempt of a session; it is replaced only by a larger one.
   *
   * @throws WardroundError `accumulator-too-large` beyond 4 GiB of sums
   */
  begin(lengths: readonly number[]): void {
    const pages = pagesFor(lengths);
    if (pages * pageBytes > this.#memory.buffer.byteLength) {
      this.#memory = memoryOf(pages);
      this.#accumulate = instantiate(this.#memory);
    }
    this.#lengths = lengths;
    this.#places = placesOf(lengths);
    this.clear();
  }

  /** All sums 0. */
  clear(): void {
    for (const sums of this.sums()) sums.fill(0n);
  }

  /** sums += weight · values. @throws WardroundError `accumulator-range` */
  add(run: Run, weight: number): void {
    this.#apply(run, requireWeight(weight));
  }

  /** Takes back exactly what {@link add} added. @throws WardroundError `accumulator-range` */
  subtract(run: Run, weight: number): void {
    this.#apply(run, -requireWeight(weight));
  }

  /** The sums, one view a tensor; they change with every further `add`. */
  sums(): readonly BigInt64Array<ArrayBuffer>[] {
    return this.#places.map((place, i) => new BigInt64Array(this.#memory.buffer, place, this.#lengths[i] ?? 0));
  }

  #apply({ tensor, start, values }: Run, weight: number): void {
    const place = this.#places[tensor];
    const length = this.#lengths[tensor];
    if (place === undefined || length === undefined || start < 0 || start + values.length > length) {
      throw new WardroundError('accumulator-range', 'outside the sums', { action: 'stop' });
    }
    if (values instanceof Int32Array) this.#apply32(place + 8 * start, values, weight);
    else this.#apply64(place + 8 * start, values, BigInt(weight));
  }

  #apply32(address: number, values: Int32Array, weight: number): void {
    const staging = new Int32Array(this.#memory.buffer, 0, stagingValues);
    for (let at = 0; at < values.length; at += stagingValues) {
      const part = values.subarray(at, at + stagingValues);
      staging.set(part);
      this.#accumulate(address + 8 * at, 0, part.length, weight);
    }
  }

  /** Modulo 2⁶⁴ as the kernel: a product or sum beyond 64 bits loses the same high bits when it is added and when it is taken back. */
  #apply64(address: number, values: BigInt64Array, weight: bigint): void {
    const sums = new BigInt64Array(this.#memory.buffer, address, values.length);
    for (let i = 0; i < values.length; i += 1) {
      sums[i] = BigInt.asIntN(64, (sums[i] ?? 0n) + BigInt.asIntN(64, weight * (values[i] ?? 0n)));
    }
  }
}

function placesOf(lengths: readonly number[]): readonly number[] {
  let end = stagingBytes;
  return lengths.map((length) => {
    const place = end;
    end += 8 * length;
    return place;
  });
}

function pagesFor(lengths: readonly number[]): number {
  const end = lengths.reduce((sum, length) => sum + 8 * length, stagingBytes);
  const pages = Math.ceil(end / pageBytes);
  if (Number.isSafeInteger(end) && pages <= maxPages) return pages;
  throw new WardroundError('accumulator-too-large', 'the round has more coordinates than this enclave can sum', {
    expected: `at most ${((maxPages * pageBytes - stagingBytes) / 8).toString()}`,
  });
}

function memoryOf(pages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

function requireWeight(weight: number): number {
  if (!Number.isInteger(weight) || weight < 1 || weight > maxWeight) {
    throw new WardroundError('accumulator-range', 'not a weight', { expected: `1 to ${maxWeight}`, action: 'stop' });
  }
  return weight;
}

function instantiate(memory: WebAssembly.Memory): Accumulate {
  const module = new WebAssembly.Module(Buffer.from(kernelWasm, 'base64'));
  const { accumulate } = new WebAssembly.Instance(module, { enclave: { memory } }).exports;
  if (typeof accumulate !== 'function') {
    throw new WardroundError('accumulator-kernel', 'the kernel does not export what it should', { action: 'stop' });
  }
  return (...call) => {
    accumulate(...call);
  };
}
