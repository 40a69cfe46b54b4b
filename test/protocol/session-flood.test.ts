// Sessions, and sites, that fill a study's board without end: what is kept of them is bounded, and the genuine session stays.
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { shelfLimits } from '@wardround/protocol/session-shelf';
import { StudyRecords, type StudyRecordsParts } from '@wardround/protocol/study-records';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FakeSession, fakeChallenge, fakeOpening, fakeSession } from '../fakes/fake-session.ts';
import { type FakeFederation, fakeFederation } from '../fakes/federation.ts';
import { signedPlan } from '../fakes/plan.ts';

const at = '2026-11-03T00:00:00.000Z';
const some = (digit: string): string => digit.repeat(64);
let federation: FakeFederation;
let plan: Verified<'StudyPlan'>;
let names: { federation: string; study: string };

beforeAll(async () => {
  federation = await fakeFederation(['a', 'b', 'c'], 0);
  plan = await signedPlan(federation);
  names = { federation: federation.view.federation, study: plan.digest };
});

const records = (parts: Partial<StudyRecordsParts> = {}): StudyRecords =>
  new StudyRecords({ federation: federation.view, plan, ...parts });

function site(name: string): FakeFederation['sites'][number] {
  const found = federation.sites.find((member) => member.name === name);
  if (found === undefined) throw new Error(`no site ${name}`);
  return found;
}

async function answer(name: string, challenge: string): Promise<string> {
  const value: DocumentOf<'ResumeStatement'> = {
    kind: 'ResumeStatement',
    version: 1,
    ...names,
    site: name,
    challenge,
    nonce: some('1'),
    newestReceipt: null,
    lastSealed: null,
    held: [],
    instance: 1,
    statedAt: at,
  };
  return (await sign('ResumeStatement', value, site(name).agent)).jws;
}

async function receiptOf({ open, key }: FakeSession, attempt = 1): Promise<Verified<'RoundReceipt'>> {
  const one = { contribution: some('1'), payload: some('2'), approval: some('3'), weight: 1 };
  return await sign(
    'RoundReceipt',
    {
      kind: 'RoundReceipt',
      version: 1,
      ...names,
      session: open.digest,
      order: some('4'),
      task: 'update',
      round: 1,
      attempt,
      previous: null,
      rollsForward: null,
      contributors: [
        { site: 'a', ...one },
        { site: 'b', ...one },
      ],
      totalWeight: 2,
      absentees: [],
      survivors: null,
      base: some('5'),
      model: some('6'),
      checkpoint: some('7'),
      result: null,
      noise: { mode: 'none' },
      evidence: [],
      backend: 'wasm',
      closedAt: at,
    },
    key,
  );
}

async function cosign(name: string, receipt: string): Promise<string> {
  const value = { kind: 'Cosignature', version: 1, ...names, site: name, receipt, round: 1, cosignedAt: at } as const;
  return (await sign('Cosignature', value, site(name).witness)).jws;
}

async function stopOf({ open, key }: FakeSession, detail: string): Promise<string> {
  const value = { kind: 'StudyStop', version: 1, ...names, session: open.digest, round: 1 } as const;
  return (await sign('StudyStop', { ...value, code: 'shortfall', detail, stoppedAt: at }, key)).jws;
}

async function flood(board: StudyRecords, count: number): Promise<FakeSession[]> {
  const sessions: FakeSession[] = [];
  for (let i = 0; i < count; i += 1) {
    const session = await fakeSession(names);
    sessions.push(session);
    await board.add(session.challenge.jws);
    await board.add(session.open.jws);
  }
  return sessions;
}

async function addAll(board: StudyRecords, list: readonly string[]): Promise<void> {
  for (const jws of list) await board.add(jws);
}

const openings = (board: StudyRecords): string[] => board.of('SessionOpen').map(({ digest }) => digest);

