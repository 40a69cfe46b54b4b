// Certificates in the form of NVIDIA's, signed with P-384 keys that the caller holds. NOT a vendor's: see `vendor`.
import 'reflect-metadata';
import { KeyUsageFlags } from '@peculiar/x509';
import type { Bytes } from '@wardround/protocol/bytes';
import type { EcCertificate, EcKeyPair } from '../ec-certificates.ts';
import { generateEcKey as generateOn, signOnCurve } from '../ec-certificates.ts';

export function generateEcKey(curve: 'P-256' | 'P-384' = 'P-384'): EcKeyPair {
  return generateOn(curve);
}

export interface EcCertificateRequest extends Omit<EcCertificate, 'constraints' | 'hash'> {
  /** Certificate authorities sign certificates, everybody else data; only they say what they are. */
  readonly authority: boolean;
  /** Anything but SHA-384 is what NVIDIA never does, for the verifier's tests. */
  readonly hash?: EcCertificate['hash'];
}

export const ecUsages = {
  authority: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  signer: KeyUsageFlags.digitalSignature,
  none: KeyUsageFlags.keyAgreement,
} as const;

/** Signs one certificate. Returns DER. */
export async function signEcCertificate({
  authority,
  hash = 'SHA-384',
  ...request
}: EcCertificateRequest): Promise<Bytes> {
  const constraints = authority ? { authority, pathLength: undefined } : null;
  return await signOnCurve({ ...request, hash, constraints });
}
