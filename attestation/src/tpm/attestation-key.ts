// The key that signs quotes (AK), and why it should be a TPM's: hardware attested to it, or a certificate chains to a pinned root. A bare key
// proves only that its holder signed.
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, sha256, toHex } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates } from '../x509/certificate.ts';
import { readAll, readSingle } from '../x509/der.ts';

export type AkAlgorithm =
  { readonly type: 'rsa'; readonly bits: number } | { readonly type: 'ec'; readonly curve: 'P-256' | 'P-384' };

/** Where the key comes from: `attested` is said by hardware evidence that was verified, `certificate` by its chain, `bare` by nobody. */
export type AkOrigin = 'attested' | 'certificate' | 'bare';

export interface AttestationKey {
  readonly publicKey: KeyObject;
  readonly algorithm: AkAlgorithm;
  /** SHA-256 over its SubjectPublicKeyInfo, hex. */
  readonly fingerprint: string;
  readonly origin: AkOrigin;
  /** Leaf of its chain, and all certificates given: where `origin` is `certificate`. */
  readonly leaf: Certificate | undefined;
  readonly certificates: readonly Certificate[];
}

/** `given`: a public key or a certificate, PEM or DER, with the rest of its chain. `attested`: only ever from verified evidence. */
export type AkSource =
  | { readonly kind: 'given'; readonly key: Uint8Array; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: 'attested'; readonly publicKey: KeyObject };

const maxKeyBytes = 8_192;

/**
 * Reads the key. Weaker keys than RSA-2048, P-256 and P-384 are refused whatever any policy says.
 * @throws WardroundError `tpm-ak-malformed`, `tpm-ak-weak`, `certificate-malformed`, `pem-malformed`, `pem-too-large`
 */
export function readAttestationKey(source: AkSource): AttestationKey {
  if (source.kind === 'attested')
    return describe(source.publicKey, { origin: 'attested', leaf: undefined, certificates: [] });
  if (source.key.byteLength > maxKeyBytes) throw malformed(`${source.key.byteLength} bytes`);
  const spki = readPublicKey(source.key);
  if (spki !== undefined) return describe(importKey(spki), { origin: 'bare', leaf: undefined, certificates: [] });
  const own = parseCertificates([source.key]);
  const [leaf] = own;
  if (leaf === undefined) throw malformed('no certificate');
  const certificates = [...own, ...(source.certificates.length === 0 ? [] : parseCertificates(source.certificates))];
  return describe(leaf.publicKey, { origin: 'certificate', leaf, certificates });
}

/** The DER of a SubjectPublicKeyInfo, or undefined where this is something else (a certificate). */
function readPublicKey(input: Uint8Array): Bytes | undefined {
  if (input[0] === 0x30) return isPublicKeyInfo(input) ? copyBytes(input) : undefined;
  const text = Buffer.from(input).toString('latin1').trim();
  if (text.includes('PRIVATE KEY')) throw malformed('a private key, which belongs in no evidence');
  const match = /^-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/.exec(text);
  if (match === null) return undefined;
  const compact = (match[1] ?? '').replaceAll(/\s/g, '');
  const der = Buffer.from(compact, 'base64');
  if (der.toString('base64') !== compact || !isPublicKeyInfo(der)) throw malformed('not canonical base64 of a key');
  return copyBytes(der);
}

/** Two parts: algorithm and bits. A certificate has three. */
function isPublicKeyInfo(der: Uint8Array): boolean {
  try {
    return readAll(readSingle(der).value).length === 2;
  } catch {
    return false;
  }
}

function importKey(spki: Bytes): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new WardroundError('tpm-ak-malformed', 'the attestation key cannot be read', { cause });
  }
}

type Provenance = Pick<AttestationKey, 'origin' | 'leaf' | 'certificates'>;

function describe(publicKey: KeyObject, provenance: Provenance): AttestationKey {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { publicKey, algorithm: algorithmOf(publicKey), fingerprint: toHex(sha256(spki)), ...provenance };
}

function algorithmOf(key: KeyObject): AkAlgorithm {
  const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && publicExponent === 65_537n && modulusLength !== undefined) {
    if ([2048, 3072, 4096].includes(modulusLength)) return { type: 'rsa', bits: modulusLength };
  }
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1') return { type: 'ec', curve: 'P-256' };
    if (namedCurve === 'secp384r1') return { type: 'ec', curve: 'P-384' };
  }
  throw new WardroundError('tpm-ak-weak', 'not a sort of attestation key that is accepted', {
    expected: 'RSA-2048, RSA-3072 or RSA-4096 with exponent 65537, P-256 or P-384',
    got: `${key.asymmetricKeyType ?? 'unknown'} ${modulusLength ?? namedCurve ?? ''}`.trim(),
  });
}

function malformed(got: string): WardroundError {
  return new WardroundError('tpm-ak-malformed', 'the attestation key cannot be read', { got });
}
