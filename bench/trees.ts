// Federated trees on 100,000 real encounters beside the same rows pooled, each site alone, and other people's boosting:
// `npm run bench:trees -- [--data FOLDER] [--trees N] [--python PATH] [--no-peers]`.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { inputCount } from '@wardround/protocol/input-columns';
import { roundsOfTrees } from '@wardround/protocol/tree-sizes';
import { checkpointDigest, encodeCheckpoint } from '@wardround/learning/checkpoint';
import { type Answers, evaluate } from '@wardround/learning/metrics';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { predictTrees } from '@wardround/learning/trees/predict';
import { machineInWords } from './machine.ts';
import { markdownTable } from './table.ts';
import { type DiabetesSite, diabetesCohort, readDiabetesSites } from './trees/diabetes.ts';
import { type GrownForest, growForest } from './trees/federation.ts';
import { runPeers } from './trees/peers.ts';
import { diabetesPlan, treesModel } from './trees/plan.ts';

const metrics = ['auroc', 'auprc', 'brier', 'loss'] as const;
type Line = readonly [name: string, ...values: string[]];

async function main(): Promise<void> {
  const { zip, trees, python, withPeers } = readArguments();
  const sites = await readDiabetesSites(zip);
  const train = pooled(sites.map(({ encoded }) => encoded.train));
  const test = pooled(sites.map(({ encoded }) => encoded.test));
  describe(zip, sites, { train, test });

  const model = { ...treesModel, trees };
  const lines: Line[] = [];
  for (const [bins, statistics] of [
    ['bins by range', []],
    ['bins by federated quantiles', ['quantiles']],
  ] as const) {
    const plan = diabetesPlan(model, [...statistics]);
    const grow = (name: string, parts: readonly Rows[]): GrownForest =>
      growForest(plan, parts, (round) => process.stderr.write(`\r${name}: round ${round} of ${plan.rounds}   `));
    const answers = ({ checkpoint }: GrownForest): Answers => ({
      predictions: predictTrees({ plan, model: checkpoint.model, features: test.features }),
      labels: Float64Array.from(test.labels),
    });
    const federated = grow(
      'federated',
      sites.map(({ encoded }) => encoded.train),
    );
    lines.push(line(`wardround, ten sites, ${bins}`, answers(federated), federated.seconds));
    const whole = grow('pooled', [train]);
    lines.push(line(`wardround, pooled, ${bins}`, answers(whole), whole.seconds));
    process.stderr.write('\n');
    sayWhetherEqual(bins, federated, whole);
    if (statistics.length > 0) continue;
    const alone = sites.map(({ name, encoded }) => answers(grow(name, [encoded.train])));
    process.stderr.write('\n');
    lines.push(averageLine('wardround, one site alone (mean of ten)', alone));
  }
  const peers = withPeers ? runPeers({ train, test }, python) : { absent: 'not asked for' };
  if ('absent' in peers) console.log(`Peers are missing: ${peers.absent}`);
  else {
    for (const { name, seconds, predictions } of peers) {
      lines.push(line(`${name}, pooled`, { predictions, labels: Float64Array.from(test.labels) }, seconds));
    }
  }
  console.log(`\n${markdownTable([['', 'AUROC', 'AUPRC', 'Brier', 'log loss', 'seconds'], ...lines])}`);
}

function line(name: string, answers: Answers, seconds: number): Line {
  const measured = evaluate(metrics, 'binary', answers);
  return [name, ...metrics.map((metric) => (measured[metric] ?? Number.NaN).toFixed(4)), seconds.toFixed(1)];
}

function averageLine(name: string, all: readonly Answers[]): Line {
  const measured = all.map((answers) => evaluate(metrics, 'binary', answers));
  const mean = (metric: (typeof metrics)[number]): number =>
    measured.reduce((sum, one) => sum + (one[metric] ?? Number.NaN), 0) / all.length;
  return [name, ...metrics.map((metric) => mean(metric).toFixed(4)), ''];
}

function sayWhetherEqual(bins: string, federated: GrownForest, whole: GrownForest): void {
  const [ours, theirs] = [federated, whole].map(({ checkpoint }) => checkpointDigest(encodeCheckpoint(checkpoint)));
  const verdict = ours === theirs ? `the same checkpoint, to the bit (${ours?.slice(0, 16)}…)` : '!!! NOT THE SAME';
  console.log(
    `Federated and pooled, ${bins}: ${verdict}; a site sends at most ${federated.largestContribution} bytes a round.`,
  );
  if (ours !== theirs) process.exitCode = 1;
}

function describe(zip: string, sites: readonly DiabetesSite[], { train, test }: { train: Rows; test: Rows }): void {
  const positives = Float64Array.from(train.labels).reduce((sum, value) => sum + value, 0);
  const { depth, bins, learningRate, l2 } = treesModel;
  console.log(
    `Data: Diabetes 130-US hospitals (${toHex(sha256(readFileSync(zip))).slice(0, 16)}…), readmission within 30 days of those who can`,
  );
  console.log(
    `      come back; ${inputCount(diabetesCohort)} columns; ${train.rows} training rows (${positives} readmitted), ${test.rows} test rows, by patient.`,
  );
  console.log(
    `      The file names no hospital: patients are spread over ten sites by a hash of their number, train + test:`,
  );
  console.log(`      ${sites.map(({ encoded }) => `${encoded.train.rows} + ${encoded.test.rows}`).join(', ')}.`);
  console.log(
    `Runs: depth ${depth}, ${bins} bins, learning rate ${learningRate}, L2 ${l2}, at least 10 rows a leaf; ${roundsOfTrees(treesModel)} rounds for 100 trees.`,
  );
  console.log(`On:   ${machineInWords()}.\n`);
}

function pooled(parts: readonly Rows[]): Rows {
  const join = (pick: (rows: Rows) => ArrayLike<number>): Float64Array => {
    const all = new Float64Array(parts.reduce((sum, rows) => sum + pick(rows).length, 0));
    let at = 0;
    for (const rows of parts) {
      all.set(pick(rows), at);
      at += pick(rows).length;
    }
    return all;
  };
  return {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    features: join(({ features }) => features),
    labels: join(({ labels }) => labels),
  };
}

interface Arguments {
  readonly zip: string;
  readonly trees: number;
  readonly python: string | undefined;
  readonly withPeers: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      trees: { type: 'string', default: String(treesModel.trees) },
      python: { type: 'string' },
      'no-peers': { type: 'boolean', default: false },
    },
  });
  const beside = resolve(import.meta.dirname, '../../shared/data');
  const folder = resolve(values.data ?? process.env['WARDROUND_DATA_DIR'] ?? beside);
  const zip = join(folder, 'diabetes-130', 'dataset_diabetes.zip');
  const trees = Number(values.trees);
  if (!existsSync(zip)) fail(`${zip} is not there: name its folder's parent with --data or WARDROUND_DATA_DIR`);
  if (!Number.isInteger(trees) || trees < 1) fail('--trees takes a whole number from 1');
  return { zip, trees, python: values.python, withPeers: !values['no-peers'] };
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

await main();
