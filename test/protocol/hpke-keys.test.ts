// Attacks on receiving keys: leaks when printed, halves that do not match, keys that outlive their round.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { hpkePublicKeySchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import {
  generateEphemeralHpkeKey,
  generateHpkeKey,
  hpkePublicKeyBytes,
  hpkeThumbprint,
  importHpkeKey,
  importHpkePublicKey,
} from '@wardround/protocol/hpke-keys';

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const key = await generateHpkeKey();
const secret = await key.exportSecret();
const other = await (await generateHpkeKey()).exportSecret();

describe('HpkePrivateKey', () => {
  it.each([
    ['inspect', inspect({ key }, { depth: 9, showHidden: true })],
    ['JSON', JSON.stringify({ key })],
    ['toString', key.toString()],
    ['own properties', JSON.stringify(Object.entries(key))],
  ])('does not show its secret through %s', (_name, text) => {
    expect(text).not.toContain(secret.seed);
  });

  it('says that it was redacted', () => {
    expect(inspect(key)).toContain('[redacted]');
  });

  it('survives export and import', async () => {
    const again = await importHpkeKey(JSON.parse(JSON.stringify(secret)));
    expect(again.thumbprint).toBe(key.thumbprint);
    expect(await again.exportSecret()).toEqual(secret);
  });

  it('of a round cannot be exported', async () => {
    const ephemeral = await generateEphemeralHpkeKey();
    expect(await codeOf(async () => await ephemeral.exportSecret())).toBe('key-not-exportable');
  });

  it('is gone once erased', async () => {
    const doomed = await generateHpkeKey();
    doomed.erase();
    expect(await codeOf(async () => await doomed.exportSecret())).toBe('key-erased');
    expect(await codeOf(async () => await doomed.setupRecipient(new Uint8Array(1120), new Uint8Array()))).toBe(
      'key-erased',
    );
  });
});

describe('importHpkeKey refuses', () => {
  it.each([
    ['nothing', undefined],
    ['another KEM', { ...secret, publicKey: { ...secret.publicKey, kem: 'X25519' } }],
    ['an extra member', { ...secret, more: 1 }],
    ['the public half of another key', { ...secret, publicKey: other.publicKey }],
    ['the seed of another key', { ...secret, seed: other.seed }],
    ['a short seed', { ...secret, seed: secret.seed.slice(4) }],
    ['a padded seed', { ...secret, seed: `${secret.seed}=` }],
    ['a short public key', { ...secret, publicKey: { ...secret.publicKey, key: secret.publicKey.key.slice(4) } }],
  ])('%s', async (_name, value) => {
    expect(await codeOf(async () => await importHpkeKey(value))).toBe('key-invalid');
  });
});

describe('a public key', () => {
  it('has 1216 bytes, a schema and a thumbprint over them', () => {
    const bytes = hpkePublicKeyBytes(key.publicKey);
    expect(bytes.byteLength).toBe(1216);
    expect(hpkePublicKeySchema.parse(key.publicKey)).toEqual(key.publicKey);
    expect(hpkeThumbprint(key.publicKey)).toBe(toHex(labelledSha256('wardround/v1 thumbprint', bytes)));
  });

  it('with coefficients outside ML-KEM’s modulus is refused', async () => {
    const bytes = hpkePublicKeyBytes(key.publicKey).fill(0xff, 0, 3);
    expect(
      await codeOf(
        async () =>
          await importHpkePublicKey({ kem: 'MLKEM768-X25519', key: Buffer.from(bytes).toString('base64url') }),
      ),
    ).toBe('key-invalid');
  });
});
