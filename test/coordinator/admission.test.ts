// Who is let in: one wrong thing each, with its code; one challenge, one answer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sign } from '@wardround/protocol/documents/signed';
import { generateSigningKey } from '@wardround/protocol/keys';
import { tokenHash } from '@wardround/protocol/relay-wire';
import { type FakeSite } from '../fakes/federation.ts';
import { type Founded, makeFounded, siteOf } from '../fakes/board.ts';
import { type LocalCoordinator, type Proof, proofOf, RawParty, startLocal } from '../fakes/raw-party.ts';

let coordinator: LocalCoordinator;
const founded: Founded = await makeFounded();
const site: FakeSite = siteOf(founded);
const stranger = generateSigningKey();

type Who = Omit<Parameters<RawParty['prove']>[0], 'coordinator'>;

async function admission(who: Who, change: Partial<Proof> = {}): Promise<string> {
  const party = await RawParty.connect(coordinator.listening);
  const answer = await party.prove({ coordinator, ...who }, change);
  party.close();
  return answer.error?.code ?? (answer.accessToken === undefined ? 'no token' : 'admitted');
}

beforeAll(async () => {
  coordinator = await startLocal();
  const founder = await RawParty.connect(coordinator.listening);
  await founder.prove({
    coordinator,
    role: 'joining',
    name: 'a',
    key: site.approval,
    token: coordinator.secrets.invitation,
  });
  for (const jws of founded.federation.records) {
    expect(await founder.code('publish', { topic: 'federation', jws })).toBe('accepted');
  }
  founder.close();
});
afterAll(async () => await coordinator.dispose());

describe('a connection is admitted', () => {
  it('as a site, by its agent key or a person of it', async () => {
    expect(await admission({ role: 'site', name: 'a', key: site.agent })).toBe('admitted');
    expect(await admission({ role: 'site', name: 'a', key: site.approval })).toBe('admitted');
  });

  it('as a researcher, by the signing key in the genesis', async () => {
    const { name, signing } = founded.federation.researcher;
    expect(await admission({ role: 'researcher', name, key: signing })).toBe('admitted');
  });

  it('as an aggregator, by any key and the token', async () => {
    const token = coordinator.secrets.aggregatorToken;
    expect(await admission({ role: 'aggregator', name: 'enclave', key: stranger, token })).toBe('admitted');
  });

  it('as joining, or as a site that is not known yet, by the invitation', async () => {
    const token = coordinator.secrets.invitation;
    expect(await admission({ role: 'joining', name: 'e', key: stranger, token })).toBe('admitted');
    expect(await admission({ role: 'site', name: 'e', key: stranger, token })).toBe('admitted');
  });
});

