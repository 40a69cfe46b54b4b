// Two shares from one site to another, carried by an enclave that must not read them: HPKE to the peer's key of this attempt, AES-256-GCM.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Bytes, concatBytes, copyBytes, fromBase64Url, toBase64Url, utf8 } from '@wardround/protocol/bytes';
import type { HpkePublicKey } from '@wardround/protocol/documents/primitives';
import { hasCode } from '@wardround/protocol/errors';
import { receiveKey, sealInfo, sealOpenError, sendKey } from '@wardround/protocol/hpke';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { labels } from '@wardround/protocol/labels';
import { packetContext } from './derivation.ts';
import { shareLength } from './secret-sharing.ts';

export interface SharePair {
  readonly root: Bytes;
  readonly self: Bytes;
}

export interface SealedShares {
  readonly encapsulation: string;
  readonly ciphertext: string;
}

export interface Route {
  /** Digest of the attempt, hex. */
  readonly attempt: string;
  readonly from: string;
  readonly to: string;
}

const tagLength = 16;
/** The key is exported from one HPKE context, which seals one message. */
const nonce = new Uint8Array(12);
const exporterContext = utf8(labels.maskShareSeal);

/** Who sent it is said by the sender's signature around it: hybrid KEMs have no authenticated mode. @throws WardroundError `key-invalid` */
export async function sealShares(shares: SharePair, recipient: HpkePublicKey, route: Route): Promise<SealedShares> {
  const { enc, key } = await sendKey({ recipient, info: infoOf(route), exporterContext });
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const ciphertext = concatBytes(cipher.update(concatBytes(shares.root, shares.self)), cipher.final());
  return {
    encapsulation: toBase64Url(enc),
    ciphertext: toBase64Url(concatBytes(ciphertext, cipher.getAuthTag())),
  };
}

/** @throws WardroundError `seal-open` for whatever is wrong with it, `key-erased` */
export async function openShares(sealed: SealedShares, privateKey: HpkePrivateKey, route: Route): Promise<SharePair> {
  const enc = decode(sealed.encapsulation);
  const bytes = decode(sealed.ciphertext);
  if (bytes.byteLength !== 2 * shareLength + tagLength) throw sealOpenError();
  const key = await receiveKey({ privateKey, enc, info: infoOf(route), exporterContext });
  const plain = decrypt(key, bytes);
  return { root: copyBytes(plain.subarray(0, shareLength)), self: copyBytes(plain.subarray(shareLength)) };
}

function decrypt(key: Uint8Array, bytes: Uint8Array): Bytes {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
  decipher.setAuthTag(bytes.subarray(-tagLength));
  try {
    return concatBytes(decipher.update(bytes.subarray(0, -tagLength)), decipher.final());
  } catch {
    throw sealOpenError();
  }
}

function decode(text: string): Bytes {
  try {
    return fromBase64Url(text);
  } catch (error) {
    throw hasCode(error, 'encoding-base64url') ? sealOpenError() : error;
  }
}

function infoOf({ attempt, from, to }: Route): Bytes {
  return sealInfo(labels.maskShareSeal, packetContext(labels.maskShareSeal, attempt, { from, to }));
}
