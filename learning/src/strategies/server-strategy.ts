// What every aggregation strategy does on the enclave's side: from exact integer sums of weighted updates to the next global model.
// Arithmetic is float64 with + − × ÷ √ only, all correctly rounded by IEEE 754: the same sums give the same bits on every machine.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import {
  type Float32Tensor,
  type Float64Tensor,
  type NamedShape,
  requireFloat32,
  requireFloat64,
} from '../tensor-view.ts';

export interface RoundSums {
  /** The model that the round started from, float32. */
  readonly model: readonly Tensor[];
  /** The state that the round before left, float64; the first round takes `initialState`. */
  readonly state: readonly Tensor[];
  /** Σ weight · quantised update, one array a model tensor. */
  readonly sums: readonly BigInt64Array[];
  readonly totalWeight: number;
  readonly stepLog2: number;
  /** From 1. */
  readonly round: number;
}

export interface RoundOutcome {
  readonly model: readonly Tensor[];
  readonly state: readonly Tensor[];
}

export interface ServerStrategy {
  /** The state before the first round; empty for strategies without memory. */
  initialState(model: readonly Tensor[]): readonly Tensor[];
  /** @throws WardroundError `sums-mismatch`, `tensors-mismatch`, `update-not-finite` */
  apply(round: RoundSums): RoundOutcome;
}

/** One value a round keeps for each parameter, as a family of float64 tensors `<prefix>.<tensor>`. */
export function zeroState(prefix: string, model: readonly Tensor[]): readonly Float64Tensor[] {
  return stateShapes(prefix, model).map(({ name, shape }, i) => ({
    name,
    shape,
    dtype: 'F64',
    data: new Float64Array(model[i]?.data.length ?? 0),
  }));
}

/** The families of state named by `prefixes`, and nothing else. @throws WardroundError `tensors-mismatch` */
export function readState(
  round: Pick<RoundSums, 'model' | 'state'>,
  prefixes: readonly string[],
): readonly (readonly Float64Tensor[])[] {
  const all = requireFloat64(
    round.state,
    prefixes.flatMap((prefix) => stateShapes(prefix, round.model)),
  );
  const size = round.model.length;
  return prefixes.map((_, i) => all.slice(i * size, (i + 1) * size));
}

function stateShapes(prefix: string, model: readonly Tensor[]): readonly NamedShape[] {
  return model.map(({ name, shape }) => ({ name: `${prefix}.${name}`, shape }));
}

/** Δ = Σ wₖ·Δₖ / Σ wₖ for each tensor: the exact sum rounded once to float64, scaled by a power of two, divided. @throws as `apply` */
export function meanUpdate({
  model,
  sums,
  totalWeight,
  stepLog2,
}: Pick<RoundSums, 'model' | 'sums' | 'totalWeight' | 'stepLog2'>): readonly Float64Array[] {
  if (!Number.isSafeInteger(totalWeight) || totalWeight <= 0)
    throw badSums('a positive total weight', `${totalWeight}`);
  if (sums.length !== model.length) throw badSums(`${model.length} tensors`, `${sums.length}`);
  const step = powerOfTwo(stepLog2);
  return sums.map((sum, i) => {
    if (sum.length !== model[i]?.data.length) throw badSums(`${model[i]?.data.length} elements`, `${sum.length}`);
    return Float64Array.from(sum, (value) => (Number(value) * step) / totalWeight);
  });
}

/** model + move, rounded to float32. @throws WardroundError `update-not-finite` when a weight would overflow */
export function moveModel(model: readonly Tensor[], moves: readonly Float64Array[]): readonly Float32Tensor[] {
  return requireFloat32(model, model).map((tensor, i) => {
    const move = moves[i];
    const data = tensor.data.map((weight, j) => weight + (move?.[j] ?? 0));
    if (!data.every((weight) => Number.isFinite(weight))) {
      throw new WardroundError('update-not-finite', 'the new model is not finite', {
        where: tensor.name,
        action: 'stop',
      });
    }
    return { ...tensor, data };
  });
}

/** Exact, unlike `Math.pow`, whose last bit is the engine's choice. @throws WardroundError `sums-mismatch` outside of fixed-point steps */
export function powerOfTwo(exponent: number): number {
  if (!Number.isInteger(exponent) || exponent > 0 || exponent < -62)
    throw badSums('a step of 2⁻⁶² to 1', `2^${exponent}`);
  let power = 1;
  for (let i = 0; i > exponent; i -= 1) power /= 2;
  return power;
}

function badSums(expected: string, got: string): WardroundError {
  return new WardroundError('sums-mismatch', 'the sums do not fit the model', { expected, got, action: 'stop' });
}
