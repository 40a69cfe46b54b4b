// What a site sends of its training: the difference to the round's base as integers, clipped so that their exact norm keeps the plan's bound.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { compareNorm, quantiseTowardZero, sumOfSquares } from '@wardround/protocol/fixed-point';
import type { Tensor } from '@wardround/protocol/safetensors';
import { requireFloat32 } from './tensor-view.ts';

export type Int32Tensor = Extract<Tensor, { dtype: 'I32' }>;
export type UpdateEncoding = StudyPlan['encoding']['update'];

export interface QuantisedUpdate {
  /** Multiples of 2^stepLog2, named and shaped as the model. */
  readonly tensors: readonly Int32Tensor[];
  /** Whether the update was longer than the plan allows and was scaled down. Data-dependent: for the site's own log only. */
  readonly clipped: boolean;
}

/**
 * (local − base) in float64, scaled to the norm bound where it is longer, then rounded toward zero.
 *
 * @param models both float32, same names and shapes
 * @throws WardroundError `update-not-finite` (training diverged), `update-out-of-range` (a single value that int32 cannot hold),
 * `update-ring-unsupported` (masked plans), `tensors-mismatch`
 */
export function quantiseUpdate(
  models: { readonly base: readonly Tensor[]; readonly local: readonly Tensor[] },
  encoding: UpdateEncoding,
): QuantisedUpdate {
  const { integers, clipped } = quantiseDifferences(differences(models), encoding);
  const tensors = integers.map((data, i): Int32Tensor => {
    const { name, shape } = models.base[i] ?? { name: '', shape: [] };
    return { name, shape, dtype: 'I32', data };
  });
  return { tensors, clipped };
}

/** The same of differences that were reckoned already, an array for each tensor. @throws as {@link quantiseUpdate} */
export function quantiseDifferences(
  deltas: readonly Float64Array[],
  encoding: UpdateEncoding,
): { readonly integers: readonly Int32Array<ArrayBuffer>[]; readonly clipped: boolean } {
  requireSupportedEncoding(encoding);
  const norm = euclideanNorm(deltas);
  const bound = Number(encoding.normBound);
  const clipped = norm > bound;
  return { integers: quantiseWithin(deltas, { encoding, factor: clipped ? bound / norm : 1 }), clipped };
}

/** @throws WardroundError `update-ring-unsupported` */
export function requireSupportedEncoding({ ring }: UpdateEncoding): void {
  if (ring !== 'int32') {
    throw new WardroundError('update-ring-unsupported', 'this version makes int32 updates only', {
      got: ring,
      where: 'encoding.update.ring',
    });
  }
}

/** local − base in float64, an array for each tensor. @throws WardroundError `update-not-finite`, `tensors-mismatch` */
export function differences({
  base,
  local,
}: {
  readonly base: readonly Tensor[];
  readonly local: readonly Tensor[];
}): readonly Float64Array[] {
  const from = requireFloat32(base, base);
  return finiteLocal(local, base).map((tensor, i) => {
    const start = from[i]?.data;
    return Float64Array.from(tensor.data, (value, j) => value - (start?.[j] ?? 0));
  });
}

function finiteLocal(local: readonly Tensor[], base: readonly Tensor[]): ReturnType<typeof requireFloat32> {
  try {
    return requireFloat32(local, base);
  } catch (cause) {
    if (cause instanceof WardroundError && cause.code === 'tensors-not-finite') {
      throw new WardroundError('update-not-finite', 'training gave NaN or infinity', {
        where: cause.where ?? 'model',
        cause,
      });
    }
    throw cause;
  }
}

function euclideanNorm(deltas: readonly Float64Array[]): number {
  const squares = deltas.reduce((sum, delta) => sum + delta.reduce((partial, value) => partial + value * value, 0), 0);
  return Math.sqrt(squares);
}

interface Scaling {
  readonly encoding: UpdateEncoding;
  readonly factor: number;
}

/** Rounding toward zero cannot lengthen, but the factor itself was rounded: shrink by ever more until the exact integers obey. */
function quantiseWithin(
  deltas: readonly Float64Array[],
  { encoding, factor }: Scaling,
): readonly Int32Array<ArrayBuffer>[] {
  let scale = factor;
  for (let shrink = 1e-12; shrink < 1; shrink *= 4) {
    const quantised = deltas.map((delta) => quantise(delta, { encoding, factor: scale }));
    const squares = quantised.reduce((sum, values) => sum + sumOfSquares(values), 0n);
    if (compareNorm(squares, encoding.normBound, encoding.stepLog2) <= 0) return quantised;
    scale *= 1 - shrink;
  }
  throw new WardroundError('update-out-of-range', 'the update cannot be brought within its norm bound', {
    expected: `a norm of at most ${encoding.normBound}`,
    action: 'stop',
  });
}

function quantise(delta: Float64Array, { encoding, factor }: Scaling): Int32Array<ArrayBuffer> {
  const scaled = factor === 1 ? delta : delta.map((value) => value * factor);
  try {
    return quantiseTowardZero(new Float64Array(scaled), encoding.stepLog2);
  } catch (cause) {
    throw new WardroundError('update-out-of-range', 'a value of the update is beyond what the plan can carry', {
      cause,
    });
  }
}
