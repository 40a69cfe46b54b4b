// A vault that cannot take part: it says so once, tries ever more rarely, at once when something changed, and no more when there is nothing left.
import { afterEach, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { approveStudy } from '../../site-agent/src/person/approve-study.ts';
import { policyFor } from '../attestation/world.ts';
import { VaultWorld, type Wrap } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

/** Counts how often a session was judged: each time the gate asks which nonces were made for it. */
function counting(): { readonly wrap: Wrap; count(): number } {
  let calls = 0;
  const wrap: Wrap = (port, target) =>
    new Proxy(target, {
      get: (object, key) => {
        const member: unknown = Reflect.get(object, key, object);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (`${port}.${String(key)}` === 'state.nonces') calls += 1;
          return Reflect.apply(member, object, args);
        };
      },
    });
  return {
    wrap,
    count: () => {
      const counted = calls;
      calls = 0;
      return counted;
    },
  };
}

/** Each half second of so many, as the vault's process does. */
async function ticks(seconds: number): Promise<void> {
  for (let half = 0; half < 2 * seconds; half += 1) {
    world.now = new Date(world.now.getTime() + 500);
    await world.vault?.reconcile();
  }
}

const logged = (event: string): readonly (string | undefined)[] =>
  world.logs.filter((entry) => entry.event === event).map(({ code }) => code);

/** An enclave on a chip that the site's policy does not list. */
async function refusedSession(wrap?: Wrap): Promise<ReturnType<VaultWorld['enclave']>> {
  world = await VaultWorld.create();
  await world.approved(wrap);
  const { sevSnp } = world.policy.platforms;
  if (sevSnp === 'refused') throw new Error('a policy for another platform');
  world.policy = {
    ...world.policy,
    platforms: { ...world.policy.platforms, sevSnp: { ...sevSnp, chipIds: ['0'.repeat(128)] } },
  };
  const enclave = world.enclave();
  await world.session(enclave);
  return enclave;
}

describe('a session that is refused', () => {
  it('is in the log once, and tried ever more rarely', async () => {
    const tries = counting();
    await refusedSession(tries.wrap);
    const [first] = world.status?.studies ?? [];
    expect(first).toMatchObject({ state: 'awaiting-session', check: { code: 'snp-chip-unknown' } });
    const status = world.status;
    tries.count();
    await ticks(600);
    expect(tries.count()).toBeGreaterThan(5);
    await ticks(600);
    expect(tries.count()).toBeLessThanOrEqual(2 * 10);
    expect(logged('evidence-refused')).toEqual(['snp-chip-unknown']);
    expect(world.checks()).toEqual(['evidence-refused snp-chip-unknown']);
    expect(world.status).toBe(status);
  });

  it('is looked at again as soon as the policy is mended', async () => {
    await refusedSession();
    await ticks(600);
    world.policy = policyFor(world.attestation);
    await ticks(0.5);
    expect(logged('session-verified')).toHaveLength(1);
    expect(world.status?.studies[0]).toMatchObject({ state: 'running', check: null });
  });

  it('is looked at again as soon as there is a new record, not for what others say of it', async () => {
    const tries = counting();
    await refusedSession(tries.wrap);
    await ticks(600);
    tries.count();
    await world.peers[0]?.say('session-refused');
    await world.pump();
    expect(tries.count()).toBe(0);
    await world.peers[0]?.withdraw();
    await world.pump();
    expect(tries.count()).toBeGreaterThan(0);
    expect(logged('evidence-refused')).toEqual(['snp-chip-unknown']);
  });

  it.each([
    ['the plan', null, '2027-04-01T00:00:00.000Z'],
    ['the approval', '2026-12-01T00:00:00.000Z', '2026-12-01T00:00:01.000Z'],
  ])('is not tried any more once %s has expired', async (_what, validUntil, expired) => {
    const tries = counting();
    await refusedSession(tries.wrap);
    await ticks(1);
    if (validUntil !== null) await approveStudy(world.approveRequest({ validUntil }));
    await ticks(1);
    world.now = new Date(expired);
    await ticks(0.5);
    tries.count();
    await ticks(600);
    expect(tries.count()).toBe(0);
    expect(world.status?.studies[0]?.state).toBe('expired');
  });
});

describe('a study that is complete', () => {
  async function complete(): Promise<void> {
    world = await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    await world.approved();
    const enclave = world.enclave();
    await world.session(enclave);
    await world.round(enclave);
    expect(world.checks()).toEqual(['study-complete null']);
  }

  it('answers a new enclave while a site may still need the model', async () => {
    await complete();
    for (const peer of world.peers.slice(1)) await peer.say('study-complete');
    await world.enclave().challenge();
    await world.pump();
    expect(world.said('ResumeStatement')).toHaveLength(2);
  });

  it('considers no session any more when every site that takes part has it', async () => {
    await complete();
    for (const peer of world.peers.slice(1)) await peer.say('study-complete');
    await world.peers[0]?.withdraw();
    await world.enclave().challenge();
    await world.pump();
    expect(world.said('ResumeStatement')).toHaveLength(1);
  });
});

async function refuseToWrite(): Promise<never> {
  return await Promise.reject(new WardroundError('disk-full', 'no room'));
}

describe('a study in trouble', () => {
  it('is in the log once, and goes on when the trouble is over', async () => {
    world = await (await VaultWorld.create()).approved();
    let broken = true;
    await world.startVault(
      (port, target) =>
        new Proxy(target, {
          get: (object, key) => {
            const member: unknown = Reflect.get(object, key, object);
            if (broken && `${port}.${String(key)}` === 'files.writePayload') return refuseToWrite;
            return typeof member === 'function' ? member.bind(object) : member;
          },
        }),
    );
    const enclave = world.enclave();
    await world.session(enclave);
    await enclave.order();
    await world.pumpAll();
    const trained = world.trainings;
    await ticks(30);
    expect(logged('study-trouble')).toEqual(['disk-full']);
    expect(world.trainings - trained).toBeLessThanOrEqual(6);
    broken = false;
    await ticks(60);
    expect(logged('contributed')).toHaveLength(1);
  });
});

describe('a record that the coordinator does not take', () => {
  it('is offered again, and in the log once for each reason', async () => {
    world = await (await VaultWorld.create()).approved();
    const reasons = ['relay-timeout', 'relay-timeout', 'board-busy', 'relay-timeout'];
    await world.startVault(
      (port, target) =>
        new Proxy(target, {
          get: (object, key) => {
            const member: unknown = Reflect.get(object, key, object);
            const reason = `${port}.${String(key)}` === 'outlet.publish' ? reasons.shift() : undefined;
            if (reason !== undefined) return async (): Promise<never> => await refuse(reason);
            return typeof member === 'function' ? member.bind(object) : member;
          },
        }),
    );
    await world.vault?.reconcile();
    for (const _pass of [1, 2, 3, 4, 5]) await world.vault?.publishOwed();
    expect(world.said('Approval')).toHaveLength(1);
    expect(logged('publish-failed')).toEqual(['relay-timeout', 'board-busy', 'relay-timeout']);
  });
});

async function refuse(code: string): Promise<never> {
  return await Promise.reject(new WardroundError(code, 'not now', { action: 'retry' }));
}
