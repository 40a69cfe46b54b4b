// The gate against sessions: one thing wrong, the exact check named, nothing sealed, and the site goes on waiting for a better one.
import { afterEach, describe, expect, it } from 'vitest';
import { generateSigningKey } from '@wardround/protocol/keys';
import { sign, UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { withdrawStudy } from '../../site-agent/src/person/decide.ts';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { signFakeRelease } from '../fakes/fake-federation.ts';
import { measurement } from '../attestation/world.ts';
import { hex, VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

type Open = Parameters<FakeEnclave['open']>[0];

interface Attack {
  readonly name: string;
  readonly check: string;
  readonly plan?: (plan: StudyPlan) => StudyPlan;
  readonly prepare?: (world: VaultWorld) => Promise<void> | void;
  /** What differs in the SessionOpen. */
  readonly open?: (enclave: FakeEnclave, world: VaultWorld) => Open | Promise<Open>;
  readonly enclave?: (world: VaultWorld) => Promise<FakeEnclave> | FakeEnclave;
  readonly offer?: (enclave: FakeEnclave, world: VaultWorld) => Promise<void>;
  /** Between the session's opening and its order. */
  readonly later?: (world: VaultWorld) => Promise<void> | void;
}

/** A study approved by all, a session with one thing wrong, and an order in it. */
async function attack(parts: Attack): Promise<FakeEnclave> {
  world = await (await VaultWorld.create(parts.plan === undefined ? {} : { plan: parts.plan })).approved();
  await parts.prepare?.(world);
  const enclave = (await parts.enclave?.(world)) ?? world.enclave();
  await enclave.challenge();
  await world.pumpAll();
  await enclave.sync();
  await enclave.open(await parts.open?.(enclave, world));
  if (parts.offer === undefined) await enclave.offer('a');
  else await parts.offer(enclave, world);
  await world.pumpAll();
  world.now = new Date(world.now.getTime() + 6000);
  await parts.later?.(world);
  await world.pumpAll();
  await enclave.order();
  await world.pumpAll();
  return enclave;
}

const statementsOf = (enclave: FakeEnclave): { site: string; statement: string }[] =>
  enclave.records.of('ResumeStatement').map(({ value, digest }) => ({ site: value.site, statement: digest }));
const approvalsOf = (enclave: FakeEnclave): { site: string; approval: string }[] =>
  enclave.records.of('Approval').map(({ value, digest }) => ({ site: value.site, approval: digest }));
const sorted = <T extends { site: string }>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.site < b.site ? -1 : 1));

const minutes = (world: VaultWorld, count: number): Date => new Date(world.now.getTime() + count * 60_000);

