// Federated accuracy on the four real hospitals beside FLamby's published rows: `npm run bench:heart -- [--data FOLDER] [--seeds N] [--only NAME]`.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { runFederation } from './heart/federation.ts';
import { batchSize, type PublishedRow, publishedRows, rounds, steps } from './heart/published.ts';
import { compare, loudLines, type MeasuredRow, reportTable } from './heart/report.ts';
import { heartFile, readHeartSites } from './heart/sites.ts';
import { machineInWords } from './machine.ts';

const firstSeed = 42;
const fewestSeeds = 20;

async function main(): Promise<void> {
  const { file, seeds, chosen } = readArguments();
  const backend = await startBackend('wasm');
  const sites = await readHeartSites(file);
  const started = performance.now();
  const measured: MeasuredRow[] = [];
  for (const row of chosen) {
    const bySeed: (readonly number[])[] = [];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      bySeed.push(await runFederation({ backend, sites, row, seed }));
      process.stderr.write(`\r${row.name}: ${bySeed.length} of ${seeds} seeds   `);
    }
    measured.push({ row, bySeed });
    process.stderr.write('\n');
  }
  const minutes = (performance.now() - started) / 60_000;
  const compared = measured.map(compare);
  const patients = sites.map(({ name, encoded: { train, test } }) => `${name} ${train.rows} + ${test.rows}`);
  console.log(
    `Data: ${sites[0]?.encoded.provenance ?? '?'} patients, UCI Heart Disease with FLamby's preprocessing and folds`,
  );
  console.log(
    `      (fed_heart_740.csv, SHA-256 ${digestOf(file).slice(0, 16)}…); train + test: ${patients.join(', ')}.`,
  );
  console.log(
    `Runs: logistic regression, SGD, ${rounds} rounds of ${steps} updates of batch ${batchSize}, weighted by patients;`,
  );
  console.log(
    `      seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${minutes.toFixed(1)} minutes, ${backend.description}.`,
  );
  console.log(`On:   ${machineInWords()}.`);
  console.log('Mean over the four sites of the accuracy at 0.5, ± sd over seeds; then our mean for each site.\n');
  console.log(
    reportTable(
      compared,
      sites.map(({ name }) => name),
    ),
  );
  for (const line of loudLines(compared)) console.log(`\n${line}`);
  if (seeds < fewestSeeds) console.log(`\n!!! ${seeds} seeds are too few to compare with: use ${fewestSeeds} or more.`);
}

interface Arguments {
  readonly file: string;
  readonly seeds: number;
  readonly chosen: readonly PublishedRow[];
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      seeds: { type: 'string', default: `${fewestSeeds}` },
      only: { type: 'string' },
    },
  });
  const beside = resolve(import.meta.dirname, '../../shared/data');
  const file = heartFile(resolve(values.data ?? process.env['WARDROUND_DATA_DIR'] ?? beside));
  const seeds = Number(values.seeds);
  if (!existsSync(file)) fail(`${file} is not there: name its folder's parent with --data or WARDROUND_DATA_DIR`);
  if (!Number.isInteger(seeds) || seeds < 2) fail('--seeds takes a whole number from 2');
  const chosen = publishedRows.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) fail(`--only takes one of ${publishedRows.map(({ name }) => name).join('; ')}`);
  return { file, seeds, chosen };
}

function digestOf(file: string): string {
  return toHex(sha256(readFileSync(file)));
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

await main();
