// One door to a study's records: only the right key opens it, in whatever order records come.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { signDocument } from '@wardround/protocol/jws';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { StudyRecords } from '@wardround/protocol/study-records';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FakeFederation, fakeFederation, type FakeSite, fakeSite } from '../fakes/federation.ts';
import { signedPlan } from '../fakes/plan.ts';

const at = '2026-11-03T00:00:00.000Z';
const some = (digit: string): string => digit.repeat(64);
let federation: FakeFederation;
let plan: Awaited<ReturnType<typeof signedPlan>>;
let a: FakeSite;
let names: { federation: string; study: string };

beforeAll(async () => {
  federation = await fakeFederation(['a', 'b', 'c'], 0);
  plan = await signedPlan(federation);
  a = federation.sites[0] ?? fakeSite('a');
  names = { federation: federation.view.federation, study: plan.digest };
});

const records = (): StudyRecords => new StudyRecords({ federation: federation.view, plan });

function withdrawal(change: Partial<DocumentOf<'Withdrawal'>> = {}): DocumentOf<'Withdrawal'> {
  return { kind: 'Withdrawal', version: 1, ...names, site: 'a', approval: some('1'), withdrawnAt: at, ...change };
}

function cosignature(): DocumentOf<'Cosignature'> {
  return { kind: 'Cosignature', version: 1, ...names, site: 'a', receipt: some('2'), round: 1, cosignedAt: at };
}

async function session(
  receiptKey: SigningKey,
): Promise<{ challenge: string; open: string; openDigest: string; stop: string }> {
  const challenge = await sign(
    'SessionChallenge',
    {
      kind: 'SessionChallenge',
      version: 1,
      ...names,
      receiptKey: receiptKey.publicKey,
      nonce: some('3'),
      challengedAt: at,
    },
    receiptKey,
  );
  const open = await sign(
    'SessionOpen',
    {
      kind: 'SessionOpen',
      version: 1,
      ...names,
      membership: federation.view.membership,
      challenge: challenge.digest,
      approvals: [
        { site: 'a', approval: some('4') },
        { site: 'b', approval: some('5') },
      ],
      statements: [{ site: 'a', statement: some('6') }],
      resumesFrom: null,
      attemptFloor: 1,
      receiptKey: receiptKey.publicKey,
      sessionKey: (await generateHpkeKey()).publicKey,
      configuration: some('7'),
      release: some('8'),
      log: { mode: 'unwitnessed' },
      openedAt: at,
    },
    receiptKey,
  );
  const stop = await sign(
    'StudyStop',
    {
      kind: 'StudyStop',
      version: 1,
      ...names,
      session: open.digest,
      round: 1,
      code: 'shortfall',
      detail: 'Too few',
      stoppedAt: at,
    },
    receiptKey,
  );
  return { challenge: challenge.jws, open: open.jws, openDigest: open.digest, stop: stop.jws };
}

describe("a site's records", () => {
  it('are kept once', async () => {
    const board = records();
    const { jws } = await sign('Withdrawal', withdrawal(), a.approval);
    expect(await board.add(jws)).toBe(true);
    expect(await board.add(jws)).toBe(false);
    expect(board.of('Withdrawal').map((record) => record.value.site)).toEqual(['a']);
  });

  it.each([
    ['its agent key', () => a.agent],
    ['its witness key', () => a.witness],
    ["another site's approval key", () => federation.sites[1]?.approval ?? a.agent],
    ["a stranger's key", () => generateSigningKey()],
  ])('need the key of their kind, not %s', async (_name, key) => {
    const { jws } = await sign('Withdrawal', withdrawal(), key());
    await expect(records().add(jws)).rejects.toMatchObject({ code: 'jws-signer' });
  });

  it('need the witness key for cosignatures', async () => {
    await expect(records().add((await sign('Cosignature', cosignature(), a.agent)).jws)).rejects.toMatchObject({
      code: 'jws-signer',
    });
    expect(await records().add((await sign('Cosignature', cosignature(), a.witness)).jws)).toBe(true);
  });

  it.each([
    ['of another study', { study: some('9') }, 'record-study'],
    ['of another federation', { federation: some('9') }, 'record-study'],
    ['of a site outside the roster', { site: 'z' }, 'record-roster'],
  ])('are refused when %s', async (_name, change, code) => {
    const { jws } = await sign('Withdrawal', withdrawal(change), a.approval);
    await expect(records().add(jws)).rejects.toMatchObject({ code });
  });

  it("are refused under another kind's name", async () => {
    const board = records();
    await expect(board.add(plan.jws)).rejects.toMatchObject({ code: 'record-kind' });
    await expect(board.add((await sign('Genesis', federation.genesis, a.approval)).jws)).rejects.toMatchObject({
      code: 'record-kind',
    });
  });
});

