// The oracle: fed the recorded batches, local WASM training, fixed-point updates and the strategies land on every recorded global state.
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { explicitBatches } from '@wardround/learning/batches';
import { serverStrategy } from '@wardround/learning/strategies/of-plan';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type TrainingRows, trainLocally } from '@wardround/learning/tfjs/train';
import { quantiseUpdate } from '@wardround/learning/update';
import { type LearningPlan, cohortOf, planOf, sgd } from './plans.ts';
import { hasShared, readShared } from './shared-data.ts';
import { testBackend } from './test-backend.ts';

const present = hasShared('fed-heart', 'trace.json');
const featureNames = 'age,sex,trestbps,chol,fbs,thalach,exang,oldpeak,cp_2,cp_3,cp_4,restecg_1,restecg_2'.split(',');
const stateSchema = z.object({ weight: z.array(z.number()).length(13), bias: z.array(z.number()).length(1) });
const traceSchema = z.object({
  batch_size: z.literal(4),
  num_updates: z.literal(100),
  nrounds: z.literal(15),
  init: stateSchema,
  strategies: z.record(z.string(), z.object({ per_round_global: z.array(stateSchema).length(15) })),
  batch_index_stream: z.array(z.array(z.int())).length(4),
});
type Trace = z.infer<typeof traceSchema>;
type State = z.infer<typeof stateSchema>;

const adaptive = { serverLearningRate: '0.01', beta1: '0.9', beta2: '0.999', tau: '0.00000001' };
const cases: readonly { name: string; strategy: Strategy; learningRate: string }[] = [
  { name: 'FedAvg', strategy: { name: 'fedAvg' }, learningRate: '0.001' },
  { name: 'FedProx', strategy: { name: 'fedProx', mu: '0.01' }, learningRate: '0.001' },
  { name: 'FedAdam', strategy: { name: 'fedAdam', ...adaptive }, learningRate: '0.01' },
];

describe.skipIf(!present)('fed-heart trace', () => {
  let backend: Backend;
  let trace: Trace;
  let sites: readonly TrainingRows[];
  beforeAll(async () => {
    backend = await startBackend(testBackend);
    trace = traceSchema.parse(JSON.parse(readShared('fed-heart', 'trace.json')));
    sites = readSites();
  });

  it.each(cases)(
    '$name: all fifteen rounds within 1e-6',
    { timeout: 120_000 },
    async ({ name, strategy, learningRate }) => {
      const plan = planOf({
        cohort: cohortOf(featureNames),
        strategy,
        training: { ...sgd, optimizer: { name: 'sgd', learningRate, momentum: '0' }, batchSize: 4, steps: 100 },
      });
      const reached = await runFederation({ backend, plan, trace, sites });
      const differences = reached.map((model, i) =>
        largestDifference(model, trace.strategies[name]?.per_round_global[i]),
      );
      expect(differences).toHaveLength(15);
      expect(Math.max(...differences)).toBeLessThan(1e-6);
    },
  );
});

interface Federation {
  readonly backend: Backend;
  readonly plan: LearningPlan;
  readonly trace: Trace;
  readonly sites: readonly TrainingRows[];
}

/** What sites and enclave do, without what lies between them. */
async function runFederation({ backend, plan, trace, sites }: Federation): Promise<(readonly Tensor[])[]> {
  const server = serverStrategy(plan.strategy);
  const totalWeight = sites.reduce((sum, { rows }) => sum + rows, 0);
  let model = toModel(trace.init);
  let state = server.initialState(model);
  const reached: (readonly Tensor[])[] = [];
  for (let round = 1; round <= trace.nrounds; round += 1) {
    const sums = model.map(({ data }) => new BigInt64Array(data.length));
    for (const [i, data] of sites.entries()) {
      const order = trace.batch_index_stream[i] ?? [];
      const batches = explicitBatches({ order, rows: data.rows, batchSize: 4, steps: 100, round });
      const local = await trainLocally({ backend, plan, model, data, site: `site-${i}`, round, batches });
      const update = quantiseUpdate({ base: model, local: local.model }, plan.encoding.update);
      update.tensors.forEach(({ data: values }, t) => {
        values.forEach((value, j) => {
          const sum = sums[t];
          if (sum !== undefined) sum[j] = (sum[j] ?? 0n) + BigInt(value) * BigInt(data.rows);
        });
      });
    }
    ({ model, state } = server.apply({
      model,
      state,
      sums,
      totalWeight,
      stepLog2: plan.encoding.update.stepLog2,
      round,
    }));
    reached.push(model);
  }
  return reached;
}

/** Training rows in file order, standardised per site with (x − mean) / (std + 1e-9), ddof 1; Switzerland's cholesterol is constant. */
function readSites(): readonly TrainingRows[] {
  const [header = '', ...lines] = readShared('fed-heart', 'fed_heart_740.csv').trim().split('\n');
  const names = header.trim().split(',');
  const rows = lines.map((line) => line.trim().split(','));
  const cell = (row: readonly string[], name: string): string => row[names.indexOf(name)] ?? '';
  return ['0', '1', '2', '3'].map((center) => {
    const own = rows.filter((row) => cell(row, 'center') === center && cell(row, 'fold') === 'train');
    const columns = featureNames.map((name) => standardise(own.map((row) => Number(cell(row, name)))));
    return {
      rows: own.length,
      features: Float64Array.from(own.flatMap((_, i) => columns.map((column) => column[i] ?? Number.NaN))),
      labels: Float64Array.from(own, (row) => Number(cell(row, 'target'))),
    };
  });
}

function standardise(values: readonly number[]): readonly number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return values.map((value) => (value - mean) / (Math.sqrt(variance) + 1e-9));
}

function toModel({ weight, bias }: State): readonly Tensor[] {
  return [
    { name: 'weight', shape: [13, 1], dtype: 'F32', data: Float32Array.from(weight) },
    { name: 'bias', shape: [1], dtype: 'F32', data: Float32Array.from(bias) },
  ];
}

function largestDifference(model: readonly Tensor[], expected: State | undefined): number {
  const want = [...(expected?.weight ?? []), ...(expected?.bias ?? [])];
  const got = model.flatMap(({ data }) => Array.from(data, Number));
  expect(got).toHaveLength(want.length);
  return Math.max(...got.map((value, i) => Math.abs(value - (want[i] ?? Number.NaN))));
}
