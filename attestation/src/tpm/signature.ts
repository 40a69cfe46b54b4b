// A TPM's signature over a quote: TPMT_SIGNATURE (TPM 2.0 Library, part 2, section 11.3.4), or the bare signature that some clouds pass on.
import { constants, verify } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes } from '@wardround/protocol/bytes';
import { ByteReader } from '../byte-reader.ts';
import type { Bank } from '../event-log/algorithms.ts';
import { bankOfAlgorithm } from '../event-log/algorithms.ts';
import type { AttestationKey } from './attestation-key.ts';

export type TpmSignatureScheme = 'rsassa' | 'rsapss' | 'ecdsa';

export interface TpmSignature {
  readonly scheme: TpmSignatureScheme;
  /** Of the signature, and of the quote's PCR digest. */
  readonly hash: Bank;
  /** RSA: as long as the modulus. ECDSA: r ‖ s (IEEE P1363), or DER. */
  readonly value: Bytes;
  readonly encoding: 'plain' | 'p1363' | 'der';
}

const schemes: ReadonlyMap<number, TpmSignatureScheme> = new Map([
  [0x0014, 'rsassa'],
  [0x0016, 'rsapss'],
  [0x0018, 'ecdsa'],
]);
const maxBytes = 1_024;

/**
 * Reads either form, told apart by the key: a bare RSA signature is exactly as long as the modulus (RSASSA with SHA-256, as Azure passes
 * it on), a bare ECDSA signature is DER (with SHA-256 on P-256, SHA-384 on P-384, as `tpm2_quote -f plain` writes it).
 * @throws WardroundError `tpm-signature-malformed`, `tpm-signature-scheme` (another algorithm, or a weaker hash than SHA-256)
 */
export function parseTpmSignature(input: Uint8Array, { algorithm }: AttestationKey): TpmSignature {
  if (input.byteLength > maxBytes) throw malformed(`${input.byteLength} bytes`, 0);
  if (algorithm.type === 'rsa' && input.byteLength === algorithm.bits / 8)
    return { scheme: 'rsassa', hash: 'sha256', value: copyBytes(input), encoding: 'plain' };
  if (algorithm.type === 'ec' && input[0] === 0x30) {
    const hash = algorithm.curve === 'P-256' ? 'sha256' : 'sha384';
    return { scheme: 'ecdsa', hash, value: copyBytes(input), encoding: 'der' };
  }
  return readStructure(input, { algorithm });
}

function readStructure(input: Uint8Array, { algorithm }: Pick<AttestationKey, 'algorithm'>): TpmSignature {
  const reader = new ByteReader(input, { littleEndian: false, refuse: malformed });
  const scheme = readScheme(reader.u16('signature algorithm'), algorithm.type);
  const hash = readHash(reader.u16('hash'));
  if (algorithm.type === 'rsa') {
    const value = reader.bytes(reader.u16('size of the signature'), 'signature');
    reader.end('the signature');
    if (value.byteLength !== algorithm.bits / 8) throw malformed(`a signature of ${value.byteLength} bytes`, 6);
    return { scheme, hash, value, encoding: 'plain' };
  }
  const length = algorithm.curve === 'P-256' ? 32 : 48;
  const value = concatBytes(coordinate(reader, length), coordinate(reader, length));
  reader.end('the signature');
  return { scheme, hash, value, encoding: 'p1363' };
}

function readScheme(id: number, keyType: 'rsa' | 'ec'): TpmSignatureScheme {
  const scheme = schemes.get(id);
  if (scheme !== undefined && (scheme === 'ecdsa') === (keyType === 'ec')) return scheme;
  throw new WardroundError('tpm-signature-scheme', 'a signature algorithm that is not accepted from this key', {
    expected: keyType === 'rsa' ? 'RSASSA or RSAPSS' : 'ECDSA',
    got: `0x${id.toString(16).padStart(4, '0')}`,
  });
}

function readHash(id: number): Bank {
  const hash = bankOfAlgorithm(id);
  if (hash !== undefined) return hash;
  throw new WardroundError('tpm-signature-scheme', 'a signature over a hash that is not accepted', {
    expected: 'SHA-256 or SHA-384',
    got: `0x${id.toString(16).padStart(4, '0')}`,
  });
}

/** TPMs leave out leading zeros or do not, by vendor. */
function coordinate(reader: ByteReader, length: number): Bytes {
  const size = reader.u16('size of a coordinate');
  if (size < 1 || size > length) throw reader.refuse(`a coordinate of ${size} bytes`);
  const out = new Uint8Array(length);
  out.set(reader.bytes(size, 'coordinate'), length - size);
  return out;
}

/** @throws WardroundError `tpm-quote-signature` */
export function requireTpmSignature(signed: Bytes, signature: TpmSignature, { publicKey }: AttestationKey): void {
  const { scheme, hash, value, encoding } = signature;
  const holds =
    scheme === 'ecdsa'
      ? verify(hash, signed, { key: publicKey, dsaEncoding: encoding === 'der' ? 'der' : 'ieee-p1363' }, value)
      : verify(hash, signed, { key: publicKey, ...paddings[scheme] }, value);
  if (holds) return;
  throw new WardroundError('tpm-quote-signature', 'the signature over the quote does not verify', { action: 'stop' });
}

/** TPMs salt with as many bytes as the hash has, or with as many as fit: either is found in the signature. */
const paddings = {
  rsassa: { padding: constants.RSA_PKCS1_PADDING },
  rsapss: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO },
} as const;

function malformed(problem: string, offset: number): WardroundError {
  return new WardroundError('tpm-signature-malformed', 'the signature over the quote cannot be read', {
    got: problem,
    where: `offset ${offset}`,
  });
}
