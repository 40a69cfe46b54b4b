// What may go on the board and who may read: each role's kinds, topics, malformed records, limits, hostile messages.
import { rm } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toBase64Url, utf8 } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { signDocument } from '@wardround/protocol/jws';
import { generateSigningKey } from '@wardround/protocol/keys';
import { fakeSite } from '../fakes/federation.ts';
import { type Founded, makeFounded, siteOf, statusRecord } from '../fakes/board.ts';
import { type LocalCoordinator, type Proof, RawParty, restart, startLocal } from '../fakes/raw-party.ts';

let coordinator: LocalCoordinator;
const founded: Founded = await makeFounded();
const site = siteOf(founded);
const { researcher, releaser, view } = founded.federation;
const study = founded.plan.digest;
const stranger = generateSigningKey();
const parties = new Map<Proof['role'], RawParty>();

const party = (role: Proof['role']): RawParty => {
  const found = parties.get(role);
  if (found === undefined) throw new Error(`no ${role}`);
  return found;
};
const publish = async (role: Proof['role'], topic: string, jws: string): Promise<string> =>
  await party(role).code('publish', { topic, jws });

async function join(to: LocalCoordinator, role: Proof['role']): Promise<RawParty> {
  const { invitation, aggregatorToken } = to.secrets;
  const raw = await RawParty.connect(to.listening);
  const who = {
    site: { name: 'a', key: site.agent },
    researcher: { name: researcher.name, key: researcher.signing },
    aggregator: { name: 'enclave', key: stranger, token: aggregatorToken },
    joining: { name: 'a', key: site.approval, token: invitation },
  }[role];
  expect((await raw.prove({ coordinator: to, role, ...who })).error).toBeUndefined();
  return raw;
}

const statuses = await Promise.all([0, 1, 2].map(async (index) => await statusRecord(founded, { index, site })));
const bundle: DocumentOf<'KeyBundle'> = {
  kind: 'KeyBundle',
  version: 1,
  createdAt: '2026-11-01T00:00:00.000Z',
  party: { role: 'site', ...fakeSite('e').site },
};
const stop: DocumentOf<'StudyStop'> = {
  kind: 'StudyStop',
  version: 1,
  federation: view.federation,
  study,
  session: '1'.repeat(64),
  round: 1,
  code: 'tests',
  detail: 'tests',
  stoppedAt: '2026-11-01T00:00:00.000Z',
};
const revocation: DocumentOf<'ReleaseRevocation'> = {
  kind: 'ReleaseRevocation',
  version: 1,
  release: '1'.repeat(64),
  releaser: releaser.name,
  revokedAt: '2026-11-01T00:00:00.000Z',
  reason: 'tests',
};

beforeAll(async () => {
  coordinator = await startLocal();
  parties.set('joining', await join(coordinator, 'joining'));
  for (const jws of founded.federation.records) expect(await publish('joining', 'federation', jws)).toBe('accepted');
  for (const role of ['site', 'researcher', 'aggregator'] as const) parties.set(role, await join(coordinator, role));
  expect(await publish('researcher', 'federation', founded.plan.jws)).toBe('accepted');
});
afterAll(async () => {
  for (const raw of parties.values()) raw.close();
  await coordinator.dispose();
});

