// Local training of one round: the plan's model, loss and optimiser on this site's rows, from the round's base to a local model.
import { setImmediate } from 'node:timers/promises';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { inputCount } from '@wardround/protocol/input-columns';
import type { Tensor } from '@wardround/protocol/safetensors';
import { batchesOfRound } from '../batches.ts';
import { taskOf } from '../model-shape.ts';
import { type GradientDescent, requireGradientDescent } from '../supported.ts';
import type { Features } from '../rounds/site-rows.ts';
import type { Float32Tensor } from '../tensor-view.ts';
import type { Backend } from './backend.ts';
import { forward } from './forward.ts';
import { type BatchLabels, type ObjectiveParts, objective } from './objective.ts';
import { type LocalOptimizer, localOptimizer } from './optimizer.ts';
import { Parameters, valuesIn } from './parameters.ts';
import { inputsOf, labelsOf, outcomesOf } from './rows.ts';

/** Row-major features (rows × the cohort's input columns) one label a row, and an event where the label is a time. They stay where they are: the backend sees a batch at a time. */
export interface TrainingRows {
  readonly rows: number;
  readonly features: Features;
  readonly labels: Float32Array | Float64Array;
  readonly events?: Float64Array;
}

export interface TrainingJob {
  readonly backend: Backend;
  readonly plan: Pick<StudyPlan, 'cohort' | 'model' | 'training' | 'strategy'>;
  /** The round's base model. */
  readonly model: readonly Tensor[];
  readonly data: TrainingRows;
  /** The site's name in the roster: it separates the sites' batch orders. */
  readonly site: string;
  /** From 1. */
  readonly round: number;
  /** Instead of the plan's seeded order; exactly `steps` of them. */
  readonly batches?: Iterable<Uint32Array>;
  /** Added to the gradient of each tensor of the model, in its order, at every step (SCAFFOLD). */
  readonly correction?: readonly Float64Array[];
}

export interface TrainingResult {
  readonly model: readonly Float32Tensor[];
  /** Mean over the round's steps of the batch objective, penalties included. The site's own business. */
  readonly loss: number;
}

/** Steps between two chances for the process to answer its pipes. */
const stepsBetweenPauses = 64;

/**
 * Runs the plan's optimiser steps from the base model. Same job and backend, same bytes. The optimiser's own memory starts anew each round.
 *
 * @throws WardroundError `model-unsupported`, `training-unsupported`, `tensors-mismatch`, `training-data` (sizes), `batch-*`,
 * `backend-unavailable`
 */
export async function trainLocally(job: TrainingJob): Promise<TrainingResult> {
  const training = requireGradientDescent(job.plan.training);
  requireData(job);
  const bench = setUp(job, training);
  try {
    const loss = await runSteps(job, training, bench);
    return { model: bench.objectiveParts.parameters.read(), loss };
  } finally {
    tearDown(bench);
  }
}

/** Everything of one training that lives on the backend. */
interface Bench {
  readonly objectiveParts: ObjectiveParts;
  readonly optimizer: LocalOptimizer;
}

function setUp({ backend: { tf }, plan, model, correction = [] }: TrainingJob, training: GradientDescent): Bench {
  const task = taskOf(plan);
  const parameters = new Parameters(tf, plan, model);
  const base = new Parameters(tf, plan, model);
  const added = correction.map((values, i) => tf.tensor(Float32Array.from(values), parameters.variables[i]?.shape));
  return {
    objectiveParts: {
      tf,
      model: plan.model,
      task,
      training,
      strategy: plan.strategy,
      parameters,
      base,
      correction: added,
    },
    optimizer: localOptimizer(tf, training),
  };
}

function tearDown({ objectiveParts, optimizer }: Bench): void {
  objectiveParts.parameters.dispose();
  objectiveParts.base.dispose();
  for (const tensor of objectiveParts.correction) tensor.dispose();
  optimizer.dispose();
}

async function runSteps(job: TrainingJob, training: GradientDescent, bench: Bench): Promise<number> {
  let total = 0;
  let steps = 0;
  for (const batch of job.batches ?? seededBatches(job, training)) {
    requireBatch(batch, job.data.rows);
    total += step(bench, job, batch);
    steps += 1;
    if (steps % stepsBetweenPauses === 0) await setImmediate();
  }
  if (steps !== training.steps) {
    throw new WardroundError('batch-plan', 'not as many batches as the plan has steps', {
      expected: `${training.steps}`,
      got: `${steps}`,
    });
  }
  return total / steps;
}

/** One optimiser step; the value of the objective before it. */
function step({ objectiveParts, optimizer }: Bench, { plan, data }: TrainingJob, batch: Uint32Array): number {
  const { tf, model, parameters, task } = objectiveParts;
  return tf.tidy(() => {
    const inputs = inputsOf(tf, { ...data, standardise: plan.cohort.standardise }, batch);
    const targets: BatchLabels =
      task === 'survival' ? { outcomes: outcomesOf(data, batch) } : { values: labelsOf(tf, data, batch) };
    const value = optimizer.step(
      () => objective(objectiveParts, forward(model, parameters.layers, inputs), targets),
      parameters.variables,
    );
    return valuesIn(value)[0] ?? Number.NaN;
  });
}

function seededBatches({ data, site, round }: TrainingJob, training: GradientDescent): Iterable<Uint32Array> {
  const { batchSize, steps, seed } = training;
  return batchesOfRound({ rows: data.rows, batchSize, steps, round, seed, site });
}

/** @throws WardroundError `training-data`, and as `taskOf` */
export function requireData({
  plan,
  data: { rows, features, labels, events },
}: Pick<TrainingJob, 'plan' | 'data'>): void {
  const inputs = inputCount(plan.cohort);
  const hasEvents = taskOf(plan) !== 'survival' || events?.length === rows;
  if (rows < 1 || features.length !== rows * inputs || labels.length !== rows || !hasEvents) {
    throw new WardroundError('training-data', 'the data do not fit the model', {
      expected: `${inputs} features and one label a row, and one event where the label is a time`,
      got: `${features.length} features, ${labels.length} labels, ${events?.length ?? 0} events, ${rows} rows`,
    });
  }
}

/** A row that is not there would be trained on as zeros. */
function requireBatch(batch: Uint32Array, rows: number): void {
  if (batch.length === 0 || !batch.every((row) => row < rows)) {
    throw new WardroundError('batch-order', 'a batch that is empty or names a row that is not there');
  }
}
