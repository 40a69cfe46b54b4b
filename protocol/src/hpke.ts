// HPKE (RFC 9180) as the protocol uses it: a key agreed with one recipient, or a content key wrapped for each of several.
import { type Bytes, copyBytes, fromHex, utf8 } from './bytes.ts';
import type { HpkePublicKey } from './documents/primitives.ts';
import { hasCode, WardroundError } from './errors.ts';
import { type HpkePrivateKey, importHpkePublicKey } from './hpke-keys.ts';
import { hpkeSuite } from './hpke-suite.ts';
import type { Label } from './labels.ts';

/** A content key sealed to one recipient: 1120 bytes of encapsulation, and the key with its tag. */
export interface WrappedKey {
  readonly enc: Bytes;
  readonly wrappedKey: Bytes;
}

const keyLength = 32;

/**
 * HPKE `info`: what the sealed bytes are (a label) and what they belong to (the digest of the order, receipt or model, hex). Opening with any
 * other info fails.
 *
 * @throws WardroundError `encoding-hex`
 */
export function sealInfo(label: Label, contextDigest: string): Bytes {
  return copyBytes(Buffer.concat([utf8(label), Uint8Array.of(0), fromHex(contextDigest, 32)]));
}

/** The one error of everything that does not open. Which check failed, or where, would help only an attacker. */
export function sealOpenError(): WardroundError {
  return new WardroundError('seal-open', 'this cannot be opened', { action: 'stop' });
}

/**
 * Agrees on a fresh 32-byte key with whoever holds the recipient's private key. The sender stays anonymous: it signs what it sends elsewhere.
 *
 * @throws WardroundError `key-invalid`
 */
export async function sendKey({
  recipient,
  info,
  exporterContext,
}: {
  recipient: HpkePublicKey;
  info: Uint8Array;
  exporterContext: Uint8Array;
}): Promise<{ enc: Bytes; key: Bytes }> {
  const publicKey = await importHpkePublicKey(recipient);
  const { encapsulatedSecret, ctx } = await hpkeSuite.SetupSender(publicKey, { info });
  return { enc: copyBytes(encapsulatedSecret), key: copyBytes(await ctx.Export(exporterContext, keyLength)) };
}

/**
 * The recipient's side of {@link sendKey}. A wrong `enc`, info or context gives another key (ML-KEM rejects implicitly): it shows when the first
 * bytes under the key do not open.
 *
 * @throws WardroundError `seal-open`, `key-erased`
 */
export async function receiveKey({
  privateKey,
  enc,
  info,
  exporterContext,
}: {
  privateKey: HpkePrivateKey;
  enc: Uint8Array;
  info: Uint8Array;
  exporterContext: Uint8Array;
}): Promise<Bytes> {
  return await openOrRefuse(async () => {
    const context = await privateKey.setupRecipient(enc, info);
    return await context.Export(exporterContext, keyLength);
  });
}

/** Seals a 32-byte content key to one recipient. @throws WardroundError `key-invalid`, `seal-key-length` */
export async function wrapKey({
  recipient,
  info,
  key,
}: {
  recipient: HpkePublicKey;
  info: Uint8Array;
  key: Uint8Array;
}): Promise<WrappedKey> {
  if (key.byteLength !== keyLength) throw new WardroundError('seal-key-length', 'a content key has 32 bytes');
  const publicKey = await importHpkePublicKey(recipient);
  const { encapsulatedSecret, ciphertext } = await hpkeSuite.Seal(publicKey, key, { info });
  return { enc: copyBytes(encapsulatedSecret), wrappedKey: copyBytes(ciphertext) };
}

/** Opens {@link wrapKey}'s result. @throws WardroundError `seal-open`, `key-erased` */
export async function unwrapKey({
  privateKey,
  info,
  wrapped,
}: {
  privateKey: HpkePrivateKey;
  info: Uint8Array;
  wrapped: WrappedKey;
}): Promise<Bytes> {
  const key = await openOrRefuse(async () => {
    const context = await privateKey.setupRecipient(wrapped.enc, info);
    return await context.Open(wrapped.wrappedKey);
  });
  if (key.byteLength !== keyLength) throw sealOpenError();
  return key;
}

/** Our own key being gone is our own affair and is said; all that the sender could have caused looks alike. */
async function openOrRefuse(open: () => Promise<Uint8Array>): Promise<Bytes> {
  try {
    return copyBytes(await open());
  } catch (error) {
    throw hasCode(error, 'key-erased') ? error : sealOpenError();
  }
}