describe('each role publishes its kinds', () => {
  it('and no others', async () => {
    const records = {
      KeyBundle: (await sign('KeyBundle', { ...bundle, party: { role: 'site', ...site.site } }, site.approval)).jws,
      StudyPlan: founded.plan.jws,
      SiteStatus: statuses[0] ?? '',
      StudyStop: (await sign('StudyStop', stop, stranger)).jws,
      ReleaseRevocation: (await sign('ReleaseRevocation', revocation, releaser.key)).jws,
    };
    const federationKinds: readonly DocumentKind[] = ['KeyBundle', 'StudyPlan', 'ReleaseRevocation'];
    const outcomes: Record<string, string[]> = {};
    for (const role of ['site', 'researcher', 'aggregator', 'joining'] as const) {
      for (const [kind, jws] of Object.entries(records)) {
        const topic = federationKinds.some((known) => known === kind) ? 'federation' : study;
        const code = await publish(role, topic, jws);
        (outcomes[role] ??= []).push(`${kind} ${code}`);
      }
    }
    const expected = (accepted: readonly string[]): string[] =>
      Object.keys(records).map((kind) => `${kind} ${accepted.includes(kind) ? 'accepted' : 'publish-kind'}`);
    expect(outcomes).toEqual({
      site: expected(Object.keys(records)),
      researcher: expected(['StudyPlan']),
      aggregator: expected(['StudyStop', 'ReleaseRevocation']),
      joining: expected(['KeyBundle', 'ReleaseRevocation']),
    });
  });

  it('a proof of connection is none of them', async () => {
    const proof: Proof = {
      kind: 'ConnectionProof',
      version: 1,
      role: 'site',
      name: 'a',
      key: site.agent.publicKey,
      challenge: '1'.repeat(64),
      audience: coordinator.audience,
      token: null,
    };
    const { jws } = await sign('ConnectionProof', proof, site.agent);
    expect(await publish('site', 'federation', jws)).toBe('publish-kind');
    expect(await publish('joining', 'federation', jws)).toBe('publish-kind');
  });
});

describe('a record is refused', () => {
  const status = statuses[0] ?? '';
  const [header = '', payload = '', signature = ''] = status.split('.');
  const text = Buffer.from(payload, 'base64url').toString();
  const withPayload = (changed: string): string => `${header}.${toBase64Url(utf8(changed))}.${signature}`;
  const headerOf = (typ: string): string =>
    toBase64Url(canonicalJson({ alg: 'EdDSA', kid: site.agent.thumbprint, typ }));
  it.each([
    ['under the federation', 'federation', status, 'publish-topic'],
    ['under a study that is not on the board', '1'.repeat(64), status, 'publish-study'],
    ['under no topic', 'heart', status, 'message-invalid'],
    ['of the federation under a study', study, founded.plan.jws, 'publish-topic'],
    ['with a field too many', study, withPayload(text.replace('{', '{"a":1,')), 'document-invalid'],
    ['with a field twice', study, withPayload(text.replace('{', '{"check":null,')), 'json-duplicate-key'],
    ['with white space', study, withPayload(`${text} `), 'json-not-canonical'],
    ['cut short', study, withPayload(text.slice(0, -1)), 'json-syntax'],
    [
      'of a kind that does not exist',
      study,
      `${headerOf('wardround-Rumour+jws')}.${payload}.${signature}`,
      'document-kind',
    ],
    [
      'typed as another kind',
      study,
      `${headerOf('wardround-Refusal+jws')}.${payload}.${signature}`,
      'document-invalid',
    ],
    ['that is no document of ours', study, `${headerOf('jwt')}.${payload}.${signature}`, 'jws-typ'],
    ['without a signature', study, `${header}.${payload}`, 'jws-format'],
    ['with two spellings of one byte', study, `${status}=`, 'jws-format'],
    ['that is empty', study, '', 'message-invalid'],
  ])('%s', async (_what, topic, jws, code) => {
    expect(await publish('site', topic, jws)).toBe(code);
  });

  it('nested ten thousand deep', async () => {
    const deep = `{"kind":${'['.repeat(10_000)}`;
    expect(await publish('site', study, withPayload(deep))).toBe('json-depth');
  });

  it('larger than any, before it is read', async () => {
    expect(await publish('site', study, 'x'.repeat(5_700_000))).toBe('message-invalid');
  });

  it('that founds with a signature of nobody it names', async () => {
    const genesis = await signDocument({ kind: 'Genesis', value: founded.federation.genesis, key: stranger });
    expect(await publish('joining', 'federation', genesis)).toBe('publish-signature');
    const keys = await signDocument({ kind: 'KeyBundle', value: bundle, key: stranger });
    expect(await publish('joining', 'federation', keys)).toBe('publish-signature');
  });
});

