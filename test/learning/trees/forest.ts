// A forest grown round by round from several sites' rows, as the federation does it, without processes or sealing.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { treesContribution } from '@wardround/learning/trees/local';
import { type TreesPlan, initialTrees, treesModelOf } from '@wardround/learning/trees/shape';
import { treesTask } from '@wardround/learning/trees/task';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { labels } from '@wardround/protocol/labels';
import { type TreesModel, roundsOfTrees } from '@wardround/protocol/tree-sizes';
import { planOf } from '../plans.ts';

export type Row = readonly [...number[]];

export const treesModel: TreesModel = {
  kind: 'gradientBoostedTrees',
  trees: 3,
  depth: 2,
  bins: 8,
  learningRate: '0.5',
  l2: '1',
};

type Features = TreesPlan['cohort']['features'];
export const twoFeatures: Features = [
  { type: 'number', name: 'age', unit: null, range: { min: '0', max: '8' }, missing: 'refuse' },
  { type: 'code', name: 'sex', codes: ['f', 'm', 'x'], encode: 'oneHot', missing: 'refuse' },
];

export interface TreesPlanParts {
  readonly model?: Partial<TreesModel>;
  readonly features?: Features;
  readonly label?: TreesPlan['cohort']['label'];
  readonly leastRows?: number;
  readonly stepLog2?: number;
  readonly statistics?: TreesPlan['statistics'];
}

export const yesOrNo: TreesPlan['cohort']['label'] = {
  type: 'binary',
  name: 'y',
  positiveWhen: { operator: '>', value: '0' },
  missing: 'refuse',
};

export function numberLabel(min: string, max: string): TreesPlan['cohort']['label'] {
  return { type: 'number', name: 'y', unit: null, range: { min, max }, missing: 'refuse' };
}

export function treesPlan(parts: TreesPlanParts = {}): TreesPlan {
  const { cohort, encoding, evaluation, release } = planOf();
  const model = { ...treesModel, ...parts.model };
  return {
    initialWeights: { method: 'zeros' },
    rounds: roundsOfTrees(model),
    strategy: { name: 'newton' },
    release: { ...release, formats: ['safetensors'] },
    model,
    cohort: { ...cohort, features: parts.features ?? twoFeatures, label: parts.label ?? yesOrNo },
    encoding: { ...encoding, sums: { ring: 'int64', stepLog2: parts.stepLog2 ?? -24 } },
    evaluation: { ...evaluation, minimumCell: parts.leastRows ?? 1 },
    statistics: parts.statistics ?? [],
    training: { method: 'newton', tolerance: '0.000001' },
  };
}

/** Rows of age, three one-hot columns and a label. */
export function rowsOf(rows: readonly (readonly number[])[]): Rows & { readonly features: Float64Array } {
  return {
    rows: rows.length,
    features: Float64Array.from(rows.flatMap((row) => row.slice(0, -1))),
    labels: Float64Array.from(rows, (row) => row.at(-1) ?? 0),
  };
}

/** Rows that depend on age and sex, with noise: the same for the same seed. */
export function syntheticRows(count: number, seed: number, label: 'binary' | 'number' = 'binary'): readonly number[][] {
  const random = new SeededRandom(labels.batchOrder, [seed]);
  const unit = (): number => random.uint32() / 2 ** 32;
  return Array.from({ length: count }, () => {
    const age = unit() * 8;
    const sex = Math.floor(unit() * 3);
    const signal = (age > 5 ? 0.5 : -0.3) + (sex === 1 && age < 3 ? 0.6 : 0) + 0.8 * (unit() - 0.5);
    const y = label === 'binary' ? Number(signal > 0) : signal;
    return [age, Number(sex === 0), Number(sex === 1), Number(sex === 2), y];
  });
}

export function initialForest(plan: TreesPlan): Checkpoint {
  return { round: 0, model: initialTrees(treesModelOf(plan)), state: [] };
}

export function nextForest(plan: TreesPlan, base: Checkpoint, sites: readonly Rows[]): Checkpoint {
  const trainingRound = base.round + 1;
  const task = treesTask(plan, { trainingRound });
  const sums = task.tensors.map(({ shape }) => new BigInt64Array(shape.reduce((product, size) => product * size, 1)));
  for (const data of sites) {
    treesContribution({ plan, base, trainingRound, data }).forEach((values, tensor) => {
      const into = sums[tensor] ?? new BigInt64Array(0);
      values.forEach((value, i) => {
        into[i] = (into[i] ?? 0n) + value;
      });
    });
  }
  const content = task.next({ base, sums, totalWeight: sites.length, contributors: sites.length, each: [] });
  return { round: trainingRound, ...content };
}

/** The checkpoint after the last round. */
export function growForest(plan: TreesPlan, sites: readonly Rows[]): Checkpoint {
  let checkpoint = initialForest(plan);
  for (let i = roundsOfTrees(treesModelOf(plan)); i > 0; i -= 1) checkpoint = nextForest(plan, checkpoint, sites);
  return checkpoint;
}
