// A party that opens sessions by itself, without end: the vault’s disk and its signatures are bounded, and the genuine enclave is served.
import { afterEach, describe, expect, it } from 'vitest';
import { fakeChallenge, fakeOpening, fakeSession } from '../fakes/fake-session.ts';
import { start, VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

const names = (): { federation: string; study: string } => ({
  federation: world.federation.view.federation,
  study: world.study,
});

/** Shown to this site alone: the fake peers would listen to the newest. */
async function forgeSessions(count: number): Promise<void> {
  const forged = new Set<string>();
  const { show } = world.relay.hostile;
  world.relay.hostile.show = (record, party) => (party !== 'a' && forged.has(record.jws) ? [] : show(record, party));
  for (let i = 0; i < count; i += 1) {
    const { challenge, open } = await fakeSession(names());
    for (const { jws } of [challenge, open]) {
      forged.add(jws);
      world.relay.forge(world.study, jws);
    }
  }
}

const onDisk = (kind: string): number =>
  world.state?.records(world.study).filter((record) => record.kind === kind).length ?? 0;

describe('sessions that no enclave made', () => {
  it('fill no disk, and keep the genuine one from nothing', async () => {
    world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) })).approved();
    const enclave = world.enclave();
    await forgeSessions(12);
    await world.session(enclave);
    await forgeSessions(12);
    await world.pump();
    await world.round(enclave);
    expect(world.said('Contribution')).toHaveLength(1);
    expect(world.status?.studies[0]?.state).toBe('complete');
    expect([onDisk('SessionOpen'), onDisk('SessionChallenge')]).toEqual([1, 1]);
    await world.startVault();
    await world.pump();
    expect(world.status?.studies[0]?.state).toBe('complete');
  });

  it('leave the genuine one, verified after them, its records on the disk for a coordinator that lost them', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    await world.round(enclave);
    for (const kind of [
      'SessionChallenge',
      'SessionOpen',
      'RoundOrder',
      'RoundReceipt',
      'SealedModel',
      'EvidenceOffer',
    ])
      expect([kind, onDisk(kind)]).toEqual([kind, 1]);
  });

  it('opened again and again for a challenge that was answered, are refused a few times in public and no more', async () => {
    world = await (await VaultWorld.create()).approved();
    const { key, challenge } = await fakeSession(names());
    world.relay.forge(world.study, challenge.jws);
    await world.pumpAll();
    for (let attemptFloor = 1; attemptFloor <= 12; attemptFloor += 1) {
      const { jws } = await fakeOpening(names(), { key, challenge: challenge.digest, attemptFloor });
      world.relay.forge(world.study, jws);
    }
    await world.pump();
    expect(world.checks()).toHaveLength(4);
    expect(onDisk('SessionOpen')).toBe(0);
    const enclave = world.enclave();
    await world.session(enclave);
    expect(world.status?.studies[0]?.state).toBe('running');
  });
});

describe('challenges without end', () => {
  it('are answered a hundred and twenty times an hour, through restarts, and then again', async () => {
    world = await (await VaultWorld.create()).approved();
    const challenge = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        const { jws } = await fakeChallenge(names());
        await world.vault?.receive(world.study, jws);
        await world.vault?.reconcile();
      }
    };
    await world.pump();
    await challenge(70);
    await world.startVault();
    await world.pump();
    await challenge(60);
    await world.vault?.publishOwed();
    expect(world.said('ResumeStatement')).toHaveLength(120);
    expect(world.status?.studies[0]?.check?.code).toBe('challenge-flood');
    expect(world.logs.filter(({ event }) => event === 'challenges-unanswered')).toHaveLength(1);
    world.now = new Date(start.getTime() + 60 * 60 * 1000);
    await world.session(world.enclave());
    expect(world.status?.studies[0]?.state).toBe('running');
  });
});

describe('a vault that starts again', () => {
  it('judges anew what it refused before, and says so in one line', async () => {
    world = await (await VaultWorld.create()).approved();
    for (let i = 0; i < 3; i += 1) {
      const { key, challenge } = await fakeSession(names());
      world.relay.forge(world.study, challenge.jws);
      await world.pumpAll();
      const { jws } = await fakeOpening(names(), { key, challenge: challenge.digest });
      world.relay.forge(world.study, jws);
      await world.pump();
    }
    const refused = (): readonly string[] =>
      world.logs.filter(({ event }) => event === 'session-refused').map(({ level }) => level);
    expect(refused()).toEqual(['warn', 'warn', 'warn']);
    expect(world.checks()).toHaveLength(3);
    world.logs.length = 0;
    await world.startVault();
    await world.pump();
    expect(refused()).toEqual(['debug', 'debug', 'debug']);
    expect(world.logs.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(world.logs.filter(({ event }) => event === 'refusals-hold')).toMatchObject([
      { level: 'info', detail: '3 from before this start' },
    ]);
    expect(world.checks()).toHaveLength(3);
  });
});
