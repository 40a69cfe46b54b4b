// What a site contributes to a round of Newton's method: gradient, Hessian, loss and counts, as int64 that the plan proves cannot overflow.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { toFixed64 } from '@wardround/protocol/fixed-point';
import type { NewtonPlan, NewtonProblem } from './newton-plan.ts';
import { type ProvedRange, provedRange } from './range-proof.ts';
import { packedLength } from './symmetric.ts';

/** Sums over patients: each patient is counted once, in its own site's sums, and in nothing else. */
export interface NewtonSums {
  /** Of the negative log-likelihood; [parameters]. */
  readonly gradient: Float64Array;
  /** Of the same, packed upper triangle. */
  readonly hessian: Float64Array;
  /** The negative log-likelihood itself. */
  readonly loss: number;
  /** Patients; and those with a positive label, or with the event (0 where the label is a number). */
  readonly rows: number;
  readonly events: number;
}

export interface NewtonLayout {
  readonly range: ProvedRange;
  readonly tensors: readonly TensorHeader[];
  /** The largest absolute value that one site may send, for each tensor. */
  readonly most: readonly bigint[];
}

/** @throws WardroundError `newton-range` */
export function newtonLayout(plan: NewtonPlan, problem: NewtonProblem): NewtonLayout {
  const range = provedRange(plan, problem);
  const { mostRows, gradient, hessian, loss } = range;
  const { parameters } = problem;
  return {
    range,
    tensors: [
      header('newton.gradient', parameters, gradient.stepLog2),
      header('newton.hessian', packedLength(parameters), hessian.stepLog2),
      header('newton.loss', 1, loss.stepLog2),
      header('newton.counts', 2, 0),
    ],
    most: [gradient.most, hessian.most, loss.most, BigInt(mostRows)],
  };
}

/**
 * One site's sums as integers of the layout. The loss is cut off at its bound: a step that went that far astray is taken back anyway.
 *
 * @throws WardroundError `newton-range` (a value that the plan's ranges exclude), `fixed-not-finite`
 */
export function encodeSums(
  sums: NewtonSums,
  { tensors, most, range }: NewtonLayout,
): readonly BigInt64Array<ArrayBuffer>[] {
  const lossBound = Number(range.loss.most - 1n) * exactStep(range.loss.stepLog2);
  const values = [
    Float64Array.from(sums.gradient),
    Float64Array.from(sums.hessian),
    Float64Array.of(Math.min(sums.loss, lossBound)),
    Float64Array.of(sums.rows, sums.events),
  ];
  return tensors.map(({ stepLog2 }, i) =>
    withinBound(encode(values[i] ?? new Float64Array(0), stepLog2), most[i] ?? 0n),
  );
}

/** @param sums of all contributors @throws WardroundError `sums-mismatch` */
export function decodeSums(sums: readonly BigInt64Array[], { tensors }: NewtonLayout): NewtonSums {
  const [gradient, hessian, loss, counts] = tensors.map(({ shape, stepLog2 }, i) => {
    const sum = sums[i];
    if (sums.length !== tensors.length || sum === undefined || sum.length !== shape[0]) {
      throw new WardroundError('sums-mismatch', "the sums are not those of Newton's method", {
        expected: `${tensors.length} tensors, ${shape[0]} integers`,
        got: `${sums.length} tensors, ${sum?.length ?? 0} integers`,
        action: 'stop',
      });
    }
    const step = exactStep(stepLog2);
    return Float64Array.from(sum, (value) => Number(value) * step);
  });
  const none = new Float64Array(0);
  return {
    gradient: gradient ?? none,
    hessian: hessian ?? none,
    loss: loss?.[0] ?? Number.NaN,
    rows: counts?.[0] ?? 0,
    events: counts?.[1] ?? 0,
  };
}

/** 2^stepLog2, exactly, unlike `Math.pow`, whose last bit is the engine's choice. */
export function exactStep(stepLog2: number): number {
  let power = 1;
  for (let i = 0; i > stepLog2; i -= 1) power /= 2;
  return power;
}

function header(name: string, length: number, stepLog2: number): TensorHeader {
  return { name, shape: [length], ring: 'int64', stepLog2, weighting: 'none' };
}

function encode(values: Float64Array, stepLog2: number): BigInt64Array<ArrayBuffer> {
  try {
    return toFixed64(values, stepLog2);
  } catch (cause) {
    if (cause instanceof WardroundError && cause.code === 'fixed-out-of-range') throw outOfRange(cause);
    throw cause;
  }
}

function withinBound(integers: BigInt64Array<ArrayBuffer>, most: bigint): BigInt64Array<ArrayBuffer> {
  if (integers.some((value) => value > most || value < -most)) throw outOfRange();
  return integers;
}

/** Neither the value nor its place is named: both come from patients. */
function outOfRange(cause?: WardroundError): WardroundError {
  return new WardroundError('newton-range', "a sum beyond what the plan's ranges allow", {
    expected: 'values within the ranges of the cohort contract',
    action: 'stop',
    ...(cause === undefined ? {} : { cause }),
  });
}
