// One row's study in one process, by the product's own simulation, and what its last model is worth at each site.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { labels } from '@wardround/protocol/labels';
import type { Tensor } from '@wardround/protocol/safetensors';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { evaluate } from '@wardround/learning/metrics';
import { modelShape } from '@wardround/learning/model-shape';
import { type SimulatedSite, type Simulation, simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { prepared } from '@wardround/learning/statistics/prepared';
import { answersOf } from '@wardround/learning/tfjs/answers';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { trainWithServer } from './other-server.ts';
import { bestPlan, planOfRow, pooledName } from './plans.ts';
import type { PublishedRow } from './published.ts';
import type { SiteScore } from './report.ts';
import type { HeartData, HeartSite } from './sites.ts';

export interface RowRun {
  readonly backend: Backend;
  readonly data: HeartData;
  readonly row: PublishedRow;
  /** Fixes the initial weights and every batch. */
  readonly seed: number;
}

/** Accuracy at 0.5 of the last model on each site's own test fold, in the sites' order. */
export async function runRow(run: RowRun): Promise<readonly number[]> {
  const trained = await trainRow(run);
  return run.data.sites.map((site) => scoreAt(trained, site).accuracy);
}

/** The same, with every site's test rows on the scale of all training rows together: for a model that was trained on that scale. */
export async function runOnOneScale(run: RowRun): Promise<readonly SiteScore[]> {
  const trained = await trainRow(run);
  const { sites, pooled } = run.data;
  return sites.map(({ name, data }) => scoreAt(trained, { name, data: { ...data, train: pooled.train } }));
}

async function trainRow({ backend, data, row, seed }: RowRun): Promise<Trained> {
  const plan = planOfRow(row, seed);
  const initialModel = torchLinear(plan, seed);
  const places = row.place === 'sites' ? data.sites : [{ name: pooledName, data: data.pooled }];
  const study = { backend, plan, sites: places.map((site) => simulated(site, plan)), initialModel };
  const { server } = row;
  const trained =
    server === undefined
      ? await lastCheckpoint(study)
      : { model: await trainWithServer(study, { server, initialModel }), state: [] };
  return { backend, plan, trained };
}

/** Newton's method gives the same model whatever the seed: nothing is drawn. */
export async function runBest(backend: Backend, { sites }: HeartData): Promise<readonly SiteScore[]> {
  const plan = bestPlan();
  const trained = await lastCheckpoint({ backend, plan, sites: sites.map((site) => simulated(site, plan)) });
  return sites.map((site) => scoreAt({ backend, plan, trained }, site));
}

function simulated({ name, data }: HeartSite, { weighting }: StudyPlan): SimulatedSite {
  return { name, data, weight: weighting === 'equal' ? 1 : data.train.rows };
}

async function lastCheckpoint(simulation: Simulation): Promise<Trained['trained']> {
  let trained: Trained['trained'] = { model: [], state: [] };
  for await (const { checkpoint } of simulateStudy(simulation)) trained = checkpoint;
  return trained;
}

interface Trained {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  readonly trained: Pick<Checkpoint, 'model' | 'state'>;
}

/** Test rows are standardised as the plan says: by the site itself, for pooled training too, as FLamby's benchmark has it. */
function scoreAt({ backend, plan, trained: { model, state } }: Trained, site: HeartSite): SiteScore {
  const { test } = prepared({ plan, data: site.data, state }).data;
  const predictions = answersOf({ backend, plan, model, rows: test });
  const { accuracy, auroc } = evaluate(['accuracy', 'auroc'], 'binary', { predictions, labels: test.labels });
  return { accuracy: accuracy ?? Number.NaN, auroc: auroc ?? Number.NaN };
}

/** PyTorch's initial weights of a linear layer: weight and bias uniform on ±1/√inputs. Drawn from the seed by our own generator. */
function torchLinear(plan: StudyPlan, seed: number): readonly Tensor[] {
  const random = new SeededRandom(labels.seededInitialiser, ['bench', seed]);
  const limit = 1 / Math.sqrt(plan.cohort.features.length);
  return modelShape(plan).map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length }, () => (2 * random.fraction() - 1) * limit);
    return { name, shape, dtype: 'F32', data };
  });
}
