// The edges of a study's bins: narrow where its federated quantiles say that rows are, else by the plan's ranges alone.
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import { quantilePercents } from '../statistics/quantiles.ts';
import { readStatistics } from '../statistics/state.ts';
import { measuredPositions, variablesOf } from '../statistics/variables.ts';
import { type Edges, quantileEdges, uniformEdges } from './bins.ts';
import { type TreesPlan, treesModelOf } from './shape.ts';

/**
 * Of the plan and the checkpoint's state alone, so the same at every site and in the enclave. Quantiles are used where the plan's `statistics`
 * name them; those that were suppressed are left out.
 *
 * @param state of the round's base checkpoint
 * @throws WardroundError `trees-*`, `statistics-missing`, `tensors-mismatch`
 */
export function edgesOfStudy(plan: TreesPlan, state: readonly Tensor[]): Edges {
  const model = treesModelOf(plan);
  if (!plan.statistics.includes('quantiles')) return uniformEdges(plan.cohort, model);
  return quantileEdges(plan.cohort, model, quantilesOfColumns(plan, state));
}

function quantilesOfColumns(plan: TreesPlan, state: readonly Tensor[]): readonly (readonly number[] | null)[] {
  const { quantiles, quantilesShown } = readStatistics(plan, state);
  const measured = measuredPositions(variablesOf(plan));
  const width = quantilePercents.length;
  return Array.from({ length: inputCount(plan.cohort) }, (_, column) => {
    const place = measured.indexOf(column);
    if (place < 0) return null;
    return [...quantiles.subarray(place * width, (place + 1) * width)].filter(
      (_value, i) => quantilesShown[place * width + i] === 1,
    );
  });
}
