// Attacks on signed documents: another header, another typ, another key, another spelling, another payload.
import { sign as rawSign } from 'node:crypto';
import { CompactSign } from 'jose';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { canonicalJson, digestOf } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type AllowedKeys,
  signDocument,
  typOf,
  UNVERIFIED_peekDocument,
  verifyDocument,
} from '@wardround/protocol/jws';
import { generateSigningKey, thumbprint } from '@wardround/protocol/keys';
import { createPrivateKey } from 'node:crypto';

const key = generateSigningKey();
const stranger = generateSigningKey();
const schema = z.strictObject({ rounds: z.int(), name: z.string() });
const value = { rounds: 10, name: 'heart' };
const kind = 'StudyPlan';
const keys = [key.publicKey];

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const verify = (jws: string, allowed: AllowedKeys = keys): Promise<string> =>
  codeOf(async () => await verifyDocument({ jws, kind, schema, keys: allowed }));

/** A compact JWS with any header text and payload text, correctly signed by `key`. */
function forge(header: string, payload: string): string {
  const input = `${toBase64Url(Buffer.from(header))}.${toBase64Url(Buffer.from(payload))}`;
  const secret = createPrivateKey({ key: { ...key.exportSecret() }, format: 'jwk' });
  return `${input}.${toBase64Url(rawSign(null, Buffer.from(input), secret))}`;
}

const goodHeader = { alg: 'EdDSA', kid: key.thumbprint, typ: 'wardround-StudyPlan+jws' };
const goodPayload = '{"name":"heart","rounds":10}';

describe('a signed document', () => {
  it('verifies, and gives value, digest and signer', async () => {
    const jws = await signDocument({ kind, value, key });
    expect(await verifyDocument({ jws, kind, schema, keys })).toEqual({
      value,
      digest: digestOf(kind, value),
      signer: key.thumbprint,
    });
  });

  it('has exactly the header {alg, kid, typ}', async () => {
    const [header = ''] = (await signDocument({ kind, value, key })).split('.');
    expect(Buffer.from(header, 'base64url').toString()).toBe(JSON.stringify(goodHeader));
  });

  it('is the same text each time (Ed25519 is deterministic)', async () => {
    expect(await signDocument({ kind, value, key })).toBe(
      await signDocument({ kind, value: { name: 'heart', rounds: 10 }, key }),
    );
    expect(await signDocument({ kind, value, key })).toBe(forge(JSON.stringify(goodHeader), goodPayload));
  });

  it('verifies through a resolver', async () => {
    const jws = await signDocument({ kind, value, key });
    expect(await verify(jws, (kid) => (kid === key.thumbprint ? key.publicKey : undefined))).toBe('accepted');
    expect(await verify(jws, async () => await Promise.resolve(key.publicKey))).toBe('accepted');
    expect(await verify(jws, () => undefined)).toBe('jws-signer');
    // A resolver that answers with a key that was not asked for.
    expect(await verify(jws, () => stranger.publicKey)).toBe('jws-signer');
  });
});