describe('a connection is refused', () => {
  const other = 'f'.repeat(64);
  it.each<[string, () => Who, Partial<Proof>, string]>([
    ['a site with a key that is nobody', () => ({ role: 'site', name: 'a', key: stranger }), {}, 'auth-unknown'],
    ['a site with its witness key', () => ({ role: 'site', name: 'a', key: site.witness }), {}, 'auth-unknown'],
    ["a site under another's name", () => ({ role: 'site', name: 'b', key: site.agent }), {}, 'auth-unknown'],
    ['a site as a researcher', () => ({ role: 'researcher', name: 'a', key: site.agent }), {}, 'auth-unknown'],
    [
      'a researcher as a site',
      () => ({ role: 'site', name: 'dr.lind', key: founded.federation.researcher.signing }),
      {},
      'auth-unknown',
    ],
    ['another challenge', () => ({ role: 'site', name: 'a', key: site.agent }), { challenge: other }, 'auth-challenge'],
    [
      'another coordinator',
      () => ({ role: 'site', name: 'a', key: site.agent }),
      { audience: 'https://evil.example' },
      'auth-audience',
    ],
    ['an aggregator without the token', () => ({ role: 'aggregator', name: 'x', key: stranger }), {}, 'auth-token'],
    [
      'an aggregator with the invitation',
      () => ({ role: 'aggregator', name: 'x', key: stranger, token: coordinator.secrets.invitation }),
      {},
      'auth-token',
    ],
    ['joining without the invitation', () => ({ role: 'joining', name: 'x', key: stranger }), {}, 'auth-token'],
    [
      'joining with a wrong invitation',
      () => ({ role: 'joining', name: 'x', key: stranger }),
      { token: other },
      'auth-token',
    ],
    [
      'joining with the aggregator token',
      () => ({ role: 'joining', name: 'x', key: stranger, token: coordinator.secrets.aggregatorToken }),
      {},
      'auth-token',
    ],
    [
      'a member with a wrong invitation',
      () => ({ role: 'site', name: 'a', key: site.agent }),
      { token: other },
      'auth-token',
    ],
    [
      'a proof signed by another key than it names',
      () => ({ role: 'site', name: 'a', key: stranger }),
      { key: generateSigningKey().publicKey },
      'jws-signer',
    ],
    [
      "a proof that names a member's key",
      () => ({ role: 'site', name: 'a', key: stranger }),
      { key: site.agent.publicKey },
      'jws-signer',
    ],
  ])('%s', async (_what, who, change, code) => {
    expect(await admission(who(), change)).toBe(code);
  });

  it('another document, a broken signature, and what is no document', async () => {
    const party = { role: 'site', name: 'a', key: site.agent, coordinator, nonce: '0'.repeat(64) } as const;
    const proof = await proofOf(party);
    const [header = '', payload = '', signature = ''] = proof.split('.');
    const flipped = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const genesis = (await sign('Genesis', founded.federation.genesis, site.approval)).jws;
    const cases = [
      [genesis, 'auth-proof'],
      [flipped, 'jws-signature'],
      ['x.y', 'jws-format'],
      [proof, 'auth-challenge'],
    ] as const;
    for (const [wrong, code] of cases) {
      const raw = await RawParty.connect(coordinator.listening);
      expect(await raw.code('prove', { proof: wrong })).toBe(code);
      raw.close();
    }
  });

  it('a second answer to one challenge, right or wrong, first or later', async () => {
    const who = { coordinator, role: 'site', name: 'a', key: site.agent } as const;
    const right = await RawParty.connect(coordinator.listening);
    expect((await right.prove(who)).error).toBeUndefined();
    expect((await right.prove(who)).error?.code).toBe('auth-challenge');
    const wrong = await RawParty.connect(coordinator.listening);
    const answer = { ...who, nonce: wrong.nonce };
    const proofs = [await proofOf(answer, { audience: 'https://evil.example' }), await proofOf(answer)];
    // Both leave in one tick: the refused connection is ended, so a later one would meet nobody.
    expect(await Promise.all(proofs.map(async (proof) => await wrong.code('prove', { proof })))).toEqual([
      'auth-audience',
      'auth-challenge',
    ]);
    expect(await wrong.code('prove', { proof: proofs[1] })).toBe('disconnected');
    for (const party of [right, wrong]) party.close();
  });

  it('a proof made for another connection', async () => {
    const [victim, thief] = [
      await RawParty.connect(coordinator.listening),
      await RawParty.connect(coordinator.listening),
    ];
    expect(victim.nonce).not.toBe(thief.nonce);
    const proof = await proofOf({ coordinator, role: 'site', name: 'a', key: site.agent, nonce: victim.nonce });
    expect(await thief.code('prove', { proof })).toBe('auth-challenge');
    for (const party of [victim, thief]) party.close();
  });
});

describe('without having proved anything', () => {
  it('nothing is answered but refusals, and a failed proof ends the connection', async () => {
    const party = await RawParty.connect(coordinator.listening);
    for (const [event, body] of [
      ['publish', { topic: 'federation', jws: 'x' }],
      ['follow', { id: 1, topic: 'federation', after: 0, chain: null, wait: false }],
      ['renew', {}],
    ] as const) {
      expect(await party.code(event, body), event).toBe('auth-required');
    }
    const ended = new Promise((resolve) => party.socket.once('disconnect', resolve));
    await party.prove({ coordinator, role: 'aggregator', name: 'x', key: stranger, token: 'wrong' });
    expect(await ended).toBe('io server disconnect');
  });

  it('no one stays', async () => {
    const impatient = await startLocal({ authenticationSeconds: 1 });
    const party = await RawParty.connect(impatient.listening);
    expect(await new Promise((resolve) => party.socket.once('disconnect', resolve))).toBe('io server disconnect');
    await impatient.dispose();
  });

  it('no more connect than may', async () => {
    const small = await startLocal({ connections: 1 });
    const first = await RawParty.connect(small.listening);
    await expect(RawParty.connect(small.listening)).rejects.toThrow('too-many-connections');
    first.close();
    await small.dispose();
  });
});

describe('the hash that stands for a token', () => {
  it('is not the token, and differs for every token', () => {
    expect(new Set([tokenHash('a'), tokenHash('b'), 'a']).size).toBe(3);
  });
});
