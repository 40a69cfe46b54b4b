// The gate against orders of a verified session: one thing wrong, the exact check named, nothing trained and nothing sealed.
import { afterEach, describe, expect, it } from 'vitest';
import type { RoundOrder } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { sign } from '@wardround/protocol/documents/signed';
import { generateSigningKey } from '@wardround/protocol/keys';
import { approveStudy } from '../../site-agent/src/person/approve-study.ts';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { hex, VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

async function begin(plan?: (plan: StudyPlan) => StudyPlan): Promise<FakeEnclave> {
  world = await (await VaultWorld.create(plan === undefined ? {} : { plan })).approved();
  const enclave = world.enclave();
  await world.session(enclave);
  return enclave;
}

const rosterOf = (enclave: FakeEnclave): RoundOrder['roster'] => {
  const weights = new Map(enclave.records.of('Approval').map(({ value }) => [value.site, value.weight]));
  return world.plan.value.sites.roster.map(({ name, agent }) => ({ name, agent, weight: weights.get(name) ?? 1 }));
};

interface Attack {
  readonly name: string;
  readonly check: string;
  readonly order: (enclave: FakeEnclave) => Partial<RoundOrder>;
  readonly plan?: (plan: StudyPlan) => StudyPlan;
}

const attacks: readonly Attack[] = [
  ...(['statistics', 'evaluation', 'newton'] as const).map((task): Attack => ({
    name: `a round of training turned into one of ${task}`,
    check: 'order-task',
    order: () => ({ task }),
  })),
  {
    name: 'a round of statistics turned into one of training',
    check: 'order-task',
    plan: (plan) => ({ ...plan, statistics: ['counts'] }),
    order: () => ({ task: 'update' }),
  },
  {
    name: 'a round of statistics turned into an evaluation',
    check: 'order-task',
    plan: (plan) => ({ ...plan, statistics: ['counts'] }),
    order: () => ({ task: 'evaluation' }),
  },
  { name: 'a masking phase in an unmasked plan', check: 'order-phase', order: () => ({ phase: 'maskKeys' }) },
  {
    name: 'mask material in an unmasked plan',
    check: 'order-phase',
    order: () => ({ maskMaterial: { manifest: hex('m'), size: 1 } }),
  },
  {
    name: 'a base that is not the plan’s initial model',
    check: 'base-model',
    order: () => ({ base: { checkpoint: hex('crafted'), model: hex('crafted') } }),
  },
  {
    name: 'the right checkpoint with another model in it',
    check: 'base-model',
    order: () => ({
      base: { checkpoint: world.vault?.studies.get(world.study)?.initial.checkpoint ?? '', model: hex('crafted') },
    }),
  },
  {
    name: 'an invented site in the roster',
    check: 'order-roster',
    order: (enclave) => ({ roster: [...rosterOf(enclave), { name: 'zz', agent: hex('zz'), weight: 1 }] }),
  },
  {
    name: 'a roster site under another key',
    check: 'order-roster',
    order: (enclave) => ({
      roster: rosterOf(enclave).map((entry) => (entry.name === 'b' ? { ...entry, agent: hex('fake b') } : entry)),
    }),
  },
  {
    name: 'a weight that was not approved',
    check: 'order-roster',
    order: (enclave) => ({
      roster: rosterOf(enclave).map((entry) => (entry.name === 'b' ? { ...entry, weight: 5000 } : entry)),
    }),
  },
  {
    name: 'a roster below this site’s minimum',
    check: 'order-peers',
    order: (enclave) => ({ roster: rosterOf(enclave).slice(0, 2) }),
  },
  {
    name: 'one site that weighs more than the plan allows',
    check: 'order-share',
    plan: (plan) => ({ ...plan, sites: { ...plan.sites, maxShare: '0.3' } }),
    order: () => ({}),
  },
  {
    name: 'a roll-forward of a round that nobody closed',
    check: 'order-roll-forward',
    order: () => ({ rollsForward: hex('receipt') }),
  },
];

describe('the gate against an order', () => {
  it.each(attacks)('refuses $name', async ({ order, check, plan }) => {
    const enclave = await begin(plan);
    await enclave.order(order(enclave));
    await world.pumpAll();
    expect(world.checks()).toEqual([`order-refused ${check}`]);
    expect(world.said('Contribution')).toEqual([]);
    expect(world.trainings).toBe(0);
  });

  it('has another round after the plan’s training where the plan evaluates, and none where it does not', async () => {
    for (const metrics of [['accuracy' as const], []]) {
      const enclave = await begin((plan) => ({ ...plan, rounds: 1, evaluation: { ...plan.evaluation, metrics } }));
      await world.round(enclave);
      await enclave.order();
      await world.pump();
      const tasks = world.said('Contribution').map(({ task }) => task);
      expect(tasks).toEqual(metrics.length === 0 ? ['update'] : ['update', 'evaluation']);
      if (metrics.length > 0) await world.dispose();
    }
    // The study is complete at this site: it answers no order any more.
    expect(world.status?.studies[0]?.state).toBe('complete');
  });

  it('does nothing for an order whose deadline has passed', async () => {
    const enclave = await begin();
    await enclave.order({ deadline: '2026-11-23T07:59:59.000Z' });
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
  });

  it('does nothing for an order that does not ask it', async () => {
    const enclave = await begin();
    await enclave.order({ roster: rosterOf(enclave).filter(({ name }) => name !== 'a') });
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.checks()).toEqual([]);
  });

  it('does not know an order that the session’s key did not sign', async () => {
    const enclave = await begin();
    const real = await enclave.order();
    const forged = await sign('RoundOrder', { ...real.value, attempt: 9 }, generateSigningKey());
    world.relay.forge(world.study, forged.jws);
    await world.pumpAll();
    expect(world.said('Contribution').map(({ order }) => order)).toEqual([real.digest]);
  });

  it('waits for the model of a round that it has not seen closed', async () => {
    const enclave = await begin();
    enclave.checkpoints.set(1, enclave.checkpoints.get(0) ?? new Uint8Array());
    await enclave.order({ round: 2 });
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.checks()).toEqual([]);
  });
});

