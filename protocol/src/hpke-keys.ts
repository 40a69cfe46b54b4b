// Receiving keys (HPKE): what is sealed to them, only their holder opens. Generated, imported, exported to a key file, never printed.
import type { Key, RecipientContext } from 'hpke';
import { z } from 'zod';
import { type Bytes, copyBytes, equalBytes, labelledSha256, toBase64Url, toHex, utf8 } from './bytes.ts';
import { type HpkePublicKey, hpkePublicKeySchema } from './documents/primitives.ts';
import { WardroundError } from './errors.ts';
import { hpkePublicKeyLength, hpkeSeedLength, hpkeSuite } from './hpke-suite.ts';
import { labels } from './labels.ts';

const hpkeSecretSchema = z.strictObject({
  publicKey: hpkePublicKeySchema,
  seed: z.string(),
});
/** What a key file holds (mode 0600). Secret: never log it. */
export type HpkeSecret = z.infer<typeof hpkeSecretSchema>;

/** A private HPKE key that opens, and shows itself to nobody who did not ask for it by name. */
export class HpkePrivateKey {
  readonly publicKey: HpkePublicKey;
  readonly thumbprint: string;
  #secret: Key | undefined;

  constructor(publicKey: HpkePublicKey, secret: Key) {
    this.publicKey = publicKey;
    this.thumbprint = hpkeThumbprint(publicKey);
    this.#secret = secret;
  }

  /**
   * The receiving end of one encapsulation. Used by hpke.ts, which turns every failure into one.
   *
   * @throws WardroundError `key-erased`, and whatever the library throws
   */
  async setupRecipient(enc: Uint8Array, info: Uint8Array): Promise<RecipientContext> {
    return await hpkeSuite.SetupRecipient(this.#held(), enc, { info });
  }

  /** The secret, for the writer of the key file and for nobody else. @throws WardroundError `key-not-exportable`, `key-erased` */
  async exportSecret(): Promise<HpkeSecret> {
    const secret = this.#held();
    if (!secret.extractable)
      throw new WardroundError('key-not-exportable', 'this key was made to die where it was born');
    const seed = toBase64Url(await hpkeSuite.SerializePrivateKey(secret));
    return { publicKey: this.publicKey, seed };
  }

  /** Forgets the key: nothing sealed to it can be opened afterwards. A later leak of this process then opens nothing of the round. */
  erase(): void {
    this.#secret = undefined;
  }

  #held(): Key {
    if (this.#secret === undefined) throw new WardroundError('key-erased', 'this key was erased', { action: 'stop' });
    return this.#secret;
  }

  toString(): string {
    return `HpkePrivateKey ${this.thumbprint} [redacted]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A receiving key that can be written to a key file. */
export async function generateHpkeKey(): Promise<HpkePrivateKey> {
  return await generate(true);
}

/** A session's or round's key: it cannot be exported, and is erased with {@link HpkePrivateKey.erase}. */
export async function generateEphemeralHpkeKey(): Promise<HpkePrivateKey> {
  return await generate(false);
}

/**
 * Reads the secret as {@link HpkePrivateKey.exportSecret} wrote it.
 *
 * @throws WardroundError `key-invalid` (never quoting the input) when it is malformed or its halves do not belong together
 */
export async function importHpkeKey(secret: unknown): Promise<HpkePrivateKey> {
  const parsed = hpkeSecretSchema.safeParse(secret);
  if (!parsed.success) throw invalid('not an HPKE private key');
  const { publicKey, seed } = parsed.data;
  const privateKey = await hpkeSuite.DeserializePrivateKey(decode(seed, hpkeSeedLength), true);
  if (!(await belongTogether(await importHpkePublicKey(publicKey), privateKey))) {
    throw invalid('the private key does not belong to its public half');
  }
  return new HpkePrivateKey(publicKey, privateKey);
}

/** A public key as the library wants it. @throws WardroundError `key-invalid` */
export async function importHpkePublicKey(publicKey: HpkePublicKey): Promise<Key> {
  const bytes = hpkePublicKeyBytes(publicKey);
  try {
    return await hpkeSuite.DeserializePublicKey(bytes);
  } catch (cause) {
    // ML-KEM's modulus check (FIPS 203 section 7.2) is the library's.
    throw new WardroundError('key-invalid', 'not an MLKEM768-X25519 public key', { cause });
  }
}

/** A public key's bytes. @throws WardroundError `key-invalid` */
export function hpkePublicKeyBytes(publicKey: HpkePublicKey): Bytes {
  return decode(publicKey.key, hpkePublicKeyLength);
}

/** Hex SHA-256 over the thumbprint label and the key's bytes: the name by which plans and approvals call a recipient. @throws `key-invalid` */
export function hpkeThumbprint(publicKey: HpkePublicKey): string {
  return toHex(labelledSha256(labels.thumbprint, hpkePublicKeyBytes(publicKey)));
}

async function generate(extractable: boolean): Promise<HpkePrivateKey> {
  const { publicKey, privateKey } = await hpkeSuite.GenerateKeyPair(extractable);
  const key = toBase64Url(await hpkeSuite.SerializePublicKey(publicKey));
  return new HpkePrivateKey({ kem: 'MLKEM768-X25519', key }, privateKey);
}

/** The library derives no public half from a private key, so one message to ourselves shows that they match. */
async function belongTogether(publicKey: Key, privateKey: Key): Promise<boolean> {
  const context = utf8(labels.thumbprint);
  const { encapsulatedSecret, exportedSecret } = await hpkeSuite.SendExport(publicKey, context, 32);
  return equalBytes(exportedSecret, await hpkeSuite.ReceiveExport(privateKey, encapsulatedSecret, context, 32));
}

function decode(text: string, byteLength: number): Bytes {
  const bytes = copyBytes(Buffer.from(text, 'base64url'));
  if (bytes.byteLength !== byteLength || toBase64Url(bytes) !== text)
    throw invalid('not canonical base64url of the right length');
  return bytes;
}

function invalid(message: string): WardroundError {
  return new WardroundError('key-invalid', message, { expected: 'MLKEM768-X25519 keys in canonical base64url' });
}
