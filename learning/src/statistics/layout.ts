// The integers of a statistics round: which tensors a plan's statistics need, in which step, and what no honest site exceeds.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import type { Integers, TensorLimit } from '../rounds/round-task.ts';
import {
  type Needs,
  type StatisticsPlan,
  type Variable,
  codedFeatures,
  measuredPositions,
  needsOf,
  variablesOf,
} from './variables.ts';

/**
 * The most rows that one site may have in a round of sums: with it, and values scaled to ±1, a site's sum in steps of 2⁻³¹ is at most 2⁵³ in
 * size, so that doubles carry it exactly and a thousand sites stay below 2⁶³.
 */
export const maxRowsLog2 = 22;
export const sumsStepLog2 = -31;
const maxRows = 1n << BigInt(maxRowsLog2);
const maxSum = 1n << BigInt(maxRowsLog2 - sumsStepLog2);

/** Bins of the histograms that are shown, and of those that only quantiles are read from; the first divides the second. */
export const shownBins = 32;
export const quantileBins = 1024;

export const statisticsTensorNames = [
  'counts.rows',
  'counts.events',
  'counts.codes',
  'missing.cells',
  'missing.droppedRows',
  'moments.sums',
  'moments.squares',
  'moments.products',
  'histogram.counts',
] as const;
export type StatisticsTensorName = (typeof statisticsTensorNames)[number];

export interface StatisticsLayout {
  readonly variables: readonly Variable[];
  readonly needs: Needs;
  readonly measured: readonly number[];
  readonly bins: number;
  readonly tensors: readonly TensorHeader[];
  readonly limits: readonly TensorLimit[];
}

/** Counts in whole rows; sums of u, u² and u·u′ (`variablesOf`) in steps of 2⁻³¹. Nothing is weighted: every row counts once. */
export function statisticsLayout(plan: StatisticsPlan): StatisticsLayout {
  const variables = variablesOf(plan);
  const needs = needsOf(plan);
  const measured = measuredPositions(variables);
  const bins = needs.quantiles ? quantileBins : shownBins;
  const codes = codedFeatures(plan).reduce((sum, feature) => sum + feature.codes.length, 0);
  const columns = variables.length;
  const parts: readonly (readonly [StatisticsTensorName, boolean, readonly number[]])[] = [
    ['counts.rows', true, [2]],
    ['counts.events', plan.cohort.label.type !== 'number', [2]],
    ['counts.codes', needs.codes && codes > 0, [codes]],
    ['missing.cells', needs.missingness, [plan.cohort.features.length]],
    ['missing.droppedRows', needs.missingness, [1]],
    ['moments.sums', needs.moments, [columns]],
    ['moments.squares', needs.moments, [columns]],
    ['moments.products', needs.correlations && columns > 1, [(columns * (columns - 1)) / 2]],
    ['histogram.counts', (needs.histograms || needs.quantiles) && measured.length > 0, [measured.length, bins]],
  ];
  const present = parts.filter(([, isNeeded]) => isNeeded);
  return {
    variables,
    needs,
    measured,
    bins,
    tensors: present.map(([name, , shape]) => ({
      name,
      shape: [...shape],
      ring: 'int64',
      stepLog2: isSum(name) ? sumsStepLog2 : 0,
      weighting: 'none',
    })),
    limits: present.map(([name]) => limitOf(name)),
  };
}

function isSum(name: StatisticsTensorName): boolean {
  return name.startsWith('moments.');
}

function limitOf(name: StatisticsTensorName): TensorLimit {
  if (!isSum(name)) return { kind: 'range', least: 0n, most: maxRows };
  return { kind: 'range', least: name === 'moments.squares' ? 0n : -maxSum, most: maxSum };
}

/** The tensor's integers; none where the plan does not have it. */
export function integersOf(
  { tensors }: Pick<StatisticsLayout, 'tensors'>,
  integers: Integers,
  name: StatisticsTensorName,
): BigInt64Array {
  const at = tensors.findIndex((header) => header.name === name);
  const values = integers[at];
  return values instanceof BigInt64Array ? values : new BigInt64Array(0);
}

/** @throws WardroundError `statistics-rows` for more than a contribution may count */
export function requireCountable(rows: number): void {
  if (rows <= 2 ** maxRowsLog2) return;
  throw new WardroundError('statistics-rows', 'more rows than a round of sums can carry', {
    expected: `at most ${2 ** maxRowsLog2} rows`,
    action: 'stop',
  });
}