describe('a message that is none', () => {
  it.each([
    ['publish', null],
    ['publish', 'text'],
    ['publish', { topic: 'federation' }],
    ['publish', { topic: 'federation', jws: 'x', more: 1 }],
    ['publish', { topic: ['federation'], jws: 'x' }],
    ['publish', { topic: 'federation', jws: { length: 3 } }],
    ['follow', { id: 0, topic: 'federation', after: 0, chain: null, wait: false }],
    ['follow', { id: 1, topic: 'federation', after: -1, chain: null, wait: false }],
    ['follow', { id: 1, topic: 'federation', after: 2 ** 40, chain: null, wait: false }],
    ['follow', { id: 1, topic: 'federation', after: 0, chain: 'x', wait: false }],
    ['unfollow', { id: 'x' }],
    ['prove', { proof: 1 }],
  ])('%s %j', async (event, body) => {
    expect(await party('site').code(event, body)).toBe('message-invalid');
  });

  it('without an acknowledgement, or under an unknown event, changes nothing', async () => {
    party('site').socket.emit('publish', { topic: study, jws: 'x' });
    party('site').socket.emit('publish');
    party('site').socket.emit('become-admin', { role: 'site' }, () => undefined);
    expect(await party('site').code('publish', { topic: study, jws: statuses[0] })).toBe('accepted');
  });
});

describe('reading', () => {
  const page = { id: 1, after: 0, chain: null, wait: false };

  it('is open to members; who is joining sees the federation alone', async () => {
    for (const role of ['site', 'researcher', 'aggregator'] as const) {
      expect(await party(role).code('follow', { ...page, topic: study }), role).toBe('accepted');
    }
    expect(await party('joining').code('follow', { ...page, topic: 'federation' })).toBe('accepted');
    expect(await party('joining').code('follow', { ...page, topic: study })).toBe('follow-topic');
  });

  it('waits for so many pages at a time, each once, and not after it was told to stop', async () => {
    const small = await startLocal({ followsPerConnection: 2 });
    const raw = await join(small, 'joining');
    const wait = { ...page, topic: 'federation', wait: true };
    const [first, second] = [raw.say('follow', { ...wait, id: 1 }), raw.say('follow', { ...wait, id: 2 })];
    expect(await raw.code('follow', { ...wait, id: 2 })).toBe('follow-repeated');
    expect(await raw.code('follow', { ...wait, id: 3 })).toBe('follow-limit');
    await raw.say('unfollow', { id: 1 });
    expect(await first).toEqual({ records: [], rewound: false, end: true });
    const third = raw.say('follow', { ...wait, id: 3 });
    await raw.code('publish', { topic: 'federation', jws: founded.federation.records[0] });
    expect((await second).records).toHaveLength(1);
    expect((await third).records).toHaveLength(1);
    raw.close();
    await small.dispose();
  });
});

describe('limits of one connection', () => {
  it('records a minute', async () => {
    const strict = await startLocal({ publishesPerMinute: 2 });
    const raw = await join(strict, 'joining');
    const codes = [];
    for (const jws of founded.federation.records) codes.push(await raw.code('publish', { topic: 'federation', jws }));
    expect(codes).toEqual(['accepted', 'accepted', 'publish-rate', 'publish-rate']);
    raw.close();
    await strict.dispose();
  });
});

