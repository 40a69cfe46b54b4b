// Plans that a site is asked about, and those that never reach a person's desk: one thing wrong, the exact code.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sign } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { approveStudy } from '../../site-agent/src/person/approve-study.ts';
import { TfjsLearner } from '../../site-agent/src/vault/learner.ts';
import { VaultWorld } from './vault-world.ts';
import { probeNetwork, requireIsolated } from '../../site-agent/src/vault/network-probe.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

const dp: StudyPlan['privacy'] = {
  mode: 'central',
  unit: 'patient',
  adjacency: 'addOrRemoveOne',
  trusts: 'enclave',
  clipNorm: '1',
  epsilon: '2',
  delta: '0.00001',
  accountant: 'pld',
  candidates: 1,
  noise: [{ mechanism: 'update', noiseMultiplier: '1', samplingRate: '1' }],
};

const refused: readonly {
  name: string;
  code: string;
  where?: string;
  plan: (plan: StudyPlan) => StudyPlan | Promise<StudyPlan>;
}[] = [
  { name: 'has expired', code: 'plan-expired', plan: (plan) => ({ ...plan, expires: '2026-11-22T00:00:00.000Z' }) },
  {
    name: 'lists a member under another key',
    code: 'plan-roster',
    plan: (plan) => ({
      ...plan,
      sites: {
        ...plan.sites,
        roster: plan.sites.roster.map((site) => (site.name === 'b' ? { ...site, agent: '0'.repeat(64) } : site)),
      },
    }),
  },
  {
    name: 'lists somebody who is no member',
    code: 'plan-roster',
    plan: (plan) => ({
      ...plan,
      sites: { ...plan.sites, roster: [...plan.sites.roster, { name: 'zz', agent: '0'.repeat(64) }] },
    }),
  },
  {
    name: 'has K below f + 2',
    code: 'plan-minimum',
    plan: (plan) => ({ ...plan, sites: { ...plan.sites, minimum: 2 } }),
  },
  {
    name: 'has K beyond its roster',
    code: 'plan-minimum',
    plan: (plan) => ({ ...plan, sites: { ...plan.sites, minimum: 5 } }),
  },
  {
    name: 'releases with too few consents',
    code: 'plan-release',
    plan: (plan) => ({ ...plan, release: { ...plan.release, whenSitesAgree: 2 } }),
  },
  {
    name: 'names a recipient with another receiving key',
    code: 'plan-recipient',
    plan: async (plan) => ({
      ...plan,
      release: {
        ...plan.release,
        to: await Promise.all(
          plan.release.to.map(async (to) => ({ ...to, receiving: (await generateHpkeKey()).publicKey })),
        ),
      },
    }),
  },
  {
    name: 'asks for differential privacy',
    code: 'plan-unsupported',
    where: 'privacy.mode',
    plan: (plan) => ({ ...plan, privacy: dp }),
  },
  {
    name: 'asks for masking',
    code: 'plan-unsupported',
    where: 'masking',
    plan: (plan) => ({ ...plan, masking: { mode: 'masked', threshold: 2 } }),
  },
  {
    name: 'asks for Multi-Krum among too few sites',
    code: 'plan-minimum',
    plan: (plan) => ({ ...plan, strategy: { name: 'selectingRule', rule: { kind: 'multiKrum', select: 1 } } }),
  },
  {
    name: 'wants risk sets over all sites',
    code: 'plan-unsupported',
    where: 'model.stratify',
    plan: (plan) => ({ ...plan, model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'none', l2: '0' } }),
  },
  {
    name: 'asks for sums that so fine a step could take beyond 64 bits',
    code: 'plan-unsupported',
    plan: (plan) => ({
      ...plan,
      training: { method: 'newton', tolerance: '0.001' },
      strategy: { name: 'newton' },
      encoding: { ...plan.encoding, sums: { ring: 'int64', stepLog2: -60 } },
    }),
  },
  {
    name: 'brings its own first weights',
    code: 'plan-unsupported',
    where: 'initialWeights',
    plan: (plan) => ({ ...plan, initialWeights: { method: 'importedWeights', digest: '0'.repeat(64) } }),
  },
  {
    name: 'wants masked integers',
    code: 'plan-unsupported',
    where: 'encoding.update.ring',
    plan: (plan) => ({ ...plan, encoding: { ...plan.encoding, update: { ...plan.encoding.update, ring: 'z2pow64' } } }),
  },
  {
    name: 'wants consent given with the approval',
    code: 'plan-unsupported',
    where: 'release.consent',
    plan: (plan) => ({
      ...plan,
      release: { ...plan.release, consent: { method: 'byApproval', gate: { metric: 'accuracy', atLeast: '0.5' } } },
    }),
  },
];

