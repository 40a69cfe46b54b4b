// Rounds of every task over the board: what they release and when, rules that read each contribution, and sites that send the extremes.
import { afterEach, describe, expect, it } from 'vitest';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { fromFixed } from '@wardround/protocol/fixed-point';
import { stageOf } from '@wardround/protocol/schedule';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { resultDigest, resultOf } from '@wardround/learning/rounds/released-result';
import { roundTask, type TensorLimit } from '@wardround/learning/rounds/round-task';
import { World } from './world.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

const everyTask = (plan: StudyPlan): StudyPlan => ({
  ...plan,
  statistics: ['counts', 'missingness', 'moments', 'quantiles', 'histograms', 'correlations'],
  evaluation: {
    ...plan.evaluation,
    metrics: ['accuracy', 'auroc', 'auprc', 'brier', 'calibration'],
    everyRounds: 1,
  },
});

async function study(change: (plan: StudyPlan) => StudyPlan = everyTask): Promise<World> {
  const world = await World.approved({ plan: change });
  worlds.push(world);
  return world;
}

/** Kinds and rounds of what the board has, in its order. */
const told = (world: World): readonly { kind: string; digest: string; value: Record<string, unknown> }[] =>
  world.relay.records.map(({ jws }) => {
    const { kind, digest, value } = UNVERIFIED_kindOf(jws);
    return { kind, digest, value: Object(value) };
  });

