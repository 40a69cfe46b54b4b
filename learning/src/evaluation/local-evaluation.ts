// A site's part of an evaluation round: the global model's answers for its test rows, as sums. No answer leaves by itself.
import { WardroundError } from '@wardround/protocol/errors';
import { toFixed64 } from '@wardround/protocol/fixed-point';
import { concordance } from '../cox/concordance.ts';
import { type Answers, requireAnswers } from '../metrics.ts';
import { ResamplingRandom } from '../metrics/resampling.ts';
import { resampledPairs, resampledSums } from '../metrics/row-bootstrap.ts';
import { calibrationBin, calibrationBins, logLossOf } from '../metrics/score-table.ts';
import type { Integers } from '../rounds/round-task.ts';
import { sumOver } from '../statistics/exact-sum.ts';
import { requireCountable } from '../statistics/layout.ts';
import {
  type EvaluationPlan,
  type EvaluationTensorName,
  evaluationLayout,
  labelRange,
  mostSquare,
  replicates,
} from './layout.ts';
import { scoreBin, scoreBins } from './score-bins.ts';

export interface LocalEvaluation {
  readonly plan: EvaluationPlan;
  /** The site's name and the training round that is evaluated: what the resampling is drawn from. */
  readonly site: string;
  readonly trainingRound: number;
  /** Of its test rows; may be none. */
  readonly answers: Answers;
}

/** @throws WardroundError `metric-data`, `statistics-rows` */
export function localEvaluation({ plan, site, trainingRound, answers }: LocalEvaluation): Integers {
  requireAnswers(answers);
  const { predictions, labels } = answers;
  const rows = predictions.length;
  requireCountable(rows);
  if (plan.cohort.label.type === 'binary') requireProbabilities(predictions);
  const random = new ResamplingRandom(['contributed', site, trainingRound, rows]);
  const label = (row: number): number => labels[row] ?? 0;
  const score = (row: number): number => predictions[row] ?? 0;
  const values = (of: (row: number) => number): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => of(row));
  const losses = (): Float64Array => values((row) => logLossOf(score(row), label(row)));
  const range = labelRange(plan);
  const squares = (): Float64Array =>
    values((row) => Math.min(mostSquare, ((score(row) - label(row)) / range) * ((score(row) - label(row)) / range)));
  const again = (of: Float64Array): Float64Array => resampledSums({ random, replicates, of });
  const total = (of: Float64Array): readonly number[] => [sumOver(of.length, (i) => of[i] ?? 0)];
  const makers: Readonly<Record<EvaluationTensorName, () => Iterable<number>>> = {
    rows: () => [rows, countRows(rows, (row) => (answers.events ?? labels)[row] === 1 && hasEvents(plan))],
    scores: () => counted(2 * scoreBins, rows, (row) => 2 * scoreBin(score(row)) + label(row)),
    calledPositive: () => [
      countRows(rows, (row) => score(row) > 0.5 && label(row) === 1),
      countRows(rows, (row) => score(row) > 0.5 && label(row) !== 1),
    ],
    brier: () => total(values((row) => (score(row) - label(row)) * (score(row) - label(row)))),
    'calibration.rows': () => calibrationRows(answers),
    'calibration.scores': () =>
      Array.from({ length: calibrationBins }, (_, bin) =>
        sumOver(rows, (row) => (calibrationBin(score(row)) === bin ? score(row) : 0)),
      ),
    loss: () => total(losses()),
    'loss.replicates': () => again(losses()),
    squares: () => total(squares()),
    'squares.replicates': () => again(squares()),
    pairs: () => pairsOf(rows === 0 ? [] : [concordance(survival(answers))]),
    'pairs.replicates': () =>
      rows === 0 ? new Float64Array(3 * replicates) : pairsOf(resampledPairs({ random, replicates, of: answers })),
  };
  return evaluationLayout(plan).tensors.map(({ name, stepLog2 }) =>
    toFixed64(Float64Array.from(makerOf(makers, name)()), stepLog2),
  );
}

function makerOf(makers: Readonly<Record<string, () => Iterable<number>>>, name: string): () => Iterable<number> {
  const maker = makers[name.slice('evaluation.'.length)];
  if (maker === undefined) throw new WardroundError('metric-data', 'no such tensor', { where: name, action: 'stop' });
  return maker;
}

function hasEvents({ cohort }: EvaluationPlan): boolean {
  return cohort.label.type !== 'number';
}

function requireProbabilities(predictions: Float64Array): void {
  if (predictions.every((value) => value >= 0 && value <= 1)) return;
  throw new WardroundError('metric-data', 'answers that are no probabilities', { expected: '0 to 1', action: 'stop' });
}

function countRows(rows: number, holds: (row: number) => boolean): number {
  let count = 0;
  for (let row = 0; row < rows; row += 1) if (holds(row)) count += 1;
  return count;
}

function counted(cells: number, rows: number, cellOf: (row: number) => number): Float64Array {
  const counts = new Float64Array(cells);
  for (let row = 0; row < rows; row += 1) {
    const cell = cellOf(row);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return counts;
}

/** For each tenth the rows and the positives in it. */
function calibrationRows({ predictions, labels }: Answers): Float64Array {
  const counts = new Float64Array(2 * calibrationBins);
  predictions.forEach((value, row) => {
    const bin = calibrationBin(value);
    counts[2 * bin] = (counts[2 * bin] ?? 0) + 1;
    if (labels[row] === 1) counts[2 * bin + 1] = (counts[2 * bin + 1] ?? 0) + 1;
  });
  return counts;
}

function survival({ predictions, labels, events }: Answers): Parameters<typeof concordance>[0] {
  return { risks: predictions, labels, events: events ?? new Float64Array(labels.length) };
}

function pairsOf(counts: readonly ReturnType<typeof concordance>[]): readonly number[] {
  const pairs = counts.flatMap(({ concordant, discordant, tied }) => [concordant, discordant, tied]);
  return pairs.length === 0 ? [0, 0, 0] : pairs;
}
