// A small CNN on public chest X-rays, dealt out to four sites, by FedAvg: `npm run bench:xray -- [--data FOLDER] [--alpha A] [--seed N] [--rounds N]`.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { auroc } from '@wardround/learning/metrics';
import { simulateStudy } from '@wardround/learning/simulation/simulate-study';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { simulatedPlan } from '../cli/src/simulate/simulated-plan.ts';
import { machineInWords } from './machine.ts';
import { markdownTable } from './table.ts';
import { type XraySites, readXraySites } from './xray/sites.ts';

const wanted = 0.95;
const mostMinutes = 5;

async function main(): Promise<void> {
  const { directory, alpha, seed, rounds } = readArguments();
  const plan = readPlan(seed, rounds);
  const backend = await startBackend('wasm');
  const partition = alpha === null ? ({ method: 'iid' } as const) : ({ method: 'dirichlet', alpha } as const);
  const data = await readXraySites({ plan, directory, partition, seed });
  const started = performance.now();
  const cpu = process.cpuUsage();
  const rows: string[][] = [];
  let model: readonly Tensor[] = [];
  for await (const { round, loss, checkpoint } of simulateStudy({ backend, plan, sites: data.sites })) {
    model = checkpoint.model;
    const seconds = (performance.now() - started) / 1000;
    process.stderr.write(`\rround ${round} of ${plan.rounds}, ${seconds.toFixed(0)} s   `);
    if (round % 2 === 0 || round === plan.rounds) {
      rows.push([
        `${round}`,
        (loss ?? Number.NaN).toFixed(3),
        aurocOf(backend, { plan, model, data }).toFixed(4),
        `${seconds.toFixed(0)} s`,
      ]);
    }
  }
  const minutes = (performance.now() - started) / 60_000;
  const { user, system } = process.cpuUsage(cpu);
  const reached = aurocOf(backend, { plan, model, data });
  process.stderr.write('\n');
  console.log('Data: PneumoniaMNIST, chest X-rays of 28 × 28, CC BY 4.0;');
  console.log(
    `      ${alpha === null ? 'dealt out by chance' : `Dirichlet ${alpha}`}, seed ${seed}: ${sitesInWords(data)};`,
  );
  console.log(`      ${data.test.rows} test pictures that no site has.`);
  console.log(`Plan: bench/xray/plan.yaml: ${JSON.stringify(plan.model)}, standardise ${plan.cohort.standardise},`);
  console.log(`      ${JSON.stringify(plan.training)}, ${plan.strategy.name}, ${plan.rounds} rounds.`);
  console.log(`On:   ${machineInWords()}; ${backend.description}.`);
  console.log(
    `Took: ${minutes.toFixed(1)} minutes, of one processor ${((user + system) / 60e6).toFixed(1)} minutes.\n`,
  );
  console.log(markdownTable([['round', 'training loss', 'test AUROC', 'after'], ...rows]));
  console.log(`\nAUROC on the test pictures: ${reached.toFixed(4)}.`);
  if (reached < wanted) console.log(`\n!!! below ${wanted}`);
  if (minutes > mostMinutes) console.log(`\n!!! longer than ${mostMinutes} minutes`);
  if (reached < wanted || minutes > mostMinutes) process.exitCode = 1;
}

interface Model {
  readonly plan: StudyPlan;
  readonly model: readonly Tensor[];
  readonly data: XraySites;
}

function aurocOf(backend: Backend, { plan, model, data: { test } }: Model): number {
  const predictions = predict({ backend, plan, model, features: test.features });
  return auroc({ predictions, labels: test.labels }) ?? Number.NaN;
}

function sitesInWords({ sites }: XraySites): string {
  return sites
    .map(({ name, data: { train } }) => {
      const ill = Array.from(train.labels).filter((label) => label === 1).length;
      return `${name} ${train.rows} (${Math.round((100 * ill) / train.rows)} % pneumonia)`;
    })
    .join(', ');
}

function readPlan(seed: number, rounds: number | null): StudyPlan {
  const source = parsePlanSource(parseYaml(readFileSync(join(import.meta.dirname, 'xray', 'plan.yaml'), 'utf8')));
  const chosen = rounds === null ? source : { ...source, rounds };
  return simulatedPlan({ source: chosen, roster: source.sites.roster, givenWeights: false, seed });
}

interface Arguments {
  readonly directory: string;
  readonly alpha: number | null;
  readonly seed: number;
  readonly rounds: number | null;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      alpha: { type: 'string' },
      seed: { type: 'string', default: '42' },
      rounds: { type: 'string' },
    },
  });
  const beside = resolve(import.meta.dirname, '../../shared/data');
  const directory = join(resolve(values.data ?? process.env['WARDROUND_DATA_DIR'] ?? beside), 'pneumonia-mnist');
  const alpha = values.alpha === undefined ? null : Number(values.alpha);
  const seed = Number(values.seed);
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (!existsSync(directory)) fail(`${directory} is not there: name its parent with --data or WARDROUND_DATA_DIR`);
  if (alpha !== null && !(alpha > 0)) fail('--alpha takes a number above 0');
  if (!Number.isSafeInteger(seed) || seed < 0) fail('--seed takes a whole number');
  if (rounds !== null && !(Number.isSafeInteger(rounds) && rounds > 0)) fail('--rounds takes a whole number above 0');
  return { directory, alpha, seed, rounds };
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

await main();
