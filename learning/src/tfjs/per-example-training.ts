// Local training by DP-SGD: genuine Poisson samples, every patient's gradient clipped by itself, exact noise on their sum, then the optimiser.
import { setImmediate } from 'node:timers/promises';
import type { Tensor as TfTensor } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import { ClippedSum, type GradientGrid } from '../dp/clipped-sum.ts';
import type { StepChance } from '../dp/step-chance.ts';
import { modelShape, taskOf } from '../model-shape.ts';
import { requireGradientDescent } from '../supported.ts';
import { elementsOf, type Float32Tensor } from '../tensor-view.ts';
import { objective, type ObjectiveParts } from './objective.ts';
import { type LocalOptimizer, localOptimizer } from './optimizer.ts';
import { Parameters } from './parameters.ts';
import { type PrivateModel, perExampleGradients } from './per-example-gradients.ts';
import { inputsOf, labelsOf } from './rows.ts';
import { requireData, type TrainingJob } from './train.ts';

/** What a training without privacy needs, less its public order of rows. */
export interface PrivateTrainingJob extends Omit<TrainingJob, 'batches' | 'site' | 'round'> {
  readonly grid: GradientGrid;
  readonly chance: StepChance;
  /** Rows that the backend holds at a time, however many a step has drawn: memory is bounded by this. */
  readonly physicalBatch: number;
}

export interface PrivateTrainingResult {
  readonly model: readonly Float32Tensor[];
  /** Gradients that were no number, of all steps: for the site's own log. */
  readonly withoutGradient: number;
}

/**
 * The plan's steps. Each draws its rows, sums their clipped gradients on the grid, adds the noise, divides by the plan's `batchSize` (a public
 * number, whatever was drawn) and hands the result to the plan's optimiser. Weight decay, FedProx's and SCAFFOLD's terms come behind the noise:
 * they are functions of the model. A step that drew nobody moves by noise alone.
 *
 * What the site still owes: every number that leaves must come from the returned model, no loss and no count of steps or rows beside it.
 *
 * @throws WardroundError `gradient-group` for a physical batch below 1, those of `perExampleGradients`, `ClippedSum`, and as `trainLocally`
 */
export async function trainPrivately(job: PrivateTrainingJob): Promise<PrivateTrainingResult> {
  requirePrivateJob(job);
  const bench = setUp(job);
  let withoutGradient = 0;
  try {
    for (let step = 0; step < bench.parts.training.steps; step += 1) {
      const rows = job.chance.sampledRows(job.data.rows);
      requireRows(rows, job.data.rows);
      const sum = clippedSum(bench, { ...job, rows });
      withoutGradient += sum.withoutGradient;
      move(bench, job, job.chance.noised(sum.sums));
      await setImmediate();
    }
    return { model: bench.parts.parameters.read(), withoutGradient };
  } finally {
    tearDown(bench);
  }
}

/** Everything of one training that lives on the backend. */
interface Bench {
  readonly parts: ObjectiveParts;
  readonly optimizer: LocalOptimizer;
  readonly lengths: readonly number[];
}

function setUp({ backend: { tf }, plan, model, correction = [] }: PrivateTrainingJob): Bench {
  const training = requireGradientDescent(plan.training);
  const parameters = new Parameters(tf, plan, model);
  const base = new Parameters(tf, plan, model);
  const added = correction.map((values, i) => tf.tensor(Float32Array.from(values), parameters.variables[i]?.shape));
  const { strategy } = plan;
  return {
    parts: { tf, model: plan.model, task: taskOf(plan), training, strategy, parameters, base, correction: added },
    optimizer: localOptimizer(tf, training),
    lengths: modelShape(plan).map(({ shape }) => elementsOf(shape)),
  };
}

function tearDown({ parts: { parameters, base, correction }, optimizer }: Bench): void {
  parameters.dispose();
  base.dispose();
  for (const tensor of correction) tensor.dispose();
  optimizer.dispose();
}

interface Drawn extends Pick<PrivateTrainingJob, 'plan' | 'data' | 'grid' | 'physicalBatch'> {
  readonly rows: Uint32Array;
}

/** Groups of exactly the physical batch; the last is filled up with rows that count for nothing. */
function clippedSum({ parts, lengths }: Bench, { plan, data, grid, physicalBatch, rows }: Drawn): ClippedSum {
  const { tf, model, task, training, parameters } = parts;
  const own: PrivateModel = { tf, model, task, classWeights: training.classWeights, layers: parameters.layers };
  const sum = new ClippedSum(lengths, grid);
  for (let start = 0; start < rows.length; start += physicalBatch) {
    const group = rows.slice(start, start + physicalBatch);
    const padded = new Uint32Array(physicalBatch).fill(group[0] ?? 0);
    padded.set(group);
    tf.tidy(() => {
      const seen = { ...data, standardise: plan.cohort.standardise };
      const labels = labelsOf(tf, data, padded);
      sum.add(perExampleGradients(own, { inputs: inputsOf(tf, seen, padded), labels }), group.length);
    });
  }
  return sum;
}

/** One step of the optimiser by the noisy mean; penalties and corrections are the objective's own. */
function move({ parts, optimizer }: Bench, { grid }: PrivateTrainingJob, noisy: readonly Float64Array[]): void {
  const { tf, parameters, training } = parts;
  const unit = 2 ** grid.stepLog2 / training.batchSize;
  tf.tidy(() => {
    const gradients = parameters.variables.map((variable, i): TfTensor => {
      const values = tf.tensor(
        Float32Array.from(noisy[i] ?? [], (value) => value * unit),
        variable.shape,
      );
      const added = parts.correction[i];
      return added === undefined ? values : values.add(added);
    });
    // A batch without patients has a loss that no parameter moves: what is left are the gradients given here and the plan's penalties.
    const nobody = tf.tensor1d([0]);
    const withGradients = { ...parts, task: 'number' as const, correction: gradients };
    optimizer.step(() => objective(withGradients, nobody, { values: nobody }), parameters.variables);
  });
}

/** A row that is not there would be trained on as zeros. */
function requireRows(drawn: Uint32Array, rows: number): void {
  if (!drawn.every((row) => row < rows))
    throw new WardroundError('batch-order', 'a sample names a row that is not there');
}

function requirePrivateJob({ plan, data, physicalBatch }: PrivateTrainingJob): void {
  requireData({ plan, data });
  if (Number.isSafeInteger(physicalBatch) && physicalBatch >= 1) return;
  throw new WardroundError('gradient-group', 'not a number of rows to hold at a time', { got: `${physicalBatch}` });
}