/** The world's own plan, and one that differs. */
async function shown(change: (plan: StudyPlan) => StudyPlan | Promise<StudyPlan>): Promise<string> {
  world = await VaultWorld.create();
  const plan = await sign('StudyPlan', await change(world.plan.value), world.federation.researcher.signing);
  world.relay.forge('federation', plan.jws);
  await world.startVault();
  await world.pump();
  return plan.digest;
}

describe('a plan', () => {
  it.each(refused)('that $name is refused, and said so to the people here', async ({ code, where, plan }) => {
    const digest = await shown(plan);
    const status = world.status?.studies.find(({ study }) => study === digest);
    expect([status?.state, status?.check?.code]).toEqual(['plan-refused', code]);
    if (where !== undefined) expect(status?.check?.detail).toContain(`at ${where}`);
    expect(world.vault?.studies.has(digest)).toBe(false);
  });

  it('that does not ask this site is nobody’s business here', async () => {
    const digest = await shown((plan) => ({ ...plan, sites: { ...plan.sites, roster: plan.sites.roster.slice(1) } }));
    expect(world.status?.studies.map(({ study }) => study)).not.toContain(digest);
  });

  it('costs a site the memory of its model only once a person approved it', async () => {
    const initial = vi.spyOn(TfjsLearner.prototype, 'initial');
    try {
      const digest = await shown((plan) => ({ ...plan, title: 'another' }));
      expect(world.vault?.studies.has(digest)).toBe(true);
      await world.startVault();
      await world.pump();
      expect(initial).not.toHaveBeenCalled();
      await approveStudy(world.approveRequest());
      await world.enclave().challenge();
      await world.pump();
      expect(initial).toHaveBeenCalledTimes(1);
    } finally {
      initial.mockRestore();
    }
  });

  it('of another federation, or that no researcher signed, is not seen at all', async () => {
    world = await VaultWorld.create();
    const strangers = await sign('StudyPlan', world.plan.value, generateSigningKey());
    const elsewhere = await sign(
      'StudyPlan',
      { ...world.plan.value, membership: '0'.repeat(64) },
      world.federation.researcher.signing,
    );
    const other = await sign(
      'StudyPlan',
      { ...world.plan.value, federation: '0'.repeat(64) },
      world.federation.researcher.signing,
    );
    for (const plan of [strangers, elsewhere, other]) world.relay.forge('federation', plan.jws);
    await world.startVault();
    await world.pump();
    expect([...(world.vault?.studies.keys() ?? [])]).toEqual([world.study]);
    expect(world.status?.studies.flatMap(({ check }) => (check === null ? [] : [check.code]))).toEqual([
      'plan-federation',
    ]);
  });

  it('altered after it was signed is not seen: its signature does not verify', async () => {
    world = await VaultWorld.create();
    const [head, , signature] = world.plan.jws.split('.');
    const altered = { ...world.plan.value, rounds: 99 };
    const { jws } = await sign('StudyPlan', altered, world.federation.researcher.signing);
    world.relay.forge('federation', `${head}.${jws.split('.')[1]}.${signature}`);
    await world.startVault();
    await world.pump();
    expect([...(world.vault?.studies.keys() ?? [])]).toEqual([world.study]);
  });
});

describe('the vault’s own look at the network', () => {
  it.each([
    [{ interfaces: ['eth0'], ways: [] }, false],
    [{ interfaces: [], ways: ['UDP over IPv4'] }, false],
  ])('refuses %j unless the settings accept it by name', async (reach, accepted) => {
    world = await VaultWorld.create();
    expect(() => requireIsolated(reach, accepted)).toThrow(expect.objectContaining({ code: 'vault-not-isolated' }));
    expect(() => requireIsolated(reach, true)).not.toThrow();
    expect(() => requireIsolated({ interfaces: [], ways: [] }, false)).not.toThrow();
  });

  it('comes to an end', async () => {
    world = await VaultWorld.create();
    const reach = await probeNetwork();
    expect(Array.isArray(reach.ways)).toBe(true);
  });
});
