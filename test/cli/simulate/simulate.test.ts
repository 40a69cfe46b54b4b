// `wardround simulate` as a researcher types it: the recorded oracle, many sites, invented patients, and what bad input gets.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { hasShared, readShared, sharedPath } from '../../learning/shared-data.ts';
import { wardround } from '../run-wardround.ts';
import { fedHeartFeatures, planText, smallPlan } from './plans.ts';

const inHere = (name: string): string => join(mkdtempSync(join(tmpdir(), 'wardround-simulate-')), name);
const written = (name: string, content: string | Uint8Array): string => {
  const path = inHere(name);
  writeFileSync(path, content);
  return path;
};

const stateSchema = z.object({ weight: z.array(z.number()), bias: z.array(z.number()) });
const traceSchema = z.object({
  init: stateSchema,
  batch_index_stream: z.array(z.array(z.int())),
  strategies: z.record(z.string(), z.object({ per_round_global: z.array(stateSchema) })),
});
const documentSchema = z.looseObject({
  attestation: z.literal('not-exercised'),
  runs: z.array(
    z.looseObject({
      sites: z.int(),
      rounds: z.array(z.looseObject({ task: z.string(), contributors: z.int(), loss: z.number().nullable() })),
      comparisons: z.array(z.looseObject({ site: z.string().nullable() })),
      final: z.record(z.string(), z.array(z.number())),
    }),
  ),
});

describe.skipIf(!hasShared('fed-heart', 'trace.json'))('beside the recorded oracle', () => {
  it.each([
    ['FedAvg', '{ name: fedAvg }', 0.001],
    ['FedProx', '{ name: fedProx, mu: 0.01 }', 0.001],
    ['FedAdam', '{ name: fedAdam, serverLearningRate: 0.01, beta1: 0.9, beta2: 0.999, tau: 0.00000001 }', 0.01],
  ])('%s lands on every global state', { timeout: 120_000 }, async (name, strategy, learningRate) => {
    const oracle = traceSchema.parse(JSON.parse(readShared('fed-heart', 'trace.json')));
    const init = encodeSafetensors([
      { name: 'weight', shape: [13, 1], dtype: 'F32', data: Float32Array.from(oracle.init.weight) },
      { name: 'bias', shape: [1], dtype: 'F32', data: Float32Array.from(oracle.init.bias) },
    ]);
    const trace = inHere('trace.json');
    const run = await wardround([
      'simulate',
      written('plan.yaml', planText({ strategy, learningRate, features: fedHeartFeatures })),
      '--json',

      '--data',
      sharedPath('fed-heart', 'fed_heart_740.csv'),
      '--site-column',
      'center',
      '--no-files',
      '--no-baselines',
      '--initial-model',
      written('init.safetensors', init),
      '--trace',
      trace,
      '--batch-order',
      written('order.json', JSON.stringify(oracle.batch_index_stream)),
    ]);
    expect(run.status, run.stderr).toBe(0);
    const { rounds } = z.object({ rounds: z.array(stateSchema) }).parse(JSON.parse(readFileSync(trace, 'utf8')));
    const expected = oracle.strategies[name]?.per_round_global ?? [];
    expect(rounds).toHaveLength(15);
    const differences = rounds.flatMap(({ weight, bias }, i) =>
      [...weight, ...bias].map((value, j) => {
        const state = expected[i];
        return Math.abs(value - ([...(state?.weight ?? []), ...(state?.bias ?? [])][j] ?? Number.NaN));
      }),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  });
});

describe('invented patients', () => {
  it('make files, a table and a document; the same seed makes the same model', { timeout: 120_000 }, async () => {
    const plan = written('plan.yaml', smallPlan);
    const out = inHere('out');
    const first = await wardround(['simulate', plan, '--seed', '7', '--out', out]);
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr).toContain('attestation, sealing and signatures are not exercised');
    expect(first.stdout).toContain('all sites');
    expect((await readdir(out)).toSorted()).toEqual([
      'convergence.svg',
      'metrics.csv',
      'metrics.parquet',
      'model.safetensors',
      'summary.json',
    ]);
    const again = await wardround(['simulate', plan, '--seed', '7', '--no-files', '--no-baselines', '--json']);
    const other = await wardround(['simulate', plan, '--seed', '8', '--no-files', '--no-baselines', '--json']);
    const finalOf = (text: string): unknown => documentSchema.parse(JSON.parse(text)).runs[0]?.final;
    expect(finalOf(again.stdout)).toEqual(finalOf(readFileSync(join(out, 'summary.json'), 'utf8')));
    expect(finalOf(other.stdout)).not.toEqual(finalOf(again.stdout));
  });

  it(
    'are at as many sites as asked for; some miss rounds; each value of a swept field is run',
    { timeout: 120_000 },
    async () => {
      const run = await wardround([
        'simulate',
        written('plan.yaml', smallPlan),
        '--json',
        '--no-files',
        '--sites',
        '60',
        '--rows',
        '20',
        '--drop-out',
        '0.3',
        '--sweep',
        'training.learningRate=0.01,0.1',
      ]);
      expect(run.status, run.stderr).toBe(0);
      const { runs } = documentSchema.parse(JSON.parse(run.stdout));
      expect(runs.map(({ sites }) => sites)).toEqual([60, 60]);
      const contributors = runs.flatMap(({ rounds }) => rounds.map((round) => round.contributors));
      expect(Math.min(...contributors)).toBeLessThan(60);
      expect(Math.max(...contributors)).toBeGreaterThan(30);
      expect(runs[0]?.final).not.toEqual(runs[1]?.final);
    },
  );
});

describe('what it refuses', () => {
  const plan = (): string => written('plan.yaml', smallPlan);
  it.each<readonly [string, (where: string) => readonly string[], string]>([
    ['a column without a file', () => ['--site-column', 'x'], 'usage'],
    ['a seed that is no number', () => ['--seed', 'x'], 'usage'],
    ['too many sites', () => ['--sites', '1001'], 'usage'],
    ['a partition of no sort', () => ['--partition', 'random'], 'usage'],
    ['a chance of 1', () => ['--drop-out', '1'], 'usage'],
    ['a sweep without values', () => ['--sweep', 'rounds='], 'usage'],
    ['data that are not there', () => ['--data', '/nowhere.csv'], 'csv-unreadable'],
    ['a folder without the sites', (where) => ['--data', where], 'simulation-sites'],
    ['a directory with something in it', (where) => ['--out', where], 'directory-not-empty'],
    ['weights that are none', (where) => ['--initial-model', join(where, 'plan.yaml')], 'safetensors-limit'],
    ['an order that is none', (where) => ['--batch-order', join(where, 'plan.yaml')], 'batch-order'],
    [
      'too few sites to go on',
      () => ['--drop-out', '0.999999999', '--sweep', 'sites.maxAttempts=2'],
      'simulation-shortfall',
    ],
  ])('%s', { timeout: 60_000 }, async (_, options, code) => {
    const path = plan();
    const files = options(path).includes('--out') ? [] : ['--no-files'];
    const run = await wardround(['simulate', path, '--json', ...files, ...options(join(path, '..'))]);
    expect(run.status).not.toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code } });
  });

  it('a plan with mistakes, by line', async () => {
    const run = await wardround(['simulate', written('plan.yaml', smallPlan.replace('fedAvg', 'fedAverage'))]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('fedAvg');
  });
});
