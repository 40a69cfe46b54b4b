// The statistics of a study for people and for its record: what the plan asked for, small cells left out, as strict JSON.
import type { JsonValue } from '@wardround/protocol/json-scanner';
import type { Tensor } from '@wardround/protocol/safetensors';
import { released } from '../released-number.ts';
import { quantileBins, shownBins } from './layout.ts';
import { quantilePercents } from './quantiles.ts';
import { type StatisticsState, noCorrelation, readStatistics } from './state.ts';
import { suppressed } from './suppression.ts';
import {
  type StatisticsPlan,
  type Variable,
  codedFeatures,
  measuredPositions,
  needsOf,
  variablesOf,
} from './variables.ts';

/** What a reader of the plan cannot know: printed with the numbers. */
const notes = {
  rows: 'training rows of all contributors, unless it says otherwise',
  suppressed:
    'null: fewer than suppressedBelow rows, or a cell from which such a one would follow within its own table; tables are not protected against each other',
  deviation: 'sample standard deviation (ddof 1)',
} as const;

/**
 * Counts as integers, real numbers as decimal strings of 10 digits, `null` where a cell is suppressed. Only what `plan.statistics` names, and the
 * moments where the model's inputs are standardised by them.
 *
 * @throws WardroundError `statistics-missing`, `tensors-mismatch`
 */
export function releasedStatistics(plan: StatisticsPlan, state: readonly Tensor[]): JsonValue {
  const values = readStatistics(plan, state);
  const asks = (name: StatisticsPlan['statistics'][number]): boolean => plan.statistics.includes(name);
  return {
    kind: 'statistics',
    suppressedBelow: plan.evaluation.minimumCell,
    notes,
    rows: { train: values.rows[0] ?? 0, test: count(values.rows[1]) },
    ...(asks('counts') ? { counts: counts(plan, values) } : {}),
    ...(asks('missingness') ? { missingness: missingness(plan, values) } : {}),
    // Whoever uses a model that was standardised so needs them.
    ...(asks('moments') || plan.cohort.standardise === 'federated' ? { moments: moments(plan, values) } : {}),
    ...(asks('quantiles') ? { quantiles: quantiles(plan, values) } : {}),
    ...(asks('histograms') ? { histograms: histograms(plan, values) } : {}),
    ...(asks('correlations') ? { correlations: correlations(plan, values) } : {}),
  };
}

function counts(plan: StatisticsPlan, { events, codes }: StatisticsState): JsonValue {
  let at = 0;
  return {
    events: plan.cohort.label.type === 'number' ? null : { train: count(events[0]), test: count(events[1]) },
    codes: codedFeatures(plan).map((feature) => {
      at += feature.codes.length;
      const start = at - feature.codes.length;
      return {
        feature: feature.name,
        rows: feature.codes.map((code, i) => ({ code, rows: count(codes[start + i]) })),
      };
    }),
  };
}

function missingness({ cohort }: StatisticsPlan, { missing, droppedRows }: StatisticsState): JsonValue {
  return {
    emptyCells: cohort.features.map(({ name }, i) => ({ feature: name, rows: count(missing[i]) })),
    droppedRows: count(droppedRows[0]),
  };
}

/** Pixels have moments for standardising, but nobody reads them one by one. */
function moments(plan: StatisticsPlan, { mean, deviation, momentsShown }: StatisticsState): JsonValue {
  return variablesOf(plan).flatMap(({ name, kind }, i) => {
    if (kind === 'pixel') return [];
    const isShown = momentsShown[i] === 1;
    return [
      {
        column: name,
        mean: isShown ? released(mean[i] ?? 0) : null,
        standardDeviation: isShown ? released(deviation[i] ?? 0) : null,
      },
    ];
  });
}

function quantiles(plan: StatisticsPlan, { quantiles: values, quantilesShown }: StatisticsState): JsonValue {
  const length = quantilePercents.length;
  return measured(plan).map(({ name, half }, i) => ({
    column: name,
    /** No further from the rows' own quantile. */
    resolution: released((2 * half) / quantileBins),
    percentiles: quantilePercents.map((percent, j) => {
      const at = i * length + j;
      return { percent, value: quantilesShown[at] === 1 ? released(values[at] ?? 0) : null };
    }),
  }));
}

function histograms(plan: StatisticsPlan, { histograms: cells }: StatisticsState): JsonValue {
  return measured(plan).map(({ name, centre, half }, i) => ({
    column: name,
    from: released(centre - half),
    to: released(centre + half),
    rows: Array.from({ length: shownBins }, (_, bin) => count(cells[i * shownBins + bin])),
  }));
}

function correlations(plan: StatisticsPlan, { correlations: values }: StatisticsState): JsonValue {
  const names = variablesOf(plan).map(({ name }) => name);
  const upperTriangle = needsOf(plan).correlations
    ? Array.from(values, (value) => (value === noCorrelation ? null : released(value)))
    : [];
  return { columns: names, upperTriangle };
}

function measured(plan: StatisticsPlan): readonly Variable[] {
  const variables = variablesOf(plan);
  return measuredPositions(variables).flatMap((position) => variables[position] ?? []);
}

function count(cell: number | undefined): number | null {
  return cell === undefined || cell === suppressed ? null : cell;
}