describe("an enclave's records", () => {
  it('wait for their session, and are kept in any order', async () => {
    const key = generateSigningKey();
    const { challenge, open, openDigest, stop } = await session(key);
    const board = records();
    expect(await board.add(stop)).toBe(false);
    expect(await board.add(open)).toBe(false);
    expect(board.of('StudyStop')).toEqual([]);
    expect(await board.add(challenge)).toBe(true);
    expect(board.byDigest('SessionOpen', openDigest)?.value.attemptFloor).toBe(1);
    expect(board.of('StudyStop').map((record) => record.value.code)).toEqual(['shortfall']);
  });

  it("are refused when another key than the session's signed them", async () => {
    const { challenge, open, openDigest } = await session(generateSigningKey());
    const board = records();
    await board.add(challenge);
    await board.add(open);
    const forged = await sign(
      'StudyStop',
      {
        kind: 'StudyStop',
        version: 1,
        ...names,
        session: openDigest,
        round: 1,
        code: 'shortfall',
        detail: 'Forged',
        stoppedAt: at,
      },
      generateSigningKey(),
    );
    await expect(board.add(forged.jws)).rejects.toMatchObject({ code: 'jws-signer' });
  });

  it('that waited and turn out forged are dropped, and the others go on', async () => {
    const { challenge, open, openDigest, stop } = await session(generateSigningKey());
    const forged = await sign(
      'StudyStop',
      {
        kind: 'StudyStop',
        version: 1,
        ...names,
        session: openDigest,
        round: 1,
        code: 'shortfall',
        detail: 'Forged',
        stoppedAt: at,
      },
      generateSigningKey(),
    );
    const board = records();
    await board.add(forged.jws);
    await board.add(stop);
    await board.add(challenge);
    await board.add(open);
    expect(board.of('StudyStop').map((record) => record.value.detail)).toEqual(['Too few']);
  });

  it("cannot be opened with another key than the challenge's", async () => {
    const first = await session(generateSigningKey());
    const board = records();
    await board.add(first.challenge);
    const other = generateSigningKey();
    const rival = await session(other);
    const { value } = await import('@wardround/protocol/documents/signed').then(
      async (m) => await m.verify('SessionOpen', rival.open, [other.publicKey]),
    );
    const challengeDigest = board.of('SessionChallenge')[0]?.digest ?? '';
    const stolen = await sign('SessionOpen', { ...value, challenge: challengeDigest }, other);
    await expect(board.add(stolen.jws)).rejects.toMatchObject({ code: 'session-key' });
  });
});

describe('records that wait for a session', () => {
  it('do not fill memory, however long each is', async () => {
    const board = records();
    const key = generateSigningKey();
    const waiting = async (i: number): Promise<string> => {
      const value = {
        kind: 'EvidenceOffer',
        version: 1,
        ...names,
        session: some('0'),
        evidence: `${i}`.padEnd(2_000_000),
      };
      return await signDocument({ kind: 'EvidenceOffer', value, key });
    };
    for (let i = 0; i < 25; i += 1) expect(await board.add(await waiting(i))).toBe(false);
    await expect(board.add(await waiting(25))).rejects.toMatchObject({ code: 'record-waiting' });
    expect(await board.add((await sign('Withdrawal', withdrawal(), a.approval)).jws)).toBe(true);
  });
});
