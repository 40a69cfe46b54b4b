// What a statistics round leaves in the checkpoint's state, for every site and for everybody who reads the result: float64 tensors of a size
// that the plan fixes. No NaN: a suppressed count is −1, a suppressed real number is 0 with 0 in the tensor that says what is shown.
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import { readSection } from '../rounds/state-sections.ts';
import { type Float64Tensor, type NamedShape, elementsOf, requireFloat64 } from '../tensor-view.ts';
import { shownBins } from './layout.ts';
import { quantilePercents } from './quantiles.ts';
import { type StatisticsPlan, codedFeatures, measuredPositions, needsOf, variablesOf } from './variables.ts';

export const statisticsStateNames = [
  /** Training and test rows of all contributors; 0 before the round. */
  'rows',
  /** Of them with a positive label, or with the event. */
  'events',
  /** Training rows of each code of each code feature, in the plan's order. */
  'codes',
  /** Empty cells of each feature, of all rows of the tables. */
  'missing',
  'droppedRows',
  /** Training rows: mean and sample standard deviation (ddof 1) of each variable, and 1 where they are shown. */
  'mean',
  'deviation',
  'momentsShown',
  /** Pearson's r, upper triangle row by row without the diagonal; −2 where not shown or not defined. */
  'correlations',
  /** For each measured variable the quantiles of `quantilePercents`, and 1 where shown. */
  'quantiles',
  'quantilesShown',
  /** For each measured variable the rows in bins of equal width over its range. */
  'histograms',
  /** Of a negative and a positive row; zeros where the plan does not want them from the counts. */
  'classWeights',
] as const;
export type StatisticsStateName = (typeof statisticsStateNames)[number];

/** In the place of a correlation that is not there. */
export const noCorrelation = -2;

export type StatisticsState = Readonly<Record<StatisticsStateName, Float64Array>>;

/** The section's tensors, in order, without its prefix. */
export function statisticsShapes(plan: StatisticsPlan): readonly NamedShape[] {
  const needs = needsOf(plan);
  const variables = variablesOf(plan);
  const measured = measuredPositions(variables).length;
  const codes = codedFeatures(plan).reduce((sum, feature) => sum + feature.codes.length, 0);
  const shapes: Readonly<Record<StatisticsStateName, readonly number[] | null>> = {
    rows: [2],
    events: plan.cohort.label.type === 'number' ? null : [2],
    codes: needs.codes && codes > 0 ? [codes] : null,
    missing: needs.missingness ? [plan.cohort.features.length] : null,
    droppedRows: needs.missingness ? [1] : null,
    mean: needs.moments ? [variables.length] : null,
    deviation: needs.moments ? [variables.length] : null,
    momentsShown: needs.moments ? [variables.length] : null,
    correlations: needs.correlations && variables.length > 1 ? [(variables.length * (variables.length - 1)) / 2] : null,
    quantiles: needs.quantiles && measured > 0 ? [measured, quantilePercents.length] : null,
    quantilesShown: needs.quantiles && measured > 0 ? [measured, quantilePercents.length] : null,
    histograms: needs.histograms && measured > 0 ? [measured, shownBins] : null,
    // Whatever the plan says of class weights, so that a plan with their numbers filled in still reads its state.
    classWeights: plan.cohort.label.type === 'binary' ? [2] : null,
  };
  return statisticsStateNames.flatMap((name) => {
    const shape = shapes[name];
    return shape === null ? [] : [{ name, shape }];
  });
}

/** The section before the round: zeros in its full size. */
export function initialStatistics(plan: StatisticsPlan): readonly Float64Tensor[] {
  return statisticsShapes(plan).map(({ name, shape }) => ({
    name,
    shape,
    dtype: 'F64',
    data: new Float64Array(elementsOf(shape)),
  }));
}

/** @throws WardroundError `tensors-mismatch`, `statistics-missing` where the round was not held yet */
export function readStatistics(plan: StatisticsPlan, state: readonly Tensor[]): StatisticsState {
  const tensors = requireFloat64(readSection(state, 'statistics'), statisticsShapes(plan));
  const values = (name: StatisticsStateName): Float64Array =>
    tensors.find((tensor) => tensor.name === name)?.data ?? new Float64Array(0);
  if ((values('rows')[0] ?? 0) === 0) {
    throw new WardroundError('statistics-missing', 'the round of statistics was not held yet', { action: 'stop' });
  }
  return {
    rows: values('rows'),
    events: values('events'),
    codes: values('codes'),
    missing: values('missing'),
    droppedRows: values('droppedRows'),
    mean: values('mean'),
    deviation: values('deviation'),
    momentsShown: values('momentsShown'),
    correlations: values('correlations'),
    quantiles: values('quantiles'),
    quantilesShown: values('quantilesShown'),
    histograms: values('histograms'),
    classWeights: values('classWeights'),
  };
}
