// NVIDIA's chains: of a device (made by the device itself under its factory identity) and of whoever signs reference values. Both
// come in order, leaf first, and end in a pinned root.
import { WardroundError } from '@wardround/protocol/errors';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate, requireIssuedBy } from '../x509/certificate.ts';
import { signingUsage } from '../x509/key-usage.ts';
import { readArmoured } from '../x509/pem.ts';
import { ecdsaP384Sha384 } from '../x509/signature-scheme.ts';
import type { NvidiaRoot } from './roots.ts';
import { requireNvidiaRoot } from './roots.ts';

export interface NvidiaChain {
  /** Leaf first, root last. */
  readonly certificates: readonly Certificate[];
  readonly leaf: Certificate;
  readonly trust: NvidiaRoot;
}

const limits = { label: 'CERTIFICATE', maxInputBytes: 65_536, maxObjects: 8 } as const;
/** Firmware key, factory identity, provisioner, product line, root. */
const deviceChainLength = 5;

/**
 * The certificates in `inputs` (PEM or DER by content), in order, repetitions included: order means something here.
 * @throws WardroundError `certificate-malformed`, `pem-malformed`, `pem-too-large`, `der-malformed`
 */
export function parseNvidiaCertificates(inputs: readonly Uint8Array[]): readonly Certificate[] {
  return readArmoured(inputs, limits).map(parseCertificate);
}

/** @throws WardroundError `nvidia-chain`, `nvidia-root-untrusted` */
export function verifyDeviceChain(certificates: readonly Certificate[], roots: readonly NvidiaRoot[]): NvidiaChain {
  if (certificates.length !== deviceChainLength) {
    throw chainError(`${certificates.length} certificates, not ${deviceChainLength}`);
  }
  return verifyChain(certificates, roots);
}

/** A chain of 2 to 6: signer, intermediates, root. @throws WardroundError `nvidia-chain`, `nvidia-root-untrusted` */
export function verifySignerChain(certificates: readonly Certificate[], roots: readonly NvidiaRoot[]): NvidiaChain {
  if (certificates.length < 2 || certificates.length > 6) {
    throw chainError(`${certificates.length} certificates, not 2 to 6`);
  }
  return verifyChain(certificates, roots);
}

function verifyChain(certificates: readonly Certificate[], roots: readonly NvidiaRoot[]): NvidiaChain {
  const [leaf] = certificates;
  const root = certificates.at(-1);
  if (leaf === undefined || root === undefined) throw chainError('no certificates');
  try {
    certificates.forEach((certificate, index) => {
      requireIssuedBy(certificate, certificates[index + 1] ?? root, ecdsaP384Sha384);
    });
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw chainError(error.message, error);
  }
  requireSigner(leaf);
  return { certificates, leaf, trust: requireNvidiaRoot(root, roots) };
}

/** The leaf signs data and issues nothing. */
function requireSigner(leaf: Certificate): void {
  if (leaf.authority.mayIssue) throw chainError(`a certificate authority as the signer, ${leaf.commonName}`);
  if (!ecdsaP384Sha384.fits(leaf.publicKey)) throw chainError('a signing key that is not P-384');
  if (signingUsage(leaf) !== 'signs') throw chainError('a leaf that may not sign');
}

function chainError(got: string, cause?: unknown): WardroundError {
  return new WardroundError('nvidia-chain', 'the certificates do not form a chain, leaf first', {
    got,
    cause,
    action: 'stop',
  });
}

/** Every certificate is within its dates. @throws WardroundError `nvidia-not-yet-valid`, `nvidia-expired` */
export function requireValidAt({ certificates }: NvidiaChain, at: Date): void {
  for (const { commonName, notBefore, notAfter } of certificates) {
    const window = {
      expected: `${notBefore.toISOString()} to ${notAfter.toISOString()}`,
      got: at.toISOString(),
      where: commonName,
    };
    if (at < notBefore) throw new WardroundError('nvidia-not-yet-valid', 'a certificate is not valid yet', window);
    if (at > notAfter) throw new WardroundError('nvidia-expired', 'a certificate has expired', window);
  }
}
