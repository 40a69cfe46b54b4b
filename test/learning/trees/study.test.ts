// A whole study of trees: statistics, the forest level by level, evaluation between and at the end, by the same code as in a federation.
import { describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { modelShape, taskOf } from '@wardround/learning/model-shape';
import { initialModel } from '@wardround/learning/initial-model';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { type SimulatedRound, simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { requireSupportedLearning } from '@wardround/learning/supported';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { predictTrees } from '@wardround/learning/trees/predict';
import { auroc } from '@wardround/learning/metrics';
import { fakeFederation } from '../../fakes/federation.ts';
import { type Plan, fakePlan } from '../../fakes/plan.ts';
import { withCode } from '../tensors.ts';
import { growForest, rowsOf, syntheticRows, treesPlan } from './forest.ts';

const names = ['oslo', 'turin', 'vienna'];
const federation = await fakeFederation(names);
const backend = await startBackend('cpu');

function studyOf(change: Partial<Plan> = {}): Plan {
  return {
    ...fakePlan(federation),
    ...treesPlan({ leastRows: 5 }),
    ...change,
  };
}

const rows = syntheticRows(300, 31);
const sites = names.map((name, i) => {
  const own = rows.filter((_, row) => row % 3 === i);
  const missing = { cells: new Float64Array(4), droppedRows: 0 };
  return { name, weight: own.length, data: { train: rowsOf(own.slice(20)), test: rowsOf(own.slice(0, 20)), missing } };
});

async function run(plan: Plan): Promise<readonly SimulatedRound[]> {
  const rounds: SimulatedRound[] = [];
  for await (const round of simulateStudy({ backend, plan, sites })) rounds.push(round);
  return rounds;
}

describe('a study of trees', () => {
  it('has a round for each level, and gives the forest of the pooled rows to the bit', async () => {
    const evaluation = { metrics: [], minimumCell: 5, everyRounds: 0, perSiteAtEnd: false };
    const plan = studyOf({ evaluation });
    const rounds = await run(plan);
    expect(rounds.map(({ stage }) => stage.task)).toEqual(Array.from({ length: 6 }, () => 'newton'));
    const pooled = rowsOf(names.flatMap((_, i) => rows.filter((_row, row) => row % 3 === i).slice(20)));
    const [last, alone] = [rounds.at(-1)?.checkpoint, growForest(plan, [pooled])];
    expect(encodeCheckpoint({ round: 6, model: last?.model ?? [], state: [] })).toEqual(encodeCheckpoint(alone));
  });

  it('begins with statistics where bins are to be by quantiles, and is evaluated', async () => {
    const evaluation = { metrics: ['auroc' as const], minimumCell: 5, everyRounds: 4, perSiteAtEnd: false };
    const plan = studyOf({ statistics: ['quantiles'], evaluation });
    const rounds = await run(plan);
    expect(rounds.map(({ stage }) => stage.task)).toEqual([
      'statistics',
      'newton',
      'newton',
      'newton',
      'newton',
      'evaluation',
      'newton',
      'newton',
      'evaluation',
    ]);
    const model = rounds.at(-1)?.checkpoint.model ?? [];
    const test = rowsOf(names.flatMap((_, i) => rows.filter((_row, row) => row % 3 === i).slice(0, 20)));
    expect(
      auroc({
        predictions: predictTrees({ plan, model, features: test.features }),
        labels: Float64Array.from(test.labels),
      }),
    ).toBeGreaterThan(0.7);
  });

  it('is one that this version can do', () => {
    const plan = studyOf();
    expect(() => requireSupportedLearning(plan)).not.toThrow();
    expect(taskOf(plan)).toBe('binary');
    expect(modelShape(plan).map(({ name }) => name)).toEqual([
      'trees.feature',
      'trees.threshold',
      'trees.leaf',
      'trees.base',
    ]);
    expect(initialCheckpoint(plan).content.model).toEqual(initialModel(plan));
  });

  const { training } = fakePlan(federation);
  it.each<[string, Partial<Plan>, string]>([
    ['a round too many', { rounds: 7 }, 'trees-rounds'],
    ['local steps', { training }, 'trees-training'],
    ['a strategy of local steps', { strategy: { name: 'fedAvg' } }, 'trees-training'],
    ['seeded weights', { initialWeights: { method: 'seeded', seed: 1 } }, 'trees-initial-weights'],
    ['a scale of each site', { cohort: { ...treesPlan().cohort, standardise: 'perSite' } }, 'trees-standardise'],
    ['a learning rate above 1', { model: treesPlan({ model: { learningRate: '2' } }).model }, 'trees-learning-rate'],
    [
      'too many leaves',
      { model: treesPlan({ model: { trees: 5000, depth: 12 } }).model, rounds: 60_000 },
      'trees-too-large',
    ],
    ['a step too coarse', { encoding: treesPlan({ stepLog2: -4 }).encoding }, 'trees-step'],
    ['a C-index', { evaluation: { ...studyOf().evaluation, metrics: ['cIndex'] } }, 'metric-unsupported'],
  ])('is refused by a site for %s, whatever the compiler said', (_, change, code) => {
    expect(() => requireSupportedLearning(studyOf(change))).toThrow(withCode(code));
  });
});
