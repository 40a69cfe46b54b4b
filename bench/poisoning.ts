// One hostile site of five, on real tumours: which strategies keep their AUROC. `npm run bench:poisoning -- [--data FOLDER] [--seeds N]`.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { machineInWords } from './machine.ts';
import { attacks } from './poisoning/attacks.ts';
import { runPoisoned } from './poisoning/federation.ts';
import { contenders, planFor, rounds } from './poisoning/plans.ts';
import { type Cell, brokenPromises, reportTable, tolerance } from './poisoning/report.ts';
import { readTumours, splitTumours, wdbcFile } from './poisoning/sites.ts';

const firstSeed = 42;

async function main(): Promise<void> {
  const { file, seeds } = readArguments();
  const backend = await startBackend('wasm');
  const tumours = readTumours(file);
  const cells: Cell[] = [];
  for (const contender of contenders) {
    for (const attack of attacks) {
      const bySeed: (number | null)[] = [];
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        const split = splitTumours(tumours, seed);
        bySeed.push((await runPoisoned({ backend, plan: planFor(contender, seed), split, attack })).auroc);
      }
      cells.push({ contender, attack: attack.name, bySeed });
      process.stderr.write(`\r${contender.name}: ${attack.name}            `);
    }
  }
  process.stderr.write('\n');
  console.log(
    'Data: 569 tumours (Wisconsin Diagnostic Breast Cancer), 400 drawn over five sites, 169 held out; the third site is hostile.',
  );
  console.log(`Runs: logistic regression, ${rounds} rounds of 10 steps of batch 16, all sites alike, norm bound 100;`);
  console.log(`      seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${backend.description}.`);
  console.log(`On:   ${machineInWords()}.`);
  console.log('AUROC on the held-out tumours, mean over seeds.\n');
  console.log(
    reportTable(
      cells,
      attacks.map(({ name }) => name),
    ),
  );
  const broken = brokenPromises(cells);
  for (const line of broken) console.log(`\n${line}`);
  if (broken.length > 0) process.exitCode = 1;
  else
    console.log(
      `\nEvery rule that selects is within ${tolerance} of its clean AUROC under every attack that the enclave takes.`,
    );
}

function readArguments(): { readonly file: string; readonly seeds: number } {
  const { values } = parseArgs({ options: { data: { type: 'string' }, seeds: { type: 'string', default: '5' } } });
  const beside = resolve(import.meta.dirname, '../../shared/data');
  const file = wdbcFile(resolve(values.data ?? process.env['WARDROUND_DATA_DIR'] ?? beside));
  const seeds = Number(values.seeds);
  if (!existsSync(file)) fail(`${file} is not there: name its folder's parent with --data or WARDROUND_DATA_DIR`);
  if (!Number.isInteger(seeds) || seeds < 1) fail('--seeds takes a whole number from 1');
  return { file, seeds };
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

await main();
