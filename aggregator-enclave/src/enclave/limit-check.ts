// One contribution's integers against its task's limits, as they stream in. The enclave computes every norm itself: what a site says of its
// own is nowhere asked.
import { compareNorm, sumOfSquares } from '@wardround/protocol/fixed-point';
import type { IntegerRun } from '@wardround/protocol/payload-reader';
import type { RoundTask, TensorLimit } from '@wardround/learning/rounds/round-task';
import { refusal } from './admission.ts';

type Range = Extract<TensorLimit, { kind: 'range' }>;

interface Norm {
  readonly bound: string;
  readonly stepLog2: number;
  squares: bigint;
}

export class LimitCheck {
  readonly #limits: readonly TensorLimit[];
  readonly #norms = new Map<string, Norm>();

  constructor({ tensors, limits }: Pick<RoundTask, 'tensors' | 'limits'>) {
    this.#limits = limits;
    limits.forEach((limit, i) => {
      if (limit.kind === 'norm')
        this.#norms.set(limit.group, { bound: limit.bound, stepLog2: tensors[i]?.stepLog2 ?? 0, squares: 0n });
    });
  }

  /** Before the run is added to any sum. @throws WardroundError `contribution-range` at the first integer beyond its tensor's range */
  see({ tensor, values }: IntegerRun): void {
    const limit = this.#limits[tensor];
    if (limit?.kind === 'range') requireRange(values, limit);
    else this.#square(limit?.group ?? '', values);
  }

  /** Once the whole payload was seen. @throws WardroundError `contribution-norm` */
  requireNorms(): void {
    for (const { bound, stepLog2, squares } of this.#norms.values()) {
      if (compareNorm(squares, bound, stepLog2) > 0) throw refusal('contribution-norm', 'longer than the plan allows');
    }
  }

  #square(group: string, values: IntegerRun['values']): void {
    const norm = this.#norms.get(group);
    // A task has a limit for each of its tensors (`requireSummable`); an integer without one is never added.
    if (norm === undefined) throw refusal('contribution-range', 'a tensor without a limit');
    norm.squares += sumOfSquares(values);
  }
}

function requireRange(values: IntegerRun['values'], { least, most }: Range): void {
  if (values instanceof Int32Array ? isWithin32(values, least, most) : isWithin64(values, least, most)) return;
  throw refusal('contribution-range', 'an integer beyond the range that the plan allows');
}

/** Both ends are int32 themselves (`requireSummable`). */
function isWithin32(values: Int32Array, least: bigint, most: bigint): boolean {
  const [from, to] = [Number(least), Number(most)];
  return values.every((value) => value >= from && value <= to);
}

function isWithin64(values: BigInt64Array, least: bigint, most: bigint): boolean {
  return values.every((value) => value >= least && value <= most);
}
