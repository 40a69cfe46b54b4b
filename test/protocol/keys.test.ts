// Attacks on key handling: keys that leak when printed, halves that do not match, keys under which anybody can sign.
import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { signingPublicKeySchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import {
  generateSigningKey,
  importSigningKey,
  importVerifyingKey,
  SigningKey,
  thumbprint,
} from '@wardround/protocol/keys';

const p = 2n ** 255n - 19n;

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

function encodeY(y: bigint, sign: 0n | 1n): string {
  const bytes = fromHex((y | (sign << 255n)).toString(16).padStart(64, '0')).reverse();
  return toBase64Url(bytes);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let factor = ((base % p) + p) % p;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * factor) % p;
    factor = (factor * factor) % p;
  }
  return result;
}

const d = (((-121665n * power(121666n, p - 2n)) % p) + p) % p;

/** y of 2P for a point with coordinate y, from the curve −x² + y² = 1 + dx²y² alone (the sign of x does not matter). */
function doubleY(y: bigint): bigint {
  const xx = ((y * y - 1n) * power(d * y * y + 1n, p - 2n)) % p;
  const numerator = y * y + xx;
  const denominator = (((1n - d * xx * y * y) % p) + p) % p;
  return (((numerator * power(denominator, p - 2n)) % p) + p) % p;
}

/** Roots of y² ≡ square in the field, if there are any. */
function roots(square: bigint): bigint[] {
  const s = ((square % p) + p) % p;
  const candidate = power(s, (p + 3n) / 8n);
  const root = [candidate, (candidate * power(2n, (p - 1n) / 4n)) % p].find((r) => (r * r) % p === s);
  return root === undefined ? [] : [root, (p - root) % p];
}

describe('SigningKey', () => {
  const key = generateSigningKey();
  const secret = key.exportSecret().d;

  it.each([
    ['inspect', inspect(key)],
    ['deep inspect', inspect({ nested: [key] }, { depth: 9, showHidden: true })],
    ['JSON', JSON.stringify({ key })],
    ['toString', key.toString()],
    ['concatenation', String(key)],
    ['own properties', JSON.stringify(Object.entries(key))],
    ['an error message', new Error('with key', { cause: key }).message + inspect(new Error('e', { cause: key }))],
  ])('does not show its secret through %s', (_name, text) => {
    expect(text).not.toContain(secret);
  });

  it('says that it was redacted', () => {
    expect(inspect(key)).toContain('[redacted]');
    expect(JSON.stringify(key)).toContain('[redacted]');
  });

  it('survives export and import', () => {
    const again = importSigningKey(JSON.parse(JSON.stringify(key.exportSecret())));
    expect(again.thumbprint).toBe(key.thumbprint);
    expect(again.exportSecret()).toEqual(key.exportSecret());
  });

  it('refuses key objects that are not Ed25519 private keys', () => {
    expect(codeOf(() => new SigningKey(generateKeyPairSync('x25519').privateKey))).toBe('key-invalid');
    expect(codeOf(() => new SigningKey(generateKeyPairSync('ed25519').publicKey))).toBe('key-invalid');
  });
});

describe('importSigningKey refuses', () => {
  const good = generateSigningKey().exportSecret();
  const other = generateSigningKey().exportSecret();
  it.each([
    ['nothing', undefined],
    ['text', 'key'],
    ['another key type', { ...good, kty: 'EC' }],
    ['another curve', { ...good, crv: 'X25519' }],
    ['an extra member', { ...good, use: 'sig' }],
    ['no secret', { kty: good.kty, crv: good.crv, x: good.x }],
    ['a public half of another key', { ...good, x: other.x }],
    ['a secret of another key', { ...good, d: other.d }],
    ['padding', { ...good, d: `${good.d}=` }],
    ['a short secret', { ...good, d: good.d.slice(0, 40) }],
    ['a second spelling of the same bytes', { ...good, d: nextSpelling(good.d) }],
  ])('%s', (_name, jwk) => {
    const error = caught(() => importSigningKey(jwk));
    expect(error.code).toBe('key-invalid');
    expect(inspect(error)).not.toContain(good.d);
  });
});

describe('importVerifyingKey', () => {
  it('accepts a generated key and gives the document form', () => {
    const { publicKey } = generateSigningKey();
    expect(importVerifyingKey(publicKey.x)).toEqual(publicKey);
    expect(signingPublicKeySchema.parse(publicKey)).toEqual(publicKey);
  });

  it.each(['', 'x', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}B`, `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`])(
    'refuses %j',
    (x) => {
      expect(codeOf(() => importVerifyingKey(x))).toBe('key-invalid');
    },
  );

  it('refuses every point of small order, in every spelling', () => {
    // Order 1: y = 1. Order 2: y = −1. Order 4: y = 0. Order 8: points whose double has y = 0, that is y⁴·d − ... = 0:
    // doubling gives y = 0 exactly where x² = −y², so −x² + y² = 2y² = 1 − d·y⁴.
    const halves = roots(1n + d).flatMap((root) => roots((root - 1n) * power(d, p - 2n)));
    const small = [1n, p - 1n, 0n, ...halves];
    expect(new Set(small).size).toBe(5);
    for (const y of small) {
      expect(doubleY(doubleY(doubleY(y)))).toBe(1n);
      const spellings = [y, y + p].filter((value) => value < 2n ** 255n);
      for (const value of spellings) {
        expect(codeOf(() => importVerifyingKey(encodeY(value, 0n)))).toBe('key-weak');
        expect(codeOf(() => importVerifyingKey(encodeY(value, 1n)))).toBe('key-weak');
      }
    }
  });

  it('refuses a y-coordinate that is not below the field prime', () => {
    for (let y = p; y < 2n ** 255n; y += 1n) expect(codeOf(() => importVerifyingKey(encodeY(y, 0n)))).toBe('key-weak');
    expect(codeOf(() => importVerifyingKey(encodeY(p - 2n, 0n)))).toBe('accepted');
  });
});

describe('thumbprint', () => {
  it('is the one of RFC 8037 appendix A.3', () => {
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
    const expected = Buffer.from('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'base64url').toString('hex');
    expect(thumbprint({ kty: 'OKP', crv: 'Ed25519', x })).toBe(expected);
  });

  it('agrees with jose', async () => {
    const { publicKey } = generateSigningKey();
    const theirs = await calculateJwkThumbprint(publicKey, 'sha256');
    expect(thumbprint(publicKey)).toBe(Buffer.from(theirs, 'base64url').toString('hex'));
  });
});

function caught(action: () => unknown): WardroundError {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Unpadded base64url of 32 bytes has two spare bits in its last letter: another letter means the same bytes. */
function nextSpelling(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + (alphabet[alphabet.indexOf(text.slice(-1)) + 1] ?? '');
}