describe('one wrong field in the header', () => {
  it.each([
    ['alg none', { ...goodHeader, alg: 'none' }, 'jws-header'],
    ['alg HS256', { ...goodHeader, alg: 'HS256' }, 'jws-header'],
    ['alg Ed25519', { ...goodHeader, alg: 'Ed25519' }, 'jws-header'],
    ['alg in lower case', { ...goodHeader, alg: 'eddsa' }, 'jws-header'],
    ['no kid', { alg: goodHeader.alg, typ: goodHeader.typ }, 'jws-header'],
    ['no typ', { alg: goodHeader.alg, kid: goodHeader.kid }, 'jws-header'],
    ['kid in upper case', { ...goodHeader, kid: goodHeader.kid.toUpperCase() }, 'jws-header'],
    ['kid of another key', { ...goodHeader, kid: stranger.thumbprint }, 'jws-signer'],
    ['a jwk', { ...goodHeader, jwk: { ...key.publicKey } }, 'jws-header'],
    ['a jku', { ...goodHeader, jku: 'https://example.org/keys' }, 'jws-header'],
    ['an x5c', { ...goodHeader, x5c: ['MII'] }, 'jws-header'],
    ['crit', { ...goodHeader, crit: ['exp'] }, 'jws-header'],
    ['b64 false', { ...goodHeader, b64: false }, 'jws-header'],
    ['cty', { ...goodHeader, cty: 'json' }, 'jws-header'],
    ['typ of another kind', { ...goodHeader, typ: 'wardround-Approval+jws' }, 'jws-typ'],
    ['typ in another case', { ...goodHeader, typ: 'wardround-studyplan+jws' }, 'jws-typ'],
    ['typ of a JWT', { ...goodHeader, typ: 'JWT' }, 'jws-typ'],
  ])('%s', async (_name, header, code) => {
    const sorted = Object.fromEntries(Object.entries(header).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    expect(await verify(forge(JSON.stringify(sorted), goodPayload))).toBe(code);
  });

  it.each([
    ['unsorted', `{"kid":"${key.thumbprint}","alg":"EdDSA","typ":"wardround-StudyPlan+jws"}`],
    ['a duplicate alg', `{"alg":"none","alg":"EdDSA","kid":"${key.thumbprint}","typ":"wardround-StudyPlan+jws"}`],
    ['white space', `${JSON.stringify(goodHeader)} `],
    ['not an object', '[]'],
    ['empty', ''],
    ['huge', JSON.stringify({ ...goodHeader, typ: 'x'.repeat(2000) })],
  ])('%s', async (_name, header) => {
    expect(await verify(forge(header, goodPayload))).toBe('jws-header');
  });
});

describe('one wrong thing in the payload', () => {
  it.each([
    ['white space', '{"name":"heart", "rounds":10}', 'json-not-canonical'],
    ['unsorted', '{"rounds":10,"name":"heart"}', 'json-not-canonical'],
    ['a duplicate key', '{"name":"heart","rounds":10,"rounds":11}', 'json-duplicate-key'],
    ['a fraction', '{"name":"heart","rounds":10.5}', 'json-number'],
    ['an extra member', '{"extra":1,"name":"heart","rounds":10}', 'document-invalid'],
    ['a missing member', '{"name":"heart"}', 'document-invalid'],
    ['a wrong type', '{"name":"heart","rounds":"10"}', 'document-invalid'],
    ['not an object', '[]', 'document-invalid'],
    ['nothing', '', 'json-syntax'],
  ])('%s', async (_name, payload, code) => {
    expect(await verify(forge(JSON.stringify(goodHeader), payload))).toBe(code);
  });

  it('names the path', async () => {
    const jws = forge(JSON.stringify(goodHeader), '{"name":"heart","rounds":"10"}');
    await expect(verifyDocument({ jws, kind, schema, keys })).rejects.toMatchObject({ where: 'StudyPlan.rounds' });
  });

  it.each([
    ['defaults', z.strictObject({ rounds: z.int(), name: z.string(), extra: z.int().default(1) })],
    ['coercion', z.strictObject({ rounds: z.coerce.string(), name: z.string() })],
    ['stripping', z.object({ rounds: z.int() })],
    ['trimming', z.strictObject({ rounds: z.int(), name: z.string().transform((name) => name.slice(1)) })],
  ])('a schema with %s is refused, not believed', async (_name, bad) => {
    const jws = await signDocument({ kind, value, key });
    const verified = codeOf(async () => await verifyDocument<unknown>({ jws, kind, schema: bad, keys }));
    expect(await verified).toBe('document-altered');
  });
});

describe('signature and form', () => {
  it('refuses a stranger', async () => {
    expect(await verify(await signDocument({ kind, value, key: stranger }))).toBe('jws-signer');
  });

  it('refuses a stranger who borrows the kid', async () => {
    const jws = await stranger.sign(canonicalJson(value), { alg: 'EdDSA', kid: key.thumbprint, typ: typOf(kind) });
    expect(await verify(jws)).toBe('jws-signature');
  });

  it('refuses the signature of another document', async () => {
    const [header, payload] = (await signDocument({ kind, value, key })).split('.');
    const [, , signature] = (await signDocument({ kind, value: { ...value, rounds: 11 }, key })).split('.');
    expect(await verify(`${header}.${payload}.${signature}`)).toBe('jws-signature');
  });

  it('refuses S + L, the same signature in another form', async () => {
    const [header, payload, signature = ''] = (await signDocument({ kind, value, key })).split('.');
    const bytes = fromBase64Url(signature);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(bytes.slice(32)).reverse().toString('hex')}`) + order;
    bytes.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(), 32);
    expect(await verify(`${header}.${payload}.${toBase64Url(bytes)}`)).toBe('jws-signature');
  });

  it('refuses an HMAC keyed with the public key', async () => {
    const hmac = await new CompactSign(canonicalJson(value))
      .setProtectedHeader({ ...goodHeader, alg: 'HS256' })
      .sign(Buffer.from(key.publicKey.x));
    expect(await verify(hmac)).toBe('jws-header');
  });

  it.each([
    ['empty', '', 'jws-format'],
    ['one part', 'abc', 'jws-format'],
    ['two parts', 'YQ.YQ', 'jws-format'],
    ['four parts', 'YQ.YQ.YQ.YQ', 'jws-format'],
    ['padding', 'YQ==.YQ.YQ', 'jws-format'],
    ['a JSON serialisation', '{"payload":"YQ"}', 'jws-format'],
    [
      'a short signature',
      `${forge(JSON.stringify(goodHeader), goodPayload).split('.', 2).join('.')}.YQ`,
      'jws-signature',
    ],
    ['no signature', `${forge(JSON.stringify(goodHeader), goodPayload).split('.', 2).join('.')}.`, 'jws-signature'],
    ['too large', 'a'.repeat(6 * 1024 * 1024), 'jws-too-large'],
  ])('refuses %s', async (_name, jws, code) => {
    expect(await verify(jws)).toBe(code);
  });

  it('refuses a second spelling of each part', async () => {
    const jws = await signDocument({ kind, value: { ...value, name: 'hearts' }, key });
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const respell = (part: string): string =>
      part.slice(0, -1) + (alphabet[alphabet.indexOf(part.slice(-1)) + 1] ?? '-');
    expect(fromBase64UrlLoose(respell(signature))).toBe(fromBase64UrlLoose(signature));
    expect(await verify(`${header}.${payload}.${respell(signature)}`)).toBe('jws-format');
    for (const spoiled of [
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}\n.${signature}`,
      ` ${jws}`,
      `${jws}\n`,
    ]) {
      expect(await verify(spoiled)).toBe('jws-format');
    }
  });

  it('refuses every single character changed', async () => {
    const jws = await signDocument({ kind, value, key });
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+'.split('');
    await fc.assert(
      fc.asyncProperty(fc.nat(jws.length - 1), fc.constantFrom(...alphabet), async (at, letter) => {
        fc.pre(jws[at] !== letter);
        expect(await verify(jws.slice(0, at) + letter + jws.slice(at + 1))).not.toBe('accepted');
      }),
      { numRuns: 500 },
    );
  });
});

