// One contribution's integers held side by side with the others', for rules that select among them; every other task holds none.
import { bytesPerInteger, elementsOf } from '@wardround/protocol/payload';
import { WardroundError } from '@wardround/protocol/errors';
import type { IntegerRun } from '@wardround/protocol/payload-reader';
import type { Integers, RoundTask } from '@wardround/learning/rounds/round-task';

/** All contributions of a round together, in memory beside the sums. */
const mostKeptBytes = 4 * 1024 ** 3;

/** @param sites of the plan's roster @throws WardroundError `plan-unsupported` where so many contributions could not be held side by side */
export function requireHoldable({ tensors, reads }: Pick<RoundTask, 'tensors' | 'reads'>, sites: number): void {
  if (reads === 'sums') return;
  const bytes = sites * tensors.reduce((sum, header) => sum + elementsOf(header) * bytesPerInteger(header.ring), 0);
  if (bytes <= mostKeptBytes) return;
  throw new WardroundError('plan-unsupported', 'a rule that selects among contributions holds them side by side', {
    where: 'strategy.name',
    expected: `at most ${mostKeptBytes} bytes of contributions`,
    got: String(bytes),
  });
}

export class KeptIntegers {
  #arrays: readonly (Int32Array | BigInt64Array)[];

  constructor({ tensors, reads }: Pick<RoundTask, 'tensors' | 'reads'>) {
    this.#arrays =
      reads === 'sums'
        ? []
        : tensors.map((header) =>
            header.ring === 'int32' ? new Int32Array(elementsOf(header)) : new BigInt64Array(elementsOf(header)),
          );
  }

  /** The reader overwrites its runs: they are copied. */
  see({ tensor, start, values }: IntegerRun): void {
    const kept = this.#arrays[tensor];
    if (kept instanceof Int32Array && values instanceof Int32Array) kept.set(values, start);
    else if (kept instanceof BigInt64Array && values instanceof BigInt64Array) kept.set(values, start);
  }

  /** What was seen; this keeps nothing afterwards. */
  take(): Integers {
    const arrays = this.#arrays;
    this.#arrays = [];
    return arrays;
  }
}
