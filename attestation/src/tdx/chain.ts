// From a leaf to Intel's pinned root: PCK ← PCK Platform or Processor CA ← root, and TCB Signing ← root.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { requireTrusted } from '../roots.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates, requireIssuedBy } from '../x509/certificate.ts';
import { ecdsaP256Sha256 } from '../x509/signature-scheme.ts';
import type { Pck } from './pck.ts';
import type { TdxRoot } from './roots.ts';

export interface PckChain {
  readonly leaf: Certificate;
  readonly intermediate: Certificate;
  readonly root: Certificate;
  readonly trust: TdxRoot;
}

/** Who signs TCB info and identities; its root is the quote's. */
export interface SignerChain {
  readonly signer: Certificate;
  readonly root: Certificate;
}

const names = {
  root: 'Intel SGX Root CA',
  pckAuthorities: ['Intel SGX PCK Platform CA', 'Intel SGX PCK Processor CA'],
  tcbSigning: 'Intel SGX TCB Signing',
} as const;

/** PEM and nothing else: what stands between the blocks is covered by no signature. */
const onlyPem = /^(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----(?:\n|$)){3}$/;

/**
 * The three certificates of a quote, leaf first.
 * @throws WardroundError `tdx-chain`, and those of `parseCertificates`
 */
export function readQuoteCertificates(pem: Bytes): readonly [Certificate, Certificate, Certificate] {
  if (!onlyPem.test(Buffer.from(pem).toString('latin1'))) throw chainError('no three certificates in plain PEM');
  const [leaf, intermediate, root] = parseCertificates([pem]);
  if (leaf === undefined || intermediate === undefined || root === undefined)
    throw chainError('the same certificate more than once');
  return [leaf, intermediate, root];
}

/** @throws WardroundError `tdx-chain`, `tdx-root-untrusted` */
export function verifyPckChain(
  { certificate: leaf }: Pck,
  [, intermediate, root]: readonly [Certificate, Certificate, Certificate],
  roots: readonly TdxRoot[],
): PckChain {
  const trust = requireTrusted(root.fingerprint, roots, 'tdx-root-untrusted');
  requireName(intermediate, names.pckAuthorities);
  requireName(root, [names.root]);
  requireIssued([leaf, intermediate, root]);
  return { leaf, intermediate, root, trust };
}

/**
 * The chain of an item of collateral: exactly a signer and the root that the quote's chain ends in. A signer under another root,
 * trusted or not, says nothing about this platform.
 * @throws WardroundError `tdx-chain`, `tdx-root-untrusted`, `tdx-signer`, and those of `parseCertificates`
 */
export function verifySignerChain(inputs: readonly Uint8Array[], { trust }: PckChain): SignerChain {
  const { first, root } = verifyShortChain(inputs, trust);
  requireName(first, [names.tcbSigning]);
  if (!ecdsaP256Sha256.fits(first.publicKey) || first.authority.mayIssue)
    throw new WardroundError('tdx-signer', 'the signer of the collateral has no P-256 signing key');
  return { signer: first, root };
}

/** The chain that came with the PCK revocation list: the authority that issued this very PCK, and its root. @throws as above */
export function verifyCrlChain(inputs: readonly Uint8Array[], { intermediate, trust }: PckChain): SignerChain {
  const { first, root } = verifyShortChain(inputs, trust);
  if (first.subject !== intermediate.subject || !first.publicKey.equals(intermediate.publicKey))
    throw chainError(
      `a revocation list's chain of ${first.commonName} beside the quote's of ${intermediate.commonName}`,
    );
  return { signer: first, root };
}

function verifyShortChain(inputs: readonly Uint8Array[], trust: TdxRoot): { first: Certificate; root: Certificate } {
  const certificates = parseCertificates(inputs);
  const root = certificates.find((certificate) => certificate.subject === certificate.issuer);
  const first = certificates.find((certificate) => certificate !== root);
  if (root === undefined || first === undefined || certificates.length !== 2)
    throw chainError(`${certificates.length} certificates where a signer and its root belong`);
  requireTrusted(root.fingerprint, [trust], 'tdx-root-untrusted');
  requireName(root, [names.root]);
  requireIssued([first, root]);
  return { first, root };
}

function requireName({ commonName }: Certificate, expected: readonly string[]): void {
  if (!expected.includes(commonName)) throw chainError(`${commonName} where ${expected.join(' or ')} belongs`);
}

/** Each is issued by the next, the last by itself. */
function requireIssued(chain: readonly Certificate[]): void {
  chain.forEach((certificate, index) => {
    try {
      requireIssuedBy(certificate, chain[index + 1] ?? certificate, ecdsaP256Sha256);
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      throw chainError(error.message, error);
    }
  });
}

function chainError(got: string, cause?: unknown): WardroundError {
  return new WardroundError('tdx-chain', 'the certificates do not form a chain', {
    got,
    action: 'stop',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** @throws WardroundError `tdx-expired`, `tdx-not-yet-valid` */
export function requireValidAt(certificates: readonly Certificate[], at: Date): void {
  for (const { commonName, notBefore, notAfter } of certificates) {
    const window = {
      expected: `${notBefore.toISOString()} to ${notAfter.toISOString()}`,
      got: at.toISOString(),
      where: commonName,
    };
    if (at < notBefore) throw new WardroundError('tdx-not-yet-valid', 'a certificate is not valid yet', window);
    if (at > notAfter) throw new WardroundError('tdx-expired', 'a certificate has expired', window);
  }
}