describe('a flood of sessions that nobody vouches for', () => {
  it('is bounded, and gives up none that sites answered, whether it comes before or after', async () => {
    const board = records();
    await flood(board, shelfLimits.sessions + 20);
    expect(board.of('SessionChallenge')).toHaveLength(shelfLimits.sessions);
    const genuine = await fakeSession(names);
    await addAll(board, [genuine.challenge.jws, await answer('a', genuine.challenge.digest), genuine.open.jws]);
    const after = await flood(board, shelfLimits.sessions + 20);
    expect(board.of('SessionChallenge')).toHaveLength(shelfLimits.sessions);
    expect(openings(board)[0]).toBe(genuine.open.digest);
    expect(openings(board).at(-1)).toBe(after.at(-1)?.open.digest);
  });

  it('gives up first what the fewest sites answered, though it is newer', async () => {
    const board = records();
    const genuine = await fakeSession(names);
    const answers = [await answer('a', genuine.challenge.digest), await answer('b', genuine.challenge.digest)];
    await addAll(board, [genuine.challenge.jws, ...answers, genuine.open.jws]);
    for (let i = 0; i < shelfLimits.sessions + 5; i += 1) {
      const { challenge, open } = await fakeSession(names);
      await addAll(board, [challenge.jws, await answer('c', challenge.digest), open.jws]);
    }
    expect(openings(board)).toHaveLength(shelfLimits.sessions);
    expect(openings(board)).toContain(genuine.open.digest);
  });

  it('gives up none of whose receipts a site cosigned, before a quorum did', async () => {
    const board = records();
    const genuine = await fakeSession(names);
    const receipt = await receiptOf(genuine);
    await addAll(board, [genuine.challenge.jws, genuine.open.jws, receipt.jws, await cosign('a', receipt.digest)]);
    for (let i = 0; i < shelfLimits.sessions + 5; i += 1) {
      const { challenge, open } = await fakeSession(names);
      await addAll(board, [challenge.jws, await answer('c', challenge.digest), open.jws]);
    }
    expect(board.byDigest('RoundReceipt', receipt.digest)).toBeDefined();
  });

  it('what was given up is taken when it comes again, all of it', async () => {
    const board = records();
    const [first] = await flood(board, 1);
    if (first === undefined) throw new Error('no session');
    const stop = await stopOf(first, 'once');
    await board.add(stop);
    const before = board.revisionOf('StudyStop');
    await flood(board, shelfLimits.sessions);
    expect([openings(board).includes(first.open.digest), board.of('StudyStop')]).toEqual([false, []]);
    expect(board.revisionOf('StudyStop')).not.toBe(before);
    await addAll(board, [first.challenge.jws, first.open.jws]);
    expect(await board.add(stop)).toBe(true);
    expect(openings(board)).toContain(first.open.digest);
  });
});

describe('one session that nobody vouches for', () => {
  it('is not opened without end', async () => {
    const board = records();
    const { key, challenge, open } = await fakeSession(names);
    await addAll(board, [challenge.jws, open.jws]);
    const again = async (attemptFloor: number): Promise<boolean> =>
      await board.add((await fakeOpening(names, { key, challenge: challenge.digest, attemptFloor })).jws);
    for (let i = 2; i <= shelfLimits.openingsOfOne; i += 1) expect(await again(i)).toBe(true);
    await expect(again(9)).rejects.toMatchObject({ code: 'session-flood', expected: 'at most 4', got: '5' });
  });

  it('has no more records than an honest one', async () => {
    const board = records();
    const [session] = await flood(board, 1);
    if (session === undefined) throw new Error('no session');
    for (let i = 2; i < shelfLimits.recordsOfOne; i += 1) await board.add(await stopOf(session, `${i}`));
    await expect(board.add(await stopOf(session, 'more'))).rejects.toMatchObject({
      code: 'session-flood',
      expected: 'at most 2048',
      got: '2049',
    });
    board.prove(session.open.digest);
    expect(await board.add(await stopOf(session, 'more'))).toBe(true);
  });

  it('has no more characters than an honest one', async () => {
    const board = records();
    const [session] = await flood(board, 1);
    if (session === undefined) throw new Error('no session');
    const offer = async (i: number): Promise<boolean> => {
      const value = { kind: 'EvidenceOffer', version: 1, ...names, session: session.open.digest, site: 'a' } as const;
      const evidence = `${i}`.padEnd(1_500_000);
      const nonce = i.toString(16).padStart(64, '0');
      return await board.add((await sign('EvidenceOffer', { ...value, nonce, evidence }, session.key)).jws);
    };
    for (let i = 0; i < 16; i += 1) expect(await offer(i)).toBe(true);
    await expect(offer(16)).rejects.toMatchObject({ code: 'session-flood', expected: 'at most 33554432' });
  });
});