describe('attempts', () => {
  it('seals for each order once, and new attempts of an unclosed round get what is trained for them', async () => {
    const enclave = await begin();
    const first = await enclave.order();
    await world.pumpAll();
    const second = await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution').map(({ order, attempt }) => [order, attempt])).toEqual([
      [first.digest, 1],
      [second.digest, 2],
    ]);
    expect(world.trainings).toBe(2);
  });

  it('refuses an attempt number that it sealed for, whoever asks', async () => {
    const enclave = await begin();
    const first = await enclave.order({ attempt: 2 });
    await world.pumpAll();
    await enclave.order({ attempt: 2 });
    await enclave.order({ attempt: 1 });
    await world.pumpAll();
    expect(world.said('Contribution').map(({ order }) => order)).toEqual([first.digest]);
    expect(world.checks()).toEqual(['order-refused order-attempt']);
    await enclave.order({ attempt: 3 });
    await world.pumpAll();
    expect(world.said('Contribution').map(({ attempt }) => attempt)).toEqual([2, 3]);
  });

  it('refuses an attempt below the session’s floor', async () => {
    const enclave = await begin();
    await enclave.order({ attempt: 5 });
    await world.pumpAll();
    const next = world.enclave();
    await world.session(next);
    expect(next.session?.value.attemptFloor).toBe(6);
    await next.order({ attempt: 5 });
    await world.pumpAll();
    await next.order({ attempt: 6 });
    await world.pumpAll();
    expect(world.said('Contribution').map(({ attempt }) => attempt)).toEqual([5, 6]);
    expect(world.checks()).toEqual(['order-refused order-attempt']);
  });

  it('refuses a session whose floor is not above what it sealed', async () => {
    const enclave = await begin();
    await enclave.order({ attempt: 5 });
    await world.pumpAll();
    const next = world.enclave();
    await next.challenge();
    await world.pumpAll();
    await next.open({ attemptFloor: 5 });
    await next.offer('a');
    await world.pumpAll();
    expect(world.checks()).toEqual(['session-refused session-attempt-floor']);
  });

  it('trains for a round no more often than the plan allows', async () => {
    const enclave = await begin();
    for (let i = 0; i < 4; i += 1) {
      await enclave.order();
      await world.pumpAll();
    }
    expect(world.said('Contribution')).toHaveLength(3);
    expect(world.checks()).toEqual(['order-refused order-max-attempts']);
  });

  it('goes on in the round after the newest, never again in a closed one', async () => {
    const enclave = await begin();
    await world.round(enclave);
    await enclave.order({ round: 1 });
    await world.pumpAll();
    expect(world.checks()).toEqual(['order-refused order-round']);
    expect(world.said('Contribution')).toHaveLength(1);
  });

  it('starts a later round from what a quorum cosigned, and from nothing else', async () => {
    const enclave = await begin();
    await world.round(enclave);
    await enclave.order({ base: { checkpoint: hex('crafted'), model: hex('crafted') } });
    await world.pumpAll();
    expect(world.checks()).toEqual(['order-refused base-model']);
    expect(world.said('Contribution')).toHaveLength(1);
  });
});

