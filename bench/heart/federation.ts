// One federation in one process: what sites and enclave compute, through their own code, without what lies between them.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import type { Tensor } from '@wardround/protocol/safetensors';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { accuracy } from '@wardround/learning/metrics';
import { modelShape } from '@wardround/learning/model-shape';
import { serverStrategy } from '@wardround/learning/strategies/of-plan';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { quantiseUpdate } from '@wardround/learning/update';
import { Accumulator } from '../../aggregator-enclave/src/enclave/accumulator.ts';
import { batchSize, type PublishedRow, rounds, steps } from './published.ts';
import { heartCohort, type HeartSite } from './sites.ts';

type Plan = Pick<StudyPlan, 'cohort' | 'model' | 'training' | 'strategy' | 'encoding'>;

export interface FederationRun {
  readonly backend: Backend;
  readonly sites: readonly HeartSite[];
  readonly row: PublishedRow;
  /** Fixes the initial weights and every batch. */
  readonly seed: number;
}

/** Accuracy at 0.5 of the last global model on each site's own test fold, in the sites' order. */
export async function runFederation({ backend, sites, row, seed }: FederationRun): Promise<readonly number[]> {
  const plan = planOf(row, seed);
  const server = row.server ?? serverStrategy(plan.strategy);
  let model = torchLinear(plan, seed);
  let state = server.initialState(model);
  for (let round = 1; round <= rounds; round += 1) {
    const { sums, totalWeight } = await sumOfRound({ backend, plan, model, sites, round });
    const { stepLog2 } = plan.encoding.update;
    ({ model, state } = server.apply({ model, state, sums, totalWeight, stepLog2, round }));
  }
  return sites.map(({ encoded: { test } }) =>
    accuracy({ predictions: predict({ backend, plan, model, features: test.features }), labels: test.labels }),
  );
}

function planOf({ strategy, learningRate }: PublishedRow, seed: number): Plan {
  return {
    cohort: heartCohort,
    model: { kind: 'logisticRegression', l2: '0' },
    training: {
      method: 'gradientDescent',
      optimizer: { name: 'sgd', learningRate, momentum: '0' },
      batchSize,
      steps,
      seed,
      classWeights: { method: 'none' },
      earlyStopping: { method: 'none' },
    },
    strategy,
    encoding: {
      update: { ring: 'int32', stepLog2: -24, normBound: '10' },
      sums: { ring: 'int64', stepLog2: -24 },
      paddingBytes: 4096,
    },
  };
}

/** PyTorch's initial weights of a linear layer: weight and bias uniform on ±1/√inputs. Drawn from the seed by our own generator. */
function torchLinear(plan: Plan, seed: number): readonly Tensor[] {
  const random = new SeededRandom(labels.seededInitialiser, ['bench', seed]);
  const limit = 1 / Math.sqrt(plan.cohort.features.length);
  return modelShape(plan).map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length }, () => (2 * random.fraction() - 1) * limit);
    return { name, shape, dtype: 'F32', data };
  });
}

interface RoundJob {
  readonly backend: Backend;
  readonly plan: Plan;
  readonly model: readonly Tensor[];
  readonly sites: readonly HeartSite[];
  readonly round: number;
}

/** Every site's fixed-point update, summed by the enclave's accumulator, weighted by training patients. */
async function sumOfRound({
  backend,
  plan,
  model,
  sites,
  round,
}: RoundJob): Promise<{ sums: readonly BigInt64Array[]; totalWeight: number }> {
  const accumulator = new Accumulator(model.map(({ data }) => data.length));
  let totalWeight = 0;
  for (const { name, encoded } of sites) {
    const data = encoded.train;
    const local = await trainLocally({ backend, plan, model, data, site: name, round });
    const { tensors, clipped } = quantiseUpdate({ base: model, local: local.model }, plan.encoding.update);
    if (clipped) throw new WardroundError('bench-clipped', 'an update was clipped, which FLamby does not do');
    tensors.forEach(({ data: values }, tensor) => accumulator.add({ tensor, start: 0, values }, data.rows));
    totalWeight += data.rows;
  }
  return { sums: accumulator.sums(), totalWeight };
}
