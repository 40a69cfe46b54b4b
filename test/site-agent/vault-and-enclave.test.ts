// The vault and the enclave as they are, both unchanged, over one board: what one signs is what the other checks.
import { randomBytes } from 'node:crypto';
import { setImmediate as tick } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { copyBytes, fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import { runEnclave } from '../../aggregator-enclave/src/enclave/enclave.ts';
import type { Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { MemorySpool, settings } from '../aggregator-enclave/world.ts';
import { measurement } from '../attestation/world.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { start, VaultWorld } from './vault-world.ts';

let world: VaultWorld;
let stop = new AbortController();
let running: Promise<void> = Promise.resolve();
let clock = new FakeClock();
afterEach(async () => {
  stop.abort();
  await running;
  await world.dispose();
});

function platform(): Platform {
  const { chip, vendor } = world.attestation;
  return {
    kind: 'sevSnp',
    measurement,
    attest: async (reportData) => ({
      items: [
        { type: 'sevSnp', report: toBase64Url(chip.makeReport({ reportData, measurement: fromHex(measurement, 48) })) },
      ],
      endorsements: endorsementsOf(await endorse(vendor, chip)),
    }),
  };
}

/** A new process of the enclave: fresh memory, fresh keys, an empty disk. */
function startEnclave(): void {
  stop = new AbortController();
  const spool = new MemorySpool();
  running = runEnclave({
    ports: {
      clock,
      randomness: (length) => copyBytes(randomBytes(length)),
      relay: world.relay.connect('enclave'),
      platform: platform(),
      spoolOf: () => spool,
      log: () => {},
    },
    settings,
    signal: stop.signal,
  });
}

/** The enclave dies with this record on its lips: the board never gets it. */
function dieSaying(matches: (kind: string, value: Record<string, unknown>) => boolean): void {
  world.relay.hostile.keep = ({ jws }, party) => {
    if (party !== 'enclave') return true;
    const { kind, value } = UNVERIFIED_kindOf(jws);
    if (!stop.signal.aborted && matches(kind, Object(value))) stop.abort();
    return !stop.signal.aborted;
  };
}

async function comeBack(): Promise<void> {
  await until(() => stop.signal.aborted);
  await running;
  world.relay.hostile.keep = () => true;
  await world.pumpAll();
  startEnclave();
}

const count = (kind: string): number =>
  world.relay.records.filter(({ jws }) => UNVERIFIED_kindOf(jws).kind === kind).length;

/** Everybody does what is owed until `done`; where nothing moves any more, time does. A busy machine's threads get many looks before it. */
async function until(done: () => boolean): Promise<void> {
  for (let idle = 0; !done() && idle < 800;) {
    const before = world.relay.records.length;
    await world.pumpAll();
    for (let i = 0; i < 50; i += 1) await tick();
    if (world.relay.records.length > before) idle = 0;
    else {
      idle += 1;
      if (idle % 10 !== 0) continue;
      clock.advance(500);
      world.now = clock.now();
    }
  }
  expect(done()).toBe(true);
}

async function begin(plan?: (plan: StudyPlan) => StudyPlan): Promise<void> {
  world = await VaultWorld.create(plan === undefined ? {} : { plan });
  clock = new FakeClock(start.toISOString());
  await world.approved();
  startEnclave();
}

/** The tasks of all contributions on the board, whoever made them. */
function contributedTasks(): readonly unknown[] {
  return world.relay.records.flatMap(({ jws }) => {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    return kind === 'Contribution' && typeof value === 'object' && value !== null && 'task' in value
      ? [value.task]
      : [];
  });
}

describe('a vault and the enclave', () => {
  it('finish a study together', async () => {
    await begin();
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.said('Contribution').map(({ task, round }) => [task, round])).toEqual([
      ['update', 1],
      ['update', 2],
    ]);
    expect(count('ContributionRefusal')).toBe(0);
  });

  it('finish it when the enclave dies between a receipt and its model, and comes back with nothing', async () => {
    await begin();
    dieSaying((kind) => kind === 'SealedModel');
    await comeBack();
    expect([count('RoundReceipt'), count('SealedModel')]).toEqual([1, 0]);
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.trainings).toBe(2);
    const payloads = world.said('Contribution').map(({ round, payload }) => [round, payload]);
    expect(payloads[1]).toEqual(payloads[0]);
    expect(world.status?.studies[0]?.roundsContributed).toBe(2);
  });

  it('finish it when the enclave dies after a model, and takes the checkpoint back from the sites', async () => {
    await begin();
    dieSaying((kind, { round }) => kind === 'RoundOrder' && round === 2);
    await comeBack();
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    // Whichever site is first serves; the others need not answer any more.
    expect(contributedTasks()).toContain('checkpointReturn');
  });

  it('finish it when the enclave dies with its receipt, and the round is tried again', async () => {
    await begin();
    dieSaying((kind) => kind === 'RoundReceipt');
    await comeBack();
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.said('Contribution').map(({ round, attempt }) => [round, attempt])).toEqual([
      [1, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  /** Statistics, two rounds of training with an evaluation between them, and the evaluation at the end. */
  const everyTask = (plan: StudyPlan): StudyPlan => ({
    ...plan,
    cohort: {
      ...plan.cohort,
      standardise: 'federated',
      split: { method: 'fraction', testFraction: '0.5', seed: 1 },
    },
    statistics: ['moments'],
    evaluation: { ...plan.evaluation, metrics: ['accuracy', 'auroc'], everyRounds: 1 },
  });
  const tasks = [
    ['statistics', 1],
    ['update', 2],
    ['evaluation', 3],
    ['update', 4],
    ['evaluation', 5],
  ];
  const valuesOf = (round: number): unknown =>
    world.relay.records
      .map(({ jws }) => UNVERIFIED_kindOf(jws))
      .filter(({ kind }) => kind === 'RoundResult')
      .map(({ value }) => Object(value))
      .find((value) => value.round === round)?.values;

  it('finish one of every task, and release what its rounds found out together', async () => {
    await begin(everyTask);
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.said('Contribution').map(({ task, round }) => [task, round])).toEqual(tasks);
    expect(count('ContributionRefusal')).toBe(0);
    expect(count('RoundResult')).toBe(3);
    expect(valuesOf(1)).toMatchObject({ kind: 'statistics', rows: { train: 66 } });
    expect(valuesOf(5)).toMatchObject({ kind: 'evaluation', trainingRound: 2, rows: 54 });
  });

  it.each([
    ['the result of the statistics', 'RoundResult', 1],
    ['the model after the statistics', 'SealedModel', 1],
    ['the receipt of an evaluation', 'RoundReceipt', 3],
    ['the result of the last evaluation', 'RoundResult', 5],
    ['the last model', 'SealedModel', 5],
  ])('finish one of every task when the enclave dies before %s', async (_, dying, at) => {
    await begin(everyTask);
    dieSaying((kind, { round }) => kind === dying && round === at);
    await comeBack();
    await until(() => world.checks().length > 0 && [1, 3, 5].every((round) => valuesOf(round) !== undefined));
    expect(world.checks()).toEqual(['study-complete null']);
    const worked = world.said('Contribution').filter(({ task }) => task !== 'checkpointReturn');
    const named = (list: readonly (readonly unknown[])[]): unknown => new Set(list.map((pair) => pair.join(' ')));
    expect(named(worked.map(({ task, round }) => [task, round]))).toEqual(named(tasks));
    expect(valuesOf(5)).toMatchObject({ kind: 'evaluation', trainingRound: 2, rows: 54 });
  });

  it('grow trees together, level by level, by the quantiles of their own statistics', async () => {
    await begin((plan) => ({
      ...everyTask(plan),
      cohort: { ...everyTask(plan).cohort, standardise: 'none' },
      model: { kind: 'gradientBoostedTrees', trees: 2, depth: 2, bins: 4, learningRate: '0.5', l2: '1' },
      training: { method: 'newton', tolerance: '0.000001' },
      strategy: { name: 'newton' },
      rounds: 4,
      statistics: ['quantiles'],
      evaluation: { ...plan.evaluation, metrics: ['auroc'], everyRounds: 0 },
      release: { ...plan.release, formats: ['safetensors'] },
    }));
    await until(() => world.checks().length > 0);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.said('Contribution').map(({ task }) => task)).toEqual([
      'statistics',
      'newton',
      'newton',
      'newton',
      'newton',
      'evaluation',
    ]);
    expect(
      world
        .said('Contribution')
        .slice(1, 5)
        .map(({ tensors }) => tensors),
    ).toMatchObject(
      [1, 2, 1, 2].map((nodes) => [{ shape: [nodes, 12] }, { shape: [nodes, 12] }, { shape: [nodes, 12] }]),
    );
    expect(count('ContributionRefusal')).toBe(0);
    expect(valuesOf(6)).toMatchObject({ kind: 'evaluation', trainingRound: 4, rows: 54 });
  });

  it('goes on without a site that claims more weight than the plan’s largest share', async () => {
    world = await VaultWorld.create({
      plan: (plan) => ({ ...plan, rounds: 1, sites: { ...plan.sites, maxShare: '0.5' } }),
    });
    const [heavy] = world.peers.slice(-1);
    if (heavy === undefined) throw new Error('no peers');
    heavy.weight = 2 ** 31 - 1;
    clock = new FakeClock(start.toISOString());
    await world.approved();
    startEnclave();
    await until(() => count('SealedModel') > 0);
    expect(world.checks()).not.toContain('order-refused order-share');
    expect(world.said('Contribution')).toHaveLength(1);
    expect(world.said('Cosignature')).toHaveLength(1);
  });
});