describe('a session that would run a closed round again', () => {
  it('is refused by every site that knows the round closed', async () => {
    const enclave = await begin();
    await world.round(enclave);
    for (const peer of world.peers) Object.assign(peer, { newestReceipt: null, held: [] });
    const rewound = world.enclave();
    await rewound.challenge();
    await world.pump();
    for (const peer of world.peers)
      await peer.state(rewound.challengeRecord?.digest ?? '', { held: [], newestReceipt: null });
    await rewound.open();
    await rewound.offer('a');
    await world.pump();
    expect(world.checks()).toEqual(['session-refused session-resume-older']);
  });

  it('is refused where its own statements say that the round was closed', async () => {
    const enclave = await begin();
    const receipt = await world.round(enclave);
    const rewound = world.enclave();
    await rewound.challenge();
    await world.pumpAll();
    await rewound.open({ resumesFrom: null });
    await rewound.offer('a');
    await world.pumpAll();
    expect(world.checks()).toEqual(['session-refused session-resume-older']);
    expect(receipt.value.round).toBe(1);
  });

  it('is refused where it resumes from another result', async () => {
    const enclave = await begin();
    const receipt = await world.round(enclave);
    const other = world.enclave();
    await other.challenge();
    await world.pumpAll();
    await other.open({ resumesFrom: { receipt: receipt.digest, round: 1, checkpoint: hex('other') } });
    await other.offer('a');
    await world.pumpAll();
    expect(world.checks()).toEqual(['session-refused session-resume']);
  });

  it('resumes where the statements say, and goes on', async () => {
    const enclave = await begin();
    const receipt = await world.round(enclave);
    const next = world.enclave();
    next.receipts = [receipt];
    next.checkpoints.set(1, enclave.checkpoints.get(1) ?? new Uint8Array());
    await world.session(next, receipt);
    await world.round(next);
    expect(world.said('Contribution').map(({ round }) => round)).toEqual([1, 2]);
  });
});

describe('a session with an approval that is no longer the newest', () => {
  it('is refused', async () => {
    world = await (await VaultWorld.create()).approved();
    await world.pumpAll();
    const enclave = world.enclave();
    await enclave.sync();
    const old: Verified<'Approval'> | undefined = enclave.records
      .of('Approval')
      .find(({ value }) => value.site === 'a');
    world.now = new Date(world.now.getTime() + 1000);
    await approveStudy(world.approveRequest());
    await enclave.challenge();
    await world.pumpAll();
    await enclave.sync();
    const approvals = enclave.records
      .of('Approval')
      .filter(({ value, digest }) => value.site !== 'a' || digest === old?.digest);
    await enclave.open({
      approvals: approvals
        .map(({ value, digest }) => ({ site: value.site, approval: digest }))
        .toSorted((a, b) => (a.site < b.site ? -1 : 1)),
    });
    await enclave.offer('a');
    await world.pumpAll();
    expect(world.checks()).toEqual(['session-refused session-approval']);
  });
});
