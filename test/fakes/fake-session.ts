// A session that no enclave made: anybody can make keys, and sign a challenge, an opening and whatever follows with them.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { generateEphemeralHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';

const at = '2026-11-23T08:00:00.000Z';
const digest = 'e'.repeat(64);

let hpke: Promise<DocumentOf<'SessionOpen'>['sessionKey']> | undefined;

export interface FakeSession {
  readonly key: SigningKey;
  readonly challenge: Verified<'SessionChallenge'>;
  readonly open: Verified<'SessionOpen'>;
}

export interface StudyNames {
  readonly federation: string;
  readonly study: string;
}

export async function fakeChallenge(
  names: StudyNames,
  key: SigningKey = generateSigningKey(),
): Promise<Verified<'SessionChallenge'>> {
  const receiptKey = key.publicKey;
  const value = {
    kind: 'SessionChallenge',
    version: 1,
    ...names,
    receiptKey,
    nonce: digest,
    challengedAt: at,
  } as const;
  return await sign('SessionChallenge', value, key);
}

export async function fakeSession(names: StudyNames): Promise<FakeSession> {
  const key = generateSigningKey();
  const challenge = await fakeChallenge(names, key);
  return { key, challenge, open: await fakeOpening(names, { key, challenge: challenge.digest }) };
}

export async function fakeOpening(
  names: StudyNames,
  { key, challenge, ...change }: { key: SigningKey; challenge: string } & Partial<DocumentOf<'SessionOpen'>>,
): Promise<Verified<'SessionOpen'>> {
  hpke ??= generateEphemeralHpkeKey().then(({ publicKey }) => publicKey);
  return await sign(
    'SessionOpen',
    {
      kind: 'SessionOpen',
      version: 1,
      ...names,
      membership: names.federation,
      challenge,
      approvals: [
        { site: 'a', approval: digest },
        { site: 'b', approval: digest },
      ],
      statements: [{ site: 'a', statement: digest }],
      resumesFrom: null,
      attemptFloor: 1,
      receiptKey: key.publicKey,
      sessionKey: await hpke,
      configuration: digest,
      release: digest,
      log: { mode: 'unwitnessed' },
      openedAt: at,
      ...change,
    },
    key,
  );
}