const attacks: readonly Attack[] = [
  {
    name: 'a statement in this site’s name that it never made',
    check: 'session-refused session-statement',
    open: (enclave) => ({
      statements: sorted(
        statementsOf(enclave).map((entry) => (entry.site === 'a' ? { site: 'a', statement: hex('x') } : entry)),
      ),
    }),
  },
  {
    name: 'a statement that answers another challenge',
    check: 'session-refused session-statement',
    open: async (enclave, { peers }) => {
      const other = await peers[0]?.state(hex('another challenge'));
      const honest = enclave.records.of('ResumeStatement').filter(({ value }) => value.site !== 'b');
      const listed = honest.map(({ value, digest }) => ({ site: value.site, statement: digest }));
      return { statements: sorted([...listed, { site: 'b', statement: other?.digest ?? '' }]) };
    },
  },
  {
    name: 'too few statements',
    check: 'session-refused session-quorum',
    open: (enclave) => ({
      statements: sorted(statementsOf(enclave).filter(({ site }) => site === 'a' || site === 'b')),
    }),
  },
  {
    name: 'another membership than this site knows',
    check: 'session-refused session-membership',
    open: () => ({ membership: hex('invented members') }),
  },
  {
    name: 'an approval that nobody gave',
    check: 'session-refused session-approval',
    open: (enclave) => ({
      approvals: sorted(
        approvalsOf(enclave).map((entry) => (entry.site === 'b' ? { site: 'b', approval: hex('no') } : entry)),
      ),
    }),
  },
  {
    name: 'an invented site in the approvals',
    check: 'session-refused session-approval',
    open: (enclave) => ({
      approvals: sorted([...approvalsOf(enclave), { site: 'zz', approval: approvalsOf(enclave)[0]?.approval ?? '' }]),
    }),
  },
  {
    name: 'this site’s own approval left out',
    check: 'session-refused session-approval',
    open: (enclave) => ({ approvals: sorted(approvalsOf(enclave).filter(({ site }) => site !== 'a')) }),
  },
  {
    name: 'too few approvals',
    check: 'session-refused session-approvals',
    open: (enclave) => ({ approvals: sorted(approvalsOf(enclave).filter(({ site }) => site === 'a' || site === 'b')) }),
  },
  {
    name: 'a resume point that no statement names',
    check: 'session-refused session-resume',
    open: () => ({ resumesFrom: { receipt: hex('r'), round: 1, checkpoint: hex('c') } }),
  },
  {
    name: 'a log where the federation has none',
    check: 'session-refused session-log',
    open: () => ({ log: { mode: 'witnessed', checkpoint: 'invented' } }),
  },
  {
    name: 'a clock eleven minutes ahead of the others',
    check: 'session-refused session-clock',
    prepare: (world) => {
      for (const peer of world.peers) Object.assign(peer, { now: () => minutes(world, -11) });
    },
  },
  {
    name: 'a clock eleven minutes behind the others',
    check: 'session-refused session-clock',
    prepare: (world) => {
      for (const peer of world.peers) Object.assign(peer, { now: () => minutes(world, 11) });
    },
  },
  {
    name: 'a release that nobody signed',
    check: 'evidence-refused release-unknown',
    open: () => ({ release: hex('release') }),
  },
  {
    name: 'a release of another name than the plan’s',
    check: 'evidence-refused release-other',
    enclave: async (world) => {
      const release = await signFakeRelease(world.federation, measurement, { name: 'test-2' });
      world.relay.forge('federation', release.jws);
      return world.enclave({ release });
    },
  },
  {
    name: 'a release that has expired',
    check: 'evidence-refused release-expired',
    enclave: async (world) => {
      const release = await signFakeRelease(world.federation, measurement, { expires: '2026-11-20T00:00:00.000Z' });
      world.relay.forge('federation', release.jws);
      return world.enclave({ release });
    },
  },
  {
    name: 'a release that was revoked',
    check: 'evidence-refused release-revoked',
    prepare: async (world) => {
      const value = {
        kind: 'ReleaseRevocation',
        version: 1,
        release: world.release.digest,
        releaser: 'builder',
        revokedAt: '2026-11-22T00:00:00.000Z',
        reason: 'a hole',
      } as const;
      world.relay.forge('federation', (await sign('ReleaseRevocation', value, world.federation.releaser)).jws);
    },
  },
  {
    name: 'a release that was revoked, behind an earlier word that it will be one day',
    check: 'evidence-refused release-revoked',
    prepare: async (world) => {
      for (const revokedAt of ['2030-01-01T00:00:00.000Z', '2026-11-22T00:00:00.000Z']) {
        const release = world.release.digest;
        const names = { kind: 'ReleaseRevocation', version: 1, release, releaser: 'builder' } as const;
        const signed = await sign('ReleaseRevocation', { ...names, revokedAt, reason: 'x' }, world.federation.releaser);
        world.relay.forge('federation', signed.jws);
      }
    },
  },
  {
    name: 'a release of a releaser whom the federation removed',
    check: 'evidence-refused release-releaser',
    prepare: async (world) => {
      const value = {
        kind: 'Membership' as const,
        version: 1 as const,
        federation: world.federation.view.federation,
        predecessor: world.federation.view.membership,
        sequence: 1,
        issuedAt: '2026-11-20T00:00:00.000Z',
        reason: 'leaves',
        changes: [{ action: 'removeReleaser' as const, name: 'builder' }],
      };
      for (const { approval } of world.federation.sites) {
        world.relay.forge('federation', (await sign('Membership', value, approval)).jws);
      }
    },
  },
  {
    name: 'a release that does not list the measurement',
    check: 'evidence-refused release-measurement',
    enclave: async (world) => {
      const release = await signFakeRelease(world.federation, 'ab'.repeat(48));
      world.relay.forge('federation', release.jws);
      return world.enclave({ release });
    },
  },
  {
    name: 'evidence bound to another session (re-keyed)',
    check: 'evidence-refused evidence-session',
    offer: async (enclave) => await enclave.offer('a', { sessionOpen: hex('another session') }),
  },
  {
    name: 'evidence for a nonce that this site never made',
    check: 'evidence-refused evidence-nonce',
    offer: async (enclave) => await enclave.offer('a', { nonce: hex('stale') }),
  },
  {
    name: 'evidence for an old nonce under the name of the new one',
    check: 'evidence-refused evidence-nonce',
    offer: async (enclave) => await enclave.offer('a', { nonce: hex('stale'), claim: enclave.nonceOf('a') }),
  },
  {
    name: 'evidence of other code',
    check: 'evidence-refused snp-measurement-unknown',
    offer: async (enclave) => await enclave.offer('a', { measurement: 'ab'.repeat(48) }),
  },
  {
    name: 'evidence whose report was changed in one bit',
    check: 'evidence-refused snp-signature',
    offer: async (enclave) =>
      await enclave.offer('a', {
        text: (text) =>
          text.replace(/("report":".{400})(.)/, (_, head: string, c: string) => `${head}${c === 'A' ? 'B' : 'A'}`),
      }),
  },
  {
    name: 'evidence that is no JSON',
    check: 'evidence-refused json-syntax',
    offer: async (enclave) => await enclave.offer('a', { text: () => 'not evidence' }),
  },
  {
    name: 'a simulated platform that the policy does not trust',
    check: 'evidence-refused snp-root-untrusted',
    prepare: (world) => {
      const { simulatedPlatform: _, ...policy } = world.policy;
      world.policy = policy;
    },
  },
  {
    name: 'an attestation policy that changed after the session was verified',
    check: 'evidence-refused snp-measurement-unknown',
    later: (world) => {
      const [image] = world.policy.measurements;
      world.policy = {
        ...world.policy,
        measurements: image?.platform === 'sevSnp' ? [{ ...image, measurement: 'ab'.repeat(48) }] : [],
      };
    },
  },
];

function isOwnApproval(jws: string): boolean {
  const { kind, signer } = UNVERIFIED_kindOf(jws);
  return kind === 'Approval' && signer === world.own.approval.thumbprint;
}

describe('the gate against a session', () => {
  it.each(attacks)('refuses $name', async (parts) => {
    await attack(parts);
    expect(world.checks()).toContain(parts.check);
    expect(world.said('Contribution')).toEqual([]);
    expect(world.trainings).toBe(0);
  });

  it('says a refusal once, and takes part in a better session', async () => {
    await attack({ name: '', check: '', open: () => ({ release: hex('release') }) });
    await world.pumpAll();
    expect(world.checks()).toEqual(['evidence-refused release-unknown']);
    const better = world.enclave();
    await world.session(better);
    await world.round(better);
    expect(world.said('Contribution')).toHaveLength(1);
  });

  it('does not refuse a session for a release that comes a moment later', async () => {
    world = await (await VaultWorld.create()).approved();
    const release = await signFakeRelease(world.federation, measurement, { bundle: '1'.repeat(64) });
    const enclave = world.enclave({ release });
    await world.session(enclave);
    world.relay.forge('federation', release.jws);
    await world.round(enclave);
    expect(world.checks()).toEqual([]);
    expect(world.said('Contribution')).toHaveLength(1);
  });

  it('does not know a session whose key is not its challenge’s', async () => {
    const enclave = await attack({
      name: '',
      check: '',
      open: () => ({ receiptKey: generateSigningKey().publicKey }),
    });
    expect(world.vault?.studies.get(world.study)?.records.of('SessionOpen')).toEqual([]);
    expect(enclave.session).not.toBeNull();
    expect(world.said('Contribution')).toEqual([]);
  });

  it('seals nothing after a withdrawal, though the session was verified', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    await withdrawStudy({
      paths: world.paths,
      site: 'a',
      study: world.study,
      approvalKey: world.own.approval,
      now: () => world.now,
    });
    await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.status?.studies[0]?.state).toBe('withdrawn');
  });

  it('seals nothing under an approval of its own that its ledger does not know, as a restored disk would find on the board', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const known = world.relay.records.map(({ jws }) => jws).find((jws) => isOwnApproval(jws)) ?? '';
    const { value } = await verify('Approval', known, [world.own.approval.publicKey]);
    const unknown = { ...value, approvedAt: new Date(Date.parse(value.approvedAt) + 1000).toISOString() };
    world.relay.forge(world.study, (await sign('Approval', unknown, world.own.approval)).jws);
    await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.status?.studies[0]?.check?.code).toBe('approval-unreserved');
  });

  it('seals nothing after the approval expired, though the session was verified', async () => {
    await attack({
      name: '',
      check: '',
      plan: (plan) => ({ ...plan, expires: '2026-11-23T08:20:00.000Z' }),
      later: () => {
        world.now = minutes(world, 30);
      },
    });
    expect(world.vault?.studies.get(world.study)?.sessions.size).toBe(1);
    expect(world.said('Contribution')).toEqual([]);
    expect([world.trainings, world.status?.studies[0]?.state]).toEqual([0, 'expired']);
  });

  it('asks for fresh evidence when it has grown old, and goes on with it', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    world.now = minutes(world, 61);
    const order = await enclave.order();
    await world.pumpAll();
    expect(world.said('Contribution')).toEqual([]);
    expect(world.said('EvidenceRequest')).toHaveLength(1);
    await enclave.sync();
    await enclave.offer('a');
    await world.pumpAll();
    expect(world.said('Contribution').map((contribution) => contribution['order'])).toEqual([order.digest]);
  });

  it('answers a challenge without approval with nothing', async () => {
    world = await VaultWorld.create();
    await world.startVault();
    const enclave = world.enclave();
    await enclave.challenge();
    await world.pump();
    expect(world.said('ResumeStatement')).toEqual([]);
  });
});
