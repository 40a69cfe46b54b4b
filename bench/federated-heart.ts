// Federated accuracy on the four real hospitals beside FLamby's published rows, and what our best plan reaches:
// `npm run bench:heart -- [--data FOLDER] [--seeds N] [--only NAME]... [--backend NAME] [--save FILE]`.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { type BackendName, backendNames, defaultBackend } from '@wardround/learning/tfjs/backend-name';
import { runBest, runOnOneScale, runRow } from './heart/federation.ts';
import { bestPlan } from './heart/plans.ts';
import { type PublishedRow, publishedRows, publishedSeeds } from './heart/published.ts';
import {
  bestTable,
  compare,
  loudLines,
  type MeasuredRow,
  outsideLines,
  reportTable,
  type ScoredModel,
  type SiteScore,
} from './heart/report.ts';
import { Saved } from './heart/saved.ts';
import { type HeartData, heartFile, readHeart } from './heart/sites.ts';
import { loadInWords, machineInWords } from './machine.ts';

const firstSeed = 42;
/** One of Switzerland's test patients is 6 points of that site: fewer seeds say little. */
const fewestSeeds = 100;

async function main(): Promise<void> {
  const { file, seeds, chosen, backendName, save } = readArguments();
  const backend = await startBackend(backendName);
  const data = await readHeart(file, bestPlan().cohort);
  const started = performance.now();
  const measured: MeasuredRow[] = [];
  for (const row of chosen)
    measured.push(await measureRow({ backend, data, file, seeds, saved: new Saved(save) }, row));
  const minutes = (performance.now() - started) / 60_000;
  const compared = measured.map(compare);
  const names = data.sites.map(({ name }) => name);
  introduce({ data, file, seeds, backend, minutes });
  console.log(reportTable(compared, names));
  console.log(
    '\nOur best plan, bench/heart/best-plan.yaml. Beside it FLamby’s pooled model (mean of 5 seeds), tested as it was trained:',
  );
  console.log(
    'on the scale of all hospitals together, while FLamby’s own figure is of rows scaled by each site alone.\n',
  );
  console.log(bestTable(await bestModels(backend, data), names));
  for (const line of loudLines(compared)) console.log(`\n${line}`);
  const outside = outsideLines(compared);
  for (const line of outside) console.log(`\n${line}`);
  if (seeds < fewestSeeds) console.log(`\n!!! ${seeds} seeds are too few to compare with: use --seeds ${fewestSeeds}.`);
  else if (outside.length > 0) process.exitCode = 1;
}

interface Measuring {
  readonly backend: Backend;
  readonly data: HeartData;
  readonly file: string;
  readonly seeds: number;
  readonly saved: Saved;
}

async function measureRow({ backend, data, file, seeds, saved }: Measuring, row: PublishedRow): Promise<MeasuredRow> {
  const digest = digestOf(file);
  const bySeed: (readonly number[])[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const question = { row: row.name, seed, backend: backend.description, data: digest };
    bySeed.push(await saved.accuracies(question, async () => await runRow({ backend, data, row, seed })));
    process.stderr.write(`\r${row.name}: ${bySeed.length} of ${seeds} seeds   `);
  }
  process.stderr.write('\n');
  return { row, bySeed };
}

async function bestModels(backend: Backend, data: HeartData): Promise<readonly ScoredModel[]> {
  const models: ScoredModel[] = [{ name: 'our best plan', bySeed: [await runBest(backend, data)] }];
  for (const row of publishedRows.filter(({ place }) => place === 'onePlace')) {
    const seeds = Array.from({ length: publishedSeeds }, (_, i) => firstSeed + i);
    const bySeed: (readonly SiteScore[])[] = [];
    for (const seed of seeds) bySeed.push(await runOnOneScale({ backend, data, row, seed }));
    models.push({ name: `${row.name}, on one scale`, bySeed });
  }
  return models;
}

function introduce({
  data: { sites, pooled },
  file,
  seeds,
  backend,
  minutes,
}: Omit<Measuring, 'saved'> & { readonly minutes: number }): void {
  const patients = sites.map(({ name, data: { train, test } }) => `${name} ${train.rows} + ${test.rows}`);
  console.log(`Data: ${pooled.provenance} patients, UCI Heart Disease with FLamby's preprocessing and folds`);
  console.log(
    `      (fed_heart_740.csv, SHA-256 ${digestOf(file).slice(0, 16)}…); train + test: ${patients.join(', ')}.`,
  );
  console.log('Runs: bench/heart/plan.yaml (logistic regression, 15 rounds of 100 updates of batch 4) with each row’s');
  console.log(
    `      strategy; seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${minutes.toFixed(1)} minutes (not counting what --save kept), ${backend.description}.`,
  );
  console.log(`On:   ${machineInWords()}; ${loadInWords()}.`);
  console.log('Mean over the four sites of the accuracy at 0.5, ± sd over seeds; then our mean for each site.\n');
}

interface Arguments {
  readonly file: string;
  readonly seeds: number;
  readonly chosen: readonly PublishedRow[];
  readonly backendName: BackendName;
  readonly save: string | null;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      seeds: { type: 'string', default: '5' },
      only: { type: 'string', multiple: true },
      backend: { type: 'string', default: defaultBackend },
      save: { type: 'string' },
    },
  });
  const beside = resolve(import.meta.dirname, '../../shared/data');
  const file = heartFile(resolve(values.data ?? process.env['WARDROUND_DATA_DIR'] ?? beside));
  const seeds = Number(values.seeds);
  if (!existsSync(file)) fail(`${file} is not there: name its folder's parent with --data or WARDROUND_DATA_DIR`);
  if (!Number.isInteger(seeds) || seeds < 2) fail('--seeds takes a whole number from 2');
  const chosen = publishedRows.filter(({ name }) => values.only === undefined || values.only.includes(name));
  if (chosen.length === 0) fail(`--only takes one of: ${publishedRows.map(({ name }) => name).join('; ')}`);
  const backendName = backendNames.find((name) => name === values.backend);
  if (backendName === undefined) fail(`--backend takes one of ${backendNames.join(', ')}`);
  return { file, seeds, chosen, backendName, save: values.save === undefined ? null : resolve(values.save) };
}

function digestOf(file: string): string {
  return toHex(sha256(readFileSync(file)));
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

await main();