describe('UNVERIFIED_peekDocument', () => {
  it('tells kind, signer, digest and payload', async () => {
    const jws = await signDocument({ kind, value, key });
    expect(UNVERIFIED_peekDocument(jws)).toEqual({
      kind,
      signer: thumbprint(key.publicKey),
      digest: digestOf(kind, value),
      value,
    });
  });

  it.each([
    ['a typ that is not ours', forge(JSON.stringify({ ...goodHeader, typ: 'JWT' }), goodPayload), 'jws-typ'],
    [
      'a kind that is not a word',
      forge(JSON.stringify({ ...goodHeader, typ: 'wardround-a b+jws' }), goodPayload),
      'document-kind',
    ],
    ['a payload that is not canonical', forge(JSON.stringify(goodHeader), '{ }'), 'json-not-canonical'],
    ['a header with more', forge(JSON.stringify({ ...goodHeader, x5c: [] }), goodPayload), 'jws-header'],
  ])('refuses %s', async (_name, jws, code) => {
    expect(await codeOf(async () => await Promise.resolve().then(() => UNVERIFIED_peekDocument(jws)))).toBe(code);
  });
});

describe('signDocument', () => {
  it('refuses what has no canonical form', async () => {
    expect(await codeOf(async () => await signDocument({ kind, value: { rounds: 0.5 }, key }))).toBe('json-number');
    expect(await codeOf(async () => await signDocument({ kind: 'a+b', value, key }))).toBe('document-kind');
  });
});

function fromBase64UrlLoose(text: string): string {
  return Buffer.from(text, 'base64url').toString('hex');
}