describe('a federation that changes', () => {
  it('shuts out the site that a quorum removed, at its next word', async () => {
    const local = await startLocal();
    const founder = await join(local, 'joining');
    for (const jws of founded.federation.records) await founder.code('publish', { topic: 'federation', jws });
    const removed = await join(local, 'site');
    expect(await removed.code('publish', { topic: 'federation', jws: founded.plan.jws })).toBe('accepted');
    const membership: DocumentOf<'Membership'> = {
      kind: 'Membership',
      version: 1,
      federation: view.federation,
      predecessor: view.federation,
      sequence: 1,
      issuedAt: '2026-11-05T00:00:00.000Z',
      reason: 'tests',
      changes: [{ action: 'removeSite', name: 'a' }],
    };
    for (const [index, who] of founded.federation.sites.slice(1).entries()) {
      const { jws } = await sign('Membership', membership, who.approval);
      expect(await removed.code('publish', { topic: study, jws: statuses[0] }), String(index)).toBe('accepted');
      expect(await founder.code('publish', { topic: 'federation', jws })).toBe('accepted');
    }
    expect(await removed.code('publish', { topic: study, jws: statuses[1] })).toBe('auth-unknown');
    expect(await removed.code('follow', { id: 1, after: 0, chain: null, wait: false, topic: study })).toBe(
      'auth-unknown',
    );
    for (const raw of [founder, removed]) raw.close();
    await local.dispose();
  });

  it('is one: another genesis is refused, and the one that it lost is taken from whoever brings it', async () => {
    const local = await startLocal();
    const founder = await join(local, 'joining');
    for (const jws of founded.federation.records) await founder.code('publish', { topic: 'federation', jws });
    const other = (await makeFounded()).federation.records[0];
    expect(await founder.code('publish', { topic: 'federation', jws: other })).toBe('publish-federation');
    founder.close();
    await local.close();
    for (const end of ['', '-wal', '-shm']) await rm(joinPath(local.directory, `board.sqlite${end}`), { force: true });
    const again = await restart(local);
    const outsider = await RawParty.connect(again.listening);
    const who = { coordinator: again, role: 'site', name: 'x', key: generateSigningKey() } as const;
    expect((await outsider.prove(who)).error).toBeUndefined();
    expect(await outsider.code('publish', { topic: 'federation', jws: other })).toBe('publish-federation');
    const bundles = (await sign('KeyBundle', { ...bundle, party: { role: 'site', ...site.site } }, site.approval)).jws;
    expect(await outsider.code('publish', { topic: 'federation', jws: bundles })).toBe('publish-unfounded');
    expect(await outsider.code('publish', { topic: study, jws: statuses[0] })).toBe('publish-unfounded');
    for (const jws of founded.federation.records) {
      expect(await outsider.code('publish', { topic: 'federation', jws })).toBe('accepted');
    }
    expect(await outsider.code('publish', { topic: 'federation', jws: founded.federation.records[0] })).toBe(
      'auth-unknown',
    );
    const member = await RawParty.connect(again.listening);
    await member.prove({ coordinator: again, role: 'site', name: 'a', key: site.agent });
    expect(await member.code('publish', { topic: 'federation', jws: founded.plan.jws })).toBe('accepted');
    for (const raw of [outsider, member]) raw.close();
    await again.dispose();
  });

  it('lets an invited site return a lost one, and says what is still lacking', async () => {
    const emptied = await startLocal();
    const raw = await RawParty.connect(emptied.listening);
    const { invitation } = emptied.secrets;
    await raw.prove({ coordinator: emptied, role: 'site', name: 'a', key: site.agent, token: invitation });
    const answer = await raw.say('publish', { topic: study, jws: statuses[0] });
    expect(answer.error).toMatchObject({ code: 'publish-unfounded', action: 'retry' });
    for (const jws of founded.federation.records) {
      expect(await raw.code('publish', { topic: 'federation', jws })).toBe('accepted');
    }
    expect(await raw.code('publish', { topic: study, jws: statuses[0] })).toBe('publish-study');
    expect(await raw.code('publish', { topic: 'federation', jws: founded.plan.jws })).toBe('accepted');
    expect(await raw.code('publish', { topic: study, jws: statuses[0] })).toBe('accepted');
    raw.close();
    await emptied.dispose();
  });
});
