// Public, reproducible chance: a SHA-256 counter stream under a domain label. For initial weights, batches, splits and synthetic data only;
// nothing secret may ever be drawn from it, because everybody who knows the plan can draw the same.
import { type Bytes, concatBytes, labelledSha256 } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { WardroundError } from './errors.ts';
import type { JsonValue } from './json-scanner.ts';
import type { Label } from './labels.ts';

const wordsPerBlock = 8;

/**
 * A stream of uniform integers fixed by (label, context): block i = SHA-256(label ‖ 0 ‖ key ‖ i as u64 big-endian), with
 * key = SHA-256(label ‖ 0 ‖ canonical JSON of the context). Integers and exact divisions only, so it is the same on every machine.
 */
export class SeededRandom {
  readonly #label: Label;
  readonly #key: Bytes;
  #block: DataView;
  #nextBlock = 0;
  #word = wordsPerBlock;

  constructor(label: Label, context: JsonValue) {
    this.#label = label;
    this.#key = labelledSha256(label, canonicalJson(context));
    this.#block = new DataView(this.#key.buffer);
  }

  /** Uniform in [0, 2³²). */
  uint32(): number {
    if (this.#word === wordsPerBlock) this.#refill();
    const value = this.#block.getUint32(4 * this.#word);
    this.#word += 1;
    return value;
  }

  /** Uniform in [0, 1), a multiple of 2⁻³². */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Uniform in [0, bound), without bias. @throws WardroundError `random-bound` unless 1 ≤ bound ≤ 2³² */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x1_0000_0000) {
      throw new WardroundError('random-bound', 'not a bound to draw below', { got: String(bound) });
    }
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** A uniformly random order of 0 … count − 1 (Fisher–Yates). */
  permutation(count: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      const moved = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = moved;
    }
    return order;
  }

  #refill(): void {
    const counter = new DataView(new ArrayBuffer(8));
    counter.setBigUint64(0, BigInt(this.#nextBlock));
    const block = labelledSha256(this.#label, concatBytes(this.#key, new Uint8Array(counter.buffer)));
    this.#block = new DataView(block.buffer);
    this.#nextBlock += 1;
    this.#word = 0;
  }
}
