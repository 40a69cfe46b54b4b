// The model card: every fact from verified records, no number of patients below the plan's smallest cell, nobody's words taken for markup.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { format, resolveConfig } from 'prettier';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { modelCard } from '../../cli/src/study/model-card.ts';
import { modelCardMarkdown } from '../../cli/src/study/model-card-markdown.ts';
import {
  type ModelCard,
  modelCardJsonSchema,
  modelCardSchema,
  type Evaluation,
} from '../../cli/src/study/model-card-schema.ts';
import type { ReleasedFigures } from '../../cli/src/study/released-figures.ts';
import { findRelease } from '../../cli/src/study/released-model.ts';
import { World } from '../aggregator-enclave/world.ts';
import { finalModel, recordsOf, release } from './released-study.ts';

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

const none: ReleasedFigures = { statistics: null, evaluations: [] };

interface Story {
  readonly plan?: (plan: StudyPlan) => StudyPlan;
  readonly weights?: readonly number[];
  readonly figures?: ReleasedFigures;
}

async function cardOf({ plan = (given) => given, weights = [], figures = none }: Story = {}): Promise<ModelCard> {
  world = await World.create({ plan });
  world.sites.forEach((site, i) => (site.weight = weights[i] ?? site.weight));
  for (const site of world.sites) await site.approve();
  await world.play();
  const model = finalModel(world);
  await release(world, { tensors: model, consenting: 3 });
  const records = await recordsOf(world);
  const released = findRelease(records, world.federation.researcher.signing.thumbprint);
  return modelCard(records, { released, model, figures, provenance: 'notStated' });
}

const measured: Evaluation = {
  afterRound: 2,
  rows: 254,
  events: 120,
  metrics: [
    {
      metric: 'auroc',
      value: 0.88125,
      interval: { low: 0.8512, high: 0.9101, level: '0.95' },
      resolution: 0.0005,
      note: 'of scores in bins | all sites',
    },
    { metric: 'brier', value: null, interval: null, resolution: null, note: null },
  ],
  confusion: { truePositives: 90, falsePositives: null, trueNegatives: 110, falseNegatives: 30 },
  calibration: [{ from: 0.3, rows: 44, positives: 12, meanProbability: 0.345678 }],
};
const statistics = {
  kind: 'statistics',
  rows: { train: 500, test: null },
  moments: [{ column: 'x', mean: '4.123456789', standardDeviation: null }],
};

describe('the card of a study', () => {
  it('tells of records, contributors, privacy and the enclave, and is what its schema says', async () => {
    const card = await cardOf();
    expect(modelCardSchema.parse(JSON.parse(JSON.stringify(card)))).toEqual(card);
    expect(card).toMatchObject({
      model: { inputs: ['x', 'y', 'z'], output: 'probability', parameters: 4 },
      data: { provenance: 'notStated' },
      cohorts: { weighting: 'patients', sites: ['a', 'b', 'c', 'd'].map((site) => ({ site, rounds: 2 })) },
      metrics: { evaluations: [] },
      privacy: { guarantee: { kind: 'unbounded' }, mechanism: { mode: 'noDifferentialPrivacy' } },
      records: { study: world?.plan.digest, consents: ['a', 'b', 'c'], releasedBy: 'a' },
    });
    expect(card.cohorts.rounds).toEqual([
      { from: 1, to: 2, task: 'update', contributors: ['a', 'b', 'c', 'd'], absent: [] },
    ]);
    expect(card.privacy.weaknesses.map(({ name }) => name)).toContain('noDifferentialPrivacy');
    expect(card.records.cosignedBy.length).toBeGreaterThanOrEqual(3);
  });

  it('says that no metric was released, and what was', async () => {
    const without = modelCardMarkdown(await cardOf());
    expect(without).toContain('No metric was released for all hospitals together. The plan asks for none.');
    await world?.end();
    const card = await cardOf({ figures: { statistics, evaluations: [{ ...measured, afterRound: 1 }, measured] } });
    expect(modelCardSchema.parse(card)).toEqual(card);
    const text = modelCardMarkdown(card);
    expect(text).toContain('(254 rows, 120 of them positive or with the event), after training round 2.');
    expect(text).toContain('Earlier measurements, after 1 other rounds, stand in the JSON.');
    expect(text).toContain('| auroc | 0.8812 | 0.8512 to 0.9101 (95 %) | ± 0.0005 |');
    expect(text).toContain('| brier | not told | none |  |');
    expect(text).toContain('- auroc: of scores in bins \\| all sites');
    expect(text).toContain('| negative | not told | 110 |');
    expect(text).toContain('| 0.3 to 0.4 | 44 | 0.3457 | 12 |');
    expect(text).toContain('Rows of all hospitals: 500 to train on, not told to test on.');
    expect(text).toContain('| x | 4.123 | not told |');
    expect(card.intendedUse.limits.join(' ')).not.toContain('how good the model is');
    expect(card.intendedUse.limits.join(' ')).toContain('with the model held fixed');
  });
});