describe('a session that somebody vouches for', () => {
  it.each(['before', 'after'])(
    'has its records last, in their order, when a quorum’s cosignatures come %s',
    async (when) => {
      const lasting: DocumentKind[] = [];
      const board = records({ onLasting: ({ kind }) => void lasting.push(kind) });
      const session = await fakeSession(names);
      const receipt = await receiptOf(session);
      const cosignatures = [await cosign('a', receipt.digest), await cosign('b', receipt.digest)];
      const made = [session.challenge.jws, session.open.jws, await stopOf(session, 'x'), receipt.jws];
      await addAll(board, when === 'before' ? [...cosignatures, ...made] : [...made, ...cosignatures]);
      const ofSession = ['SessionChallenge', 'SessionOpen', 'StudyStop', 'RoundReceipt'];
      expect(lasting.filter((kind) => kind !== 'Cosignature')).toEqual(ofSession);
      await board.add(await stopOf(session, 'y'));
      expect(lasting.at(-1)).toBe('StudyStop');
      await flood(board, shelfLimits.sessions + 5);
      expect(openings(board)).toContain(session.open.digest);
      expect(lasting.filter((kind) => kind === 'SessionOpen')).toHaveLength(1);
    },
  );

  it('is not vouched for by one site’s cosignatures of many receipts', async () => {
    const lasting: DocumentKind[] = [];
    const board = records({ onLasting: ({ kind }) => void lasting.push(kind) });
    const session = await fakeSession(names);
    await addAll(board, [session.challenge.jws, session.open.jws]);
    for (let i = 1; i <= 3; i += 1) {
      const receipt = await receiptOf(session, i);
      await addAll(board, [receipt.jws, await cosign('a', receipt.digest)]);
    }
    expect(lasting).toEqual(['Cosignature', 'Cosignature', 'Cosignature']);
  });
});

describe('one site that signs without end', () => {
  it('fills its own place only', async () => {
    const board = records();
    const most = 1000 + 4 * plan.value.rounds * plan.value.sites.maxAttempts;
    const say = async (name: string, attempt: number): Promise<boolean> => {
      const value = { kind: 'SiteStatus', version: 1, ...names, site: name, session: null, round: 1, attempt } as const;
      const status = { ...value, code: 'not-taking-part', check: null, statedAt: at } as const;
      return await board.add((await sign('SiteStatus', status, site(name).agent)).jws);
    };
    for (let i = 1; i <= most; i += 1) await say('a', i);
    await expect(say('a', most + 1)).rejects.toMatchObject({
      code: 'record-flood',
      expected: `at most ${most}`,
      got: `${most + 1}`,
    });
    expect(await say('b', 1)).toBe(true);
    expect(board.of('SiteStatus')).toHaveLength(most + 1);
  });
});

describe('records that wait', () => {
  it('are read again only for the session that they name', async () => {
    const board = records();
    const genuine = await fakeSession(names);
    const others = await Promise.all(Array.from({ length: 5 }, async () => await fakeSession(names)));
    for (const session of others) expect(await board.add(await stopOf(session, 'waits'))).toBe(false);
    const stop = await stopOf(genuine, 'genuine');
    await addAll(board, [stop, stop, genuine.open.jws]);
    expect(await board.add((await fakeChallenge(names)).jws)).toBe(true);
    expect(board.of('StudyStop')).toEqual([]);
    await board.add(genuine.challenge.jws);
    expect(board.of('StudyStop').map(({ value }) => value.detail)).toEqual(['genuine']);
  });
});

describe('offers of evidence', () => {
  it('to other sites take no place at a site', async () => {
    const own = records({ site: 'a' });
    const session = await fakeSession(names);
    await addAll(own, [session.challenge.jws, session.open.jws]);
    for (const name of ['a', 'b']) {
      const value = { kind: 'EvidenceOffer', version: 1, ...names, session: session.open.digest, site: name } as const;
      const offer = await sign('EvidenceOffer', { ...value, nonce: some('1'), evidence: '{}' }, session.key);
      expect(await own.add(offer.jws)).toBe(name === 'a');
    }
    expect(own.of('EvidenceOffer').map(({ value }) => value.site)).toEqual(['a']);
  });
});
