// `wardround privacy` as it is typed: numbers with what they assume, files of mechanisms, plans in sentences, and mistakes with their codes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { wardround } from './run-wardround.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-privacy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const steps = ['--noise-multiplier', '1.1', '--sampling-rate', '0.01', '--steps', '1000', '--delta', '1e-5'];

const answerSchema = z.object({ epsilon: z.number(), assumptions: z.array(z.string()).min(4) });
const calibrationSchema = answerSchema.extend({ noiseMultiplier: z.number() });

async function answer<T>(words: readonly string[], schema: z.ZodType<T>): Promise<T> {
  const { status, stdout, stderr } = await wardround(['privacy', ...words, '--json']);
  expect(status, stderr).toBe(0);
  return schema.parse(JSON.parse(stdout));
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('wardround privacy epsilon', () => {
  it('prints the accountants’ numbers, the tight one by default', async () => {
    const pld = await answer(['epsilon', ...steps], answerSchema);
    const rdp = await answer(['epsilon', ...steps, '--accountant', 'rdp'], answerSchema);
    expect(pld.epsilon).toBeGreaterThan(1.5152);
    expect(pld.epsilon).toBeLessThan(1.5155);
    expect(rdp.epsilon).toBeCloseTo(1.71177, 5);
  });

  it('says in words what it assumes', async () => {
    const { status, stdout } = await wardround(['privacy', 'epsilon', ...steps]);
    expect(status).toBe(0);
    const text = stdout.replaceAll(/\s+/g, ' ');
    expect(text).toContain('ε = 1.5154 at δ = 0.00001');
    expect(text).toContain('addOrRemoveOne');
    expect(text).toContain('Poisson; not a shuffled or fixed-size batch');
    expect(text).toContain('divided by the clip norm');
  });

  it('knows other samplings, neighbours and grids', async () => {
    const plain = ['--noise-multiplier', '4', '--steps', '1', '--delta', '1e-5', '--sampling', 'none'];
    const present = await answer(['epsilon', ...plain], answerSchema);
    const replaced = await answer(['epsilon', ...plain, '--adjacency', 'replaceOne'], answerSchema);
    const onGrid = await answer(['epsilon', ...plain, '--grid-steps', '1000'], answerSchema);
    expect(replaced.epsilon).toBeGreaterThan(present.epsilon * 1.9);
    expect(onGrid.epsilon).toBeGreaterThan(present.epsilon);
    expect(onGrid.epsilon).toBeLessThan(present.epsilon * (1 + 1e-5));
    const batches = ['--sampling', 'fixedSize', '--adjacency', 'replaceOne'];
    expect((await answer(['epsilon', ...steps, ...batches], answerSchema)).epsilon).toBeGreaterThan(2);
  });

  it.each([
    [{ '--noise-multiplier': '0' }, 'privacy-noise-multiplier', 1],
    [{ '--noise-multiplier': '-1' }, 'privacy-noise-multiplier', 1],
    [{ '--noise-multiplier': 'NaN' }, 'usage', 2],
    [{ '--noise-multiplier': '1,1' }, 'usage', 2],
    [{ '--sampling-rate': '1.5' }, 'privacy-sampling-rate', 1],
    [{ '--sampling-rate': '0' }, 'privacy-sampling-rate', 1],
    [{ '--steps': '0' }, 'privacy-steps', 1],
    [{ '--steps': '1.5' }, 'privacy-steps', 1],
    [{ '--steps': '1e9' }, 'privacy-steps', 1],
    [{ '--delta': '1' }, 'privacy-delta', 1],
    [{ '--delta': '0' }, 'privacy-delta', 1],
    [{ '--sampling': 'none' }, 'usage', 2],
    [{ '--sampling': 'fixedSize' }, 'privacy-sampling-adjacency', 1],
    [{ '--accountant': 'gdp' }, 'usage', 2],
    [{ '--grid-steps': '1' }, 'privacy-grid', 1],
  ])('refuses %o', async (wrong, code, expected) => {
    const words = [...steps, ...Object.entries(wrong).flat()];
    const { status, stdout, stderr } = await wardround(['privacy', 'epsilon', ...words]);
    expect(status).toBe(expected);
    expect(stdout).toBe('');
    expect(stderr).toContain(`[${code}]`);
  });

  it('asks for the rate where patients are drawn', async () => {
    const words = ['--noise-multiplier', '1', '--steps', '10', '--delta', '1e-5'];
    const { status, stderr } = await wardround(['privacy', 'epsilon', ...words]);
    expect(status).toBe(2);
    expect(stderr).toContain('--sampling none');
  });

  it('has examples that work', async () => {
    const { stdout } = await wardround(['privacy', 'epsilon', '--help']);
    const examples = [...stdout.matchAll(/\$ wardround (.+)/g)].map(([, words = '']) => words.split(' '));
    expect(examples.length).toBeGreaterThan(1);
    for (const words of examples) expect((await wardround(words)).status, words.join(' ')).toBe(0);
  });
});

describe('wardround privacy calibrate', () => {
  it('finds noise whose ε is at most the target, and hardly less', async () => {
    const budget = ['--delta', '1e-5', '--sampling-rate', '0.02', '--steps', '200'];
    const found = await answer(['calibrate', '--epsilon', '2', ...budget], calibrationSchema);
    expect(found.epsilon).toBeLessThanOrEqual(2);
    expect(found.epsilon).toBeGreaterThan(1.999);
    const words = ['--noise-multiplier', String(found.noiseMultiplier), ...budget];
    expect((await answer(['epsilon', ...words], answerSchema)).epsilon).toBe(found.epsilon);
  });

  it.each(['0', '-1', '1e9'])('refuses a target of %s', async (target) => {
    const words = ['--epsilon', target, '--delta', '1e-5', '--sampling-rate', '0.02', '--steps', '200'];
    const { status, stderr } = await wardround(['privacy', 'calibrate', ...words]);
    expect(status).toBe(1);
    expect(stderr).toContain('[privacy-epsilon]');
  });
});

const composition = `delta: 1e-5
mechanisms:
  - { name: training, noiseMultiplier: 1.1, sampling: poisson, samplingRate: 0.01, steps: 600 }
  - { name: training resumed, noiseMultiplier: 1.1, sampling: poisson, samplingRate: 0.01, steps: 400 }
  - { name: statistics, noiseMultiplier: 20, sampling: none, steps: 3 }
`;

describe('wardround privacy compose', () => {
  const composedSchema = answerSchema.extend({ parts: z.array(z.object({ name: z.string(), epsilon: z.number() })) });

  it('counts everything together, from YAML and from JSON', async () => {
    const together = await answer(['compose', file('spent.yaml', composition)], composedSchema);
    expect(together.parts.map(({ name }) => name)).toEqual(['training', 'training resumed', 'statistics']);
    const sum = together.parts.reduce((total, { epsilon }) => total + epsilon, 0);
    expect(together.epsilon).toBeLessThan(sum);
    expect(together.epsilon).toBeGreaterThan(1.5153);
    const mechanisms = [{ name: 'one', noiseMultiplier: 1.1, sampling: 'poisson', samplingRate: 0.01, steps: 1000 }];
    const one = await answer(
      ['compose', file('one.json', JSON.stringify({ delta: 1e-5, mechanisms }))],
      composedSchema,
    );
    expect(one.epsilon).toBe((await answer(['epsilon', ...steps], answerSchema)).epsilon);
  });

  it.each([
    ['an unknown key', (text: string) => `${text}budget: 3\n`, 'composition-invalid'],
    ['no mechanism', () => 'delta: 1e-5\nmechanisms: []\n', 'composition-invalid'],
    ['a sampling that does not exist', (text: string) => text.replace('poisson', 'shuffled'), 'composition-invalid'],
    [
      'a rate too many',
      (text: string) => text.replace('sampling: none,', 'sampling: none, samplingRate: 0.5,'),
      'usage',
    ],
    [
      'no noise',
      (text: string) => text.replace('noiseMultiplier: 20', 'noiseMultiplier: 0'),
      'privacy-noise-multiplier',
    ],
    ['half a step', (text: string) => text.replace('steps: 3', 'steps: 0.5'), 'composition-invalid'],
    ['two keys of one name', (text: string) => `${text}delta: 1e-6\n`, 'yaml-invalid'],
  ])('refuses %s', async (name, change, code) => {
    const path = file(`${name.replaceAll(' ', '-')}.yaml`, change(composition));
    const { status, stderr } = await wardround(['privacy', 'compose', path]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(`[${code}]`);
  });
});

describe('wardround privacy explain', () => {
  const explainedSchema = z.object({ mode: z.string(), guarantee: z.string(), sentences: z.array(z.string()) });

  async function explained(privacy: string): Promise<z.infer<typeof explainedSchema>> {
    const template = join(folder, `plan-${explanations}.yaml`);
    explanations += 1;
    expect((await wardround(['study', 'init', template])).status).toBe(0);
    const text = readFileSync(template, 'utf8').replace('{ mode: noDifferentialPrivacy }', privacy);
    writeFileSync(template, text);
    return await answer(['explain', template], explainedSchema);
  }
  let explanations = 0;

  it('calls the absence of a claim unbounded', async () => {
    const { guarantee, sentences } = await explained('{ mode: noDifferentialPrivacy }');
    expect(guarantee).toBe('unbounded');
    expect(sentences.join(' ')).toContain('never as 0');
  });

  it('says unit, neighbours, odds, δ, trust and what is not promised', async () => {
    const { guarantee, sentences } = await explained(
      '{ mode: dpSgd, unit: patient, clipNorm: 1, epsilon: 2, delta: 1e-5 }',
    );
    const text = sentences.join(' ');
    expect(guarantee).toBe('ε = 2, δ = 0.00001');
    expect(text).toContain('Protected is one patient');
    expect(text).toContain('with the patient and the study without');
    expect(text).toContain('7.39 times as likely');
    expect(text).toContain('right in at most 88.1 % of cases');
    expect(text).toContain('clipped to the norm 1');
    expect(text).toContain('trusts');
    expect(text).toContain('Not promised');
  });

  it.each([
    ['trusts: enclave', 'trusts the enclave'],
    ['trusts: honestSites', 'trusts the other hospitals'],
    ['trusts: ownSite', 'own hospital only'],
    ['unit: site', 'Protected is one hospital'],
    ['adjacency: replaceOne', 'any other data in his place'],
    ['candidates: 5', '5 candidates of hyper-parameters'],
  ])('%s', async (key, expected) => {
    const { sentences } = await explained(`{ mode: central, clipNorm: 1, epsilon: 2, delta: 1e-5, ${key} }`);
    expect(sentences.join(' ')).toContain(expected);
  });

  it('warns of a large ε and of a large δ', async () => {
    const { sentences } = await explained('{ mode: central, clipNorm: 1, epsilon: 20, delta: 0.01 }');
    expect(sentences.join(' ')).toContain('promises next to nothing');
    expect(sentences.join(' ')).toContain('LARGE');
  });
});
