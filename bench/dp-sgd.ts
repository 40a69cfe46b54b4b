// What DP-SGD costs beside training without privacy, and beside the loop over single rows that it replaces: `npm run bench:dp-sgd`.
import { parseDecimal } from '@wardround/protocol/decimal';
import { initialModel } from '@wardround/learning/initial-model';
import { modelShape } from '@wardround/learning/model-shape';
import { elementsOf } from '@wardround/learning/tensor-view';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { trainPrivately } from '@wardround/learning/tfjs/per-example-training';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { DiscreteGaussian } from '@wardround/privacy/noise/discrete-gaussian';
import { GradientNoise } from '@wardround/privacy/noise/gradient-noise';
import { freshBytes, RandomWords } from '@wardround/privacy/noise/random-words';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { type Case, cases } from './dp-sgd/cases.ts';
import { machineInWords } from './machine.ts';
import { markdownTable } from './table.ts';

const measurements = 3;

const noisy: Pick<StudyPlan, 'privacy' | 'encoding' | 'strategy'> = {
  privacy: {
    mode: 'dpSgd',
    unit: 'patient',
    adjacency: 'addOrRemoveOne',
    trusts: 'ownSite',
    clipNorm: '1',
    epsilon: '3',
    delta: '0.00001',
    accountant: 'pld',
    candidates: 1,
    noise: [{ mechanism: 'update', noiseMultiplier: '1.1', samplingRate: '0.125' }],
  },
  encoding: {
    update: { ring: 'int32', stepLog2: -24, normBound: '10' },
    sums: { ring: 'int64', stepLog2: -24 },
    paddingBytes: 4096,
  },
  strategy: { name: 'fedAvg' },
};

async function main(): Promise<void> {
  const backend = await startBackend('wasm');
  console.log(
    `On: ${machineInWords()}; ${backend.description}. Least of ${measurements} measurements of processor time.\n`,
  );
  const lines: string[][] = [];
  for (const one of cases) lines.push(await measureCase(backend, one));
  const header = ['model', 'parameters', 'batch', 'not private', 'DP-SGD', 'times', 'of which noise', 'one by one'];
  console.log(markdownTable([header, ...lines]));
  console.log('\nMilliseconds of processor a step; DP-SGD with as many rows as the other, and fresh noise.\n');
  console.log(markdownTable([['discrete Gaussian, σ in steps', 'million values a second'], ...samplerLines()]));
}

async function measureCase(backend: Backend, one: Case): Promise<string[]> {
  const parameters = modelShape(one.plan).reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const plain = await leastOf(one.steps, () => trainPlainly(backend, one));
  const hidden = await leastOf(one.steps, () => trainHidden(backend, one));
  const quiet = await leastOf(one.steps, () => trainHidden(backend, one, (sums) => sums));
  const alone = await leastOf(1, () => trainOneByOne(backend, one));
  const shown = [plain, hidden].map((value) => value.toFixed(2));
  const noise = Math.max(0, hidden - quiet);
  return [
    one.name,
    `${parameters}`,
    `${one.batch}`,
    ...shown,
    (hidden / plain).toFixed(1),
    noise.toFixed(2),
    alone.toFixed(1),
  ];
}

function rowsOf({ batch, steps }: Case): Uint32Array[] {
  return Array.from({ length: steps }, (_, step) => Uint32Array.from({ length: batch }, (__, i) => (step + i) % 512));
}

async function trainPlainly(backend: Backend, one: Case): Promise<void> {
  const { plan, data } = one;
  await trainLocally({ backend, plan, model: initialModel(plan), data, site: 'va', round: 1, batches: rowsOf(one) });
}

type Noise = (sums: readonly Float64Array[]) => readonly Float64Array[];

async function trainHidden(backend: Backend, one: Case, noised?: Noise): Promise<void> {
  const { plan, data, batch } = one;
  const noise = new GradientNoise(noisy, freshBytes);
  const batches = rowsOf(one);
  let step = 0;
  const chance = {
    sampledRows: () => batches[step++] ?? new Uint32Array(0),
    noised: noised ?? ((sums: readonly Float64Array[]) => noise.noised(sums)),
  };
  await trainPrivately({
    backend,
    plan,
    model: initialModel(plan),
    data,
    grid: noise.grid,
    chance,
    physicalBatch: batch,
  });
}

/** One step's gradients by as many steps of one row. */
async function trainOneByOne(backend: Backend, { plan, data, batch }: Case): Promise<void> {
  const batches = Array.from({ length: batch }, (_, row) => Uint32Array.of(row));
  const training = { ...plan.training, batchSize: 1, steps: batch };
  const model = initialModel(plan);
  await trainLocally({ backend, plan: { ...plan, training }, model, data, site: 'va', round: 1, batches });
}

/** Milliseconds of processor a step. */
async function leastOf(steps: number, run: () => Promise<void>): Promise<number> {
  await run();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < measurements; i += 1) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000 / steps);
  }
  return least;
}

function samplerLines(): string[][] {
  const values = 500_000;
  return ['0.1', '1', '10', '18454937.6', '1099511627776'].map((sigma) => {
    const gaussian = new DiscreteGaussian(parseDecimal(sigma));
    const words = new RandomWords(freshBytes);
    const draw = (count: number): void => {
      for (let i = 0; i < count; i += 1) gaussian.sample(words);
    };
    draw(values / 5);
    const before = process.cpuUsage();
    draw(values);
    const { user, system } = process.cpuUsage(before);
    return [sigma, (values / (user + system)).toFixed(1)];
  });
}

await main();