describe('a study of every task', () => {
  it('closes each round with a checkpoint, and those of statistics and evaluation with a result', async () => {
    const world = await study();
    await world.play();
    const receipts = world.published('RoundReceipt').map(({ value }) => value);
    expect(receipts.map(({ task }) => task)).toEqual(['statistics', 'update', 'evaluation', 'update', 'evaluation']);
    expect(receipts.map(({ result }) => result !== null)).toEqual([true, false, true, false, true]);
    expect(new Set(receipts.map(({ checkpoint }) => checkpoint)).size).toBe(5);
    const models = receipts.map(({ model }) => model);
    const orders = world.published('RoundOrder').map(({ value }) => value.base.model);
    expect(models.map((model, i) => model === orders[i])).toEqual([true, false, true, false, true]);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it('releases what its receipts name, which every site computes from its own checkpoint', async () => {
    const world = await study();
    await world.play();
    const results = world.published('RoundResult').map(({ value }) => value);
    expect(results.map(({ round, task }) => [round, task])).toEqual([
      [1, 'statistics'],
      [3, 'evaluation'],
      [5, 'evaluation'],
    ]);
    for (const { round, result, values, receipt } of results) {
      const named = world.published('RoundReceipt').find(({ digest }) => digest === receipt)?.value;
      expect(named?.result).toBe(result);
      expect(resultDigest(values)).toBe(result);
      for (const site of world.sites) {
        const bytes = site.held.find((held) => held.round === round)?.bytes ?? new Uint8Array();
        expect(resultOf(world.plan.value, decodeCheckpoint(bytes))).toEqual(values);
      }
    }
  });

  it('says nothing of a result before a quorum cosigned its digest, and a model only after it', async () => {
    const world = await study();
    await world.play();
    const records = told(world);
    for (const { digest, value } of records.filter(
      ({ kind, value }) => kind === 'RoundReceipt' && value['result'] !== null,
    )) {
      const cosigned = records.flatMap((record, i) =>
        record.value['receipt'] === digest && record.kind === 'Cosignature' ? [i] : [],
      );
      const released = records.findIndex(
        (record) => record.kind === 'RoundResult' && record.value['receipt'] === digest,
      );
      const sealed = records.findIndex((record) => record.kind === 'SealedModel' && record.value['receipt'] === digest);
      expect(released, String(value['round'])).toBeGreaterThan(cosigned[2] ?? Infinity);
      expect(sealed).toBeGreaterThan(released);
    }
  });

  it('releases nothing where no quorum cosigns', async () => {
    const world = await study();
    for (const site of world.sites.slice(2)) site.duties.cosign = false;
    await world.play();
    expect(world.published('RoundReceipt')).toHaveLength(1);
    expect(world.published('Cosignature')).toHaveLength(2);
    expect(world.published('RoundResult')).toEqual([]);
    expect(world.published('SealedModel')).toEqual([]);
  });

  it('is complete for a later process once its last result is on the board, and not before', async () => {
    const world = await study();
    world.relay.hostile.keep = ({ jws }) => {
      const { kind, value } = UNVERIFIED_kindOf(jws);
      return kind !== 'RoundResult' || Object(value).round !== 5;
    };
    await world.play();
    expect(world.published('RoundResult').map(({ value }) => value.round)).toEqual([1, 3]);
    world.relay.hostile.keep = () => true;
    await world.restart();
    await world.play();
    expect(world.published('RoundResult').map(({ value }) => value.round)).toEqual([1, 3, 5]);
    const before = world.relay.records.length;
    await world.restart();
    await world.play();
    expect(world.relay.records).toHaveLength(before);
    expect(world.enclave.codes).toContain('study-complete');
  });
});

const ends = (limit: TensorLimit | undefined, end: 'least' | 'most'): bigint => {
  if (limit?.kind !== 'range') throw new Error('no range');
  return limit[end];
};

/** Site d sends this in rounds of `task`; in others it is honest. */
async function extremeStudy(task: string, integer: (limit: TensorLimit | undefined) => bigint): Promise<World> {
  const world = await study((plan) => ({ ...everyTask(plan), rounds: 1 }));
  const d = world.site('d');
  const honest = d.training;
  const { value: plan } = world.plan;
  d.training = (round, tensors) =>
    stageOf(plan, round).task !== task
      ? honest(round, tensors)
      : tensors.map(({ shape, ring }, i) => {
          const length = shape.reduce((product, size) => product * size, 1);
          const value = integer(roundTask(plan, round).limits[i]);
          if (ring !== 'int64') return new Int32Array(length).fill(Number(value));
          return new BigInt64Array(length).fill(value);
        });
  await world.play();
  await world.advance(600_000);
  await world.play();
  return world;
}

describe.each(['statistics', 'evaluation'])('a site that lies in a round of %s', (task) => {
  it.each(['least', 'most'] as const)('cannot stop the study with the %s that its ranges allow', async (end) => {
    const world = await extremeStudy(task, (limit) => ends(limit, end));
    expect(world.published('StudyStop').map(({ value }) => value.code)).toEqual([]);
    expect(world.published('RoundReceipt').map(({ value }) => value.contributors.length)).toEqual([4, 4, 4]);
    expect(world.enclave.codes).toContain('study-complete');
  });

  it.each([
    ['above', 'most', 1n],
    ['below', 'least', -1n],
  ] as const)('is refused one %s them, and the others go on', async (_, end, beyond) => {
    const world = await extremeStudy(task, (limit) => ends(limit, end) + beyond);
    expect(world.published('ContributionRefusal').map(({ value }) => [value.site, value.code])).toEqual([
      ['d', 'contribution-range'],
    ]);
    const receipt = world.published('RoundReceipt').find(({ value }) => value.task === task);
    expect(receipt?.value.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c']);
    expect(receipt?.value.absentees).toEqual([{ site: 'd', code: 'contribution-refused' }]);
    expect(world.enclave.codes).toContain('study-complete');
  });
});

/** A study under the coordinate median, in which all sites weigh alike. @param minimumOfD site d's own least number of contributors */
async function medianStudy(minimumOfD: number, siteNames = ['a', 'b', 'c', 'd']): Promise<World> {
  const world = await World.create({
    siteNames,
    plan: (plan) => ({
      ...plan,
      rounds: 1,
      weighting: 'equal',
      strategy: { name: 'selectingRule', rule: { kind: 'coordinateMedian' } },
    }),
  });
  worlds.push(world);
  for (const site of world.sites) {
    site.weight = 1;
    await site.approve({
      acceptedWeaknesses: ['noDifferentialPrivacy', 'selectingRule', 'simulatedPlatform', 'unmasked', 'unwitnessed'],
      minimumContributors: site.name === 'd' ? minimumOfD : 2,
    });
  }
  return world;
}

/** By hand, in float64: the middle of an odd number, the mean of the two in the middle of an even one. */
function medians(world: World, names: readonly string[]): readonly number[] {
  const columns = names.map((name) =>
    world
      .site(name)
      .payloadFor(1)
      .tensors.flatMap(({ values }) => [...values].map(Number)),
  );
  const step = fromFixed(Int32Array.of(1), -24)[0] ?? 0;
  return (columns[0] ?? []).map((_, i) => {
    const sorted = columns.map((column) => column[i] ?? 0).toSorted((a, b) => a - b);
    const half = sorted.length / 2;
    const middle =
      sorted.length % 2 === 1 ? (sorted[Math.floor(half)] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
    return Math.fround(middle * step);
  });
}

const modelOf = (world: World): readonly number[] =>
  decodeCheckpoint(world.site('a').held[0]?.bytes ?? new Uint8Array()).model.flatMap(({ data }) =>
    [...data].map(Number),
  );

describe('a rule that selects', () => {
  it('is given every contribution by itself', async () => {
    const world = await medianStudy(2);
    await world.play();
    expect(modelOf(world)).toEqual(medians(world, ['a', 'b', 'c', 'd']));
  });

  it('is not given one that was refused', async () => {
    const world = await medianStudy(2);
    const c = world.site('c');
    const honest = c.training;
    c.training = (_, tensors) =>
      tensors.map(({ shape }) => new Int32Array(shape.reduce((a, b) => a * b, 1)).fill(2 ** 30));
    await world.play();
    await world.advance(600_000);
    await world.play();
    c.training = honest;
    expect(world.published('ContributionRefusal').map(({ value }) => value.code)).toEqual(['contribution-norm']);
    expect(modelOf(world)).toEqual(medians(world, ['a', 'b', 'd']));
  });

  it('is not given one that was taken out again at the close, for its own conditions', async () => {
    const world = await medianStudy(5, ['a', 'b', 'c', 'd', 'e']);
    world.site('e').duties.contribute = false;
    await world.play();
    await world.advance(600_000);
    await world.play();
    const [receipt] = world.published('RoundReceipt');
    expect(receipt?.value.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c']);
    expect(receipt?.value.absentees).toEqual([
      { site: 'd', code: 'conditions-not-met' },
      { site: 'e', code: 'no-contribution' },
    ]);
    expect(modelOf(world)).toEqual(medians(world, ['a', 'b', 'c']));
  });
});
