// Chunks over HTTP: who may, with which token, what is refused before and after the body.
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { generateSigningKey } from '@wardround/protocol/keys';
import { chunkDigest, maxChunkSize } from '@wardround/protocol/manifest';
import { maxMissingQuery } from '@wardround/protocol/relay-wire';
import { AccessTokens } from '../../coordinator/src/access-token.ts';
import { makeFounded, siteOf } from '../fakes/board.ts';
import { type LocalCoordinator, RawParty, startLocal } from '../fakes/raw-party.ts';

let coordinator: LocalCoordinator;
const founded = await makeFounded();
const site = siteOf(founded);
const stranger = generateSigningKey();
const bytes = utf8('ciphertext');
const digest = chunkDigest(bytes);
const tokens: Record<string, string> = {};

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | undefined;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  readonly type?: string;
}

async function ask({
  method = 'GET',
  path = `/v1/chunks/${digest}`,
  token = tokens['site'],
  body,
  type,
}: Request): Promise<[number, string]> {
  const answer = await fetch(`${coordinator.listening}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(type === undefined ? {} : { 'content-type': type }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  const code = answer.ok ? text : JSON.parse(text).error.code;
  return [answer.status, String(code)];
}

const put = async (request: Request = {}): Promise<[number, string]> =>
  await ask({ method: 'PUT', body: bytes, type: 'application/octet-stream', ...request });

beforeAll(async () => {
  coordinator = await startLocal();
  const { invitation: token, aggregatorToken } = coordinator.secrets;
  const { researcher } = founded.federation;
  const admit = async (who: Omit<Parameters<RawParty['prove']>[0], 'coordinator'>): Promise<RawParty> => {
    const raw = await RawParty.connect(coordinator.listening);
    tokens[who.role] = (await raw.prove({ coordinator, ...who })).accessToken ?? '';
    return raw;
  };
  const founder = await admit({ role: 'joining', name: 'a', key: site.approval, token });
  for (const jws of founded.federation.records) await founder.say('publish', { topic: 'federation', jws });
  const others = [
    await admit({ role: 'site', name: 'a', key: site.agent }),
    await admit({ role: 'researcher', name: researcher.name, key: researcher.signing }),
    await admit({ role: 'aggregator', name: 'enclave', key: stranger, token: aggregatorToken }),
  ];
  for (const raw of [founder, ...others]) raw.close();
});
afterAll(async () => await coordinator.dispose());

describe('chunks over HTTP', () => {
  it('are kept, named, and served to members', async () => {
    expect(await ask({})).toEqual([404, 'chunk-missing']);
    expect(await put()).toEqual([200, '{}']);
    expect(await put()).toEqual([200, '{}']);
    for (const role of ['site', 'researcher', 'aggregator']) {
      expect(await ask({ token: tokens[role] }), role).toEqual([200, 'ciphertext']);
    }
    const question = { method: 'POST', path: '/v1/chunks/missing', type: 'application/json' };
    const other = '1'.repeat(64);
    expect(await ask({ ...question, body: JSON.stringify({ digests: [digest, other] }) })).toEqual([
      200,
      JSON.stringify({ digests: [other] }),
    ]);
  });

  it('are written by sites and aggregators alone, and closed to who is joining', async () => {
    expect(await put({ token: tokens['aggregator'] })).toEqual([200, '{}']);
    expect(await put({ token: tokens['researcher'] })).toEqual([403, 'chunk-forbidden']);
    expect(await put({ token: tokens['joining'] })).toEqual([403, 'chunk-forbidden']);
    expect(await ask({ token: tokens['joining'] })).toEqual([403, 'chunk-forbidden']);
  });

  it.each<[string, Request, number, string]>([
    ['under another name', { path: `/v1/chunks/${'1'.repeat(64)}` }, 400, 'chunk-digest'],
    ['under no name', { path: '/v1/chunks/x' }, 400, 'chunk-name'],
    ['under a path', { path: `/v1/chunks/..%2f..%2f${'1'.repeat(58)}` }, 400, 'chunk-name'],
    ['flipped', { body: utf8('ciphertexu') }, 400, 'chunk-digest'],
    ['empty', { body: new Uint8Array() }, 400, 'chunk-empty'],
    ['too large', { body: new Uint8Array(maxChunkSize + 1) }, 413, 'chunk-too-large'],
    ['as JSON', { type: 'application/json', body: '{}' }, 400, 'chunk-empty'],
    ['as a form', { type: 'application/x-www-form-urlencoded' }, 400, 'message-invalid'],
  ])('are refused %s', async (_what, request, status, code) => {
    expect(await put(request)).toEqual([status, code]);
  });

  it.each<[string, string]>([
    ['no JSON', '{'],
    ['no digests', '{}'],
    ['a path', JSON.stringify({ digests: ['../x'] })],
    ['too many', JSON.stringify({ digests: Array.from({ length: maxMissingQuery + 1 }, () => digest) })],
  ])('are not looked for by %s', async (_what, body) => {
    const answer = await ask({ method: 'POST', path: '/v1/chunks/missing', type: 'application/json', body });
    expect(answer).toEqual([400, 'message-invalid']);
  });

  it('have no other address', async () => {
    expect(await ask({ path: '/v1/records' })).toEqual([404, 'http-unknown']);
    expect(await ask({ path: '/' })).toEqual([404, 'http-unknown']);
    expect(await ask({ path: '/v1/health', token: '' })).toEqual([200, '{"status":"ok"}']);
  });
});

describe('a bearer token', () => {
  const claims = { role: 'site', name: 'a', invited: false };
  const forge = async (secret: string, header: { alg: string; typ: string }, expires: string): Promise<string> =>
    await new SignJWT(claims)
      .setProtectedHeader(header)
      .setSubject(site.agent.thumbprint)
      .setExpirationTime(expires)
      .sign(utf8(secret));
  const right = { alg: 'HS256', typ: 'wardround-access+jwt' };

  it('is taken only as we made it', async () => {
    const secret = coordinator.secrets.accessSecret;
    const [header = '', , signature = ''] = (tokens['site'] ?? '').split('.');
    const admin = Buffer.from(JSON.stringify({ ...claims, sub: site.agent.thumbprint, exp: 4e9 })).toString(
      'base64url',
    );
    expect(await put({ token: await forge(secret, right, '1 minute') })).toEqual([200, '{}']);
    const wrong = {
      none: '',
      garbage: 'x.y.z',
      'other secret': await forge('x'.repeat(32), right, '1 minute'),
      expired: await forge(secret, right, '1 minute ago'),
      'another type': await forge(secret, { ...right, typ: 'JWT' }, '1 minute'),
      'another algorithm': await forge(secret.repeat(2), { ...right, alg: 'HS512' }, '1 minute'),
      'other claims': `${header}.${admin}.${signature}`,
      unsigned: `${Buffer.from('{"alg":"none","typ":"wardround-access+jwt"}').toString('base64url')}.${admin}.`,
      invitation: coordinator.secrets.invitation,
    };
    for (const [what, token] of Object.entries(wrong)) expect(await put({ token }), what).toEqual([401, 'auth-token']);
  });

  it('of a party that is no member (any more) opens nothing', async () => {
    const { accessSecret: secret } = coordinator.secrets;
    const issuer = new AccessTokens({ secret, lifetimeSeconds: 60, now: () => new Date() });
    const { accessToken: token } = await issuer.issue({
      role: 'site',
      name: 'a',
      key: stranger.thumbprint,
      invited: false,
    });
    expect(await put({ token })).toEqual([403, 'auth-unknown']);
  });
});