describe('weights that count patients', () => {
  const total = (card: ModelCard): number | null => card.cohorts.totalWeight;
  const weightsOf = (card: ModelCard): (number | null)[] => card.cohorts.sites.map(({ weight }) => weight);

  it('are told from the smallest cell up', async () => {
    const card = await cardOf({ weights: [10, 11, 12, 13] });
    expect(weightsOf(card)).toEqual([10, 11, 12, 13]);
    expect(total(card)).toBe(46);
  });

  it('are not told below it, nor the total that would give one away', async () => {
    const card = await cardOf({ weights: [9, 11, 12, 13] });
    expect(weightsOf(card)).toEqual([null, 11, 12, 13]);
    expect(total(card)).toBeNull();
    const text = modelCardMarkdown(card);
    expect(text).toContain('| a | fewer than 10 | 2 |');
    expect(text).toContain('| all, in the last round | not told |');
    expect(text).not.toMatch(/\b45\b/);
  });

  it('are told as a total where two are hidden in it', async () => {
    const card = await cardOf({ weights: [9, 8, 12, 13] });
    expect(weightsOf(card)).toEqual([null, null, 12, 13]);
    expect(total(card)).toBe(42);
  });

  it('are only numbers where every hospital weighs the same', async () => {
    const card = await cardOf({ plan: (plan) => ({ ...plan, weighting: 'equal' }), weights: [1, 1, 1, 1] });
    expect(weightsOf(card)).toEqual([1, 1, 1, 1]);
    expect(total(card)).toBe(4);
  });
});

describe('words that a researcher wrote', () => {
  it('stay words in markdown', async () => {
    const title = '# x <img src=http://e> | [l](http://e) `c` *b*';
    const purpose = { text: 'one\ntwo | three', ethics: '![p](http://e)' };
    const text = modelCardMarkdown(await cardOf({ plan: (plan) => ({ ...plan, title, purpose }) }));
    expect(text.split('\n')[0]).toBe('# \\# x \\<img src=http://e\\> \\| \\[l\\](http://e) \\`c\\` \\*b\\*');
    expect(text).toContain('one two \\| three (ethics: \\!\\[p\\](http://e))');
  });
});

const wrong: readonly (readonly [string, (card: ModelCard) => unknown])[] = [
  ['an unknown key', (card) => ({ ...card, more: 1 })],
  ['a digest that is none', (card) => ({ ...card, model: { ...card.model, digest: 'x' } })],
  ['a provenance of its own', (card) => ({ ...card, data: { ...card.data, provenance: 'mostlyReal' } })],
  [
    'an epsilon of 0 where there is none',
    (card) => ({ ...card, privacy: { ...card.privacy, guarantee: { kind: 'none' } } }),
  ],
  [
    'a weakness without a meaning',
    (card) => ({ ...card, privacy: { ...card.privacy, weaknesses: [{ name: 'unmasked' }] } }),
  ],
  [
    'an evaluation before any training',
    (card) => ({ ...card, metrics: { planned: [], evaluations: [{ ...measured, afterRound: 0 }] } }),
  ],
];

describe('the schema', () => {
  it('refuses a card with one thing wrong', async () => {
    const card = await cardOf();
    expect(modelCardSchema.safeParse(card).success).toBe(true);
    for (const [name, spoil] of wrong) expect(modelCardSchema.safeParse(spoil(card)).success, name).toBe(false);
  });

  it('stands in docs as JSON Schema, as it is', async () => {
    const path = join(import.meta.dirname, '../../docs/schemas/model-card.schema.json');
    const config = await resolveConfig(path);
    const text = await format(JSON.stringify(modelCardJsonSchema()), { ...config, parser: 'json' });
    expect(readFileSync(path, 'utf8'), 'write it anew: node test/cli/write-model-card-schema.ts').toBe(text);
  });
});
