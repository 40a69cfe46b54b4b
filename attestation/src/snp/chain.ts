// From the leaf to a pinned root: VCEK ← SEV-<Product> ← ARK-<Product>, or VLEK ← SEV-VLEK-<Product> ← ARK-<Product>.
import { WardroundError } from '@wardround/protocol/errors';
import type { Certificate } from '../x509/certificate.ts';
import { requireIssuedBy } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import { requireCrlSignedBy } from '../x509/crl.ts';
import { rsa4096PssSha384 } from '../x509/signature-scheme.ts';
import type { TrustedRoot } from '../roots.ts';
import { requireTrusted } from '../roots.ts';
import type { SnpLeaf } from './leaf.ts';
import { NotEvaluated } from '../steps.ts';

export interface SnpChain {
  readonly leaf: Certificate;
  readonly intermediate: Certificate;
  readonly root: Certificate;
  readonly trust: TrustedRoot;
}

/**
 * Builds and checks the chain of `leaf`. Certificates that are not part of it are not looked at (bundles from AMD carry both
 * intermediates); two different certificates with the name that is needed are refused, not chosen from.
 * @throws WardroundError `snp-chain-incomplete`, `snp-chain-ambiguous`, `snp-root-untrusted`, `snp-chain`
 */
export function verifySnpChain(
  leaf: SnpLeaf,
  certificates: readonly Certificate[],
  roots: readonly TrustedRoot[],
): SnpChain {
  const intermediate = onlyNamed(certificates, leaf.certificate.issuer, `issuer of ${leaf.certificate.commonName}`);
  const root = onlyNamed(certificates, intermediate.issuer, `issuer of ${intermediate.commonName}`);
  const trust = requireTrusted(root.fingerprint, roots, 'snp-root-untrusted');
  requireNames(leaf, intermediate, root);
  refuseAsChain(() => {
    requireIssuedBy(root, root, rsa4096PssSha384);
    requireIssuedBy(intermediate, root, rsa4096PssSha384);
    requireIssuedBy(leaf.certificate, intermediate, rsa4096PssSha384);
  });
  if (trust.kind === 'genuine' && trust.product !== leaf.product)
    throw chainError(`a ${leaf.product} leaf under the root of ${trust.product}`);
  return { leaf: leaf.certificate, intermediate, root, trust };
}

function onlyNamed(certificates: readonly Certificate[], subject: string, what: string): Certificate {
  const named = certificates.filter((certificate) => certificate.subject === subject);
  const [only] = named;
  if (only === undefined) throw new WardroundError('snp-chain-incomplete', `the ${what} was not given`);
  if (named.length > 1) throw new WardroundError('snp-chain-ambiguous', `more than one ${what} was given`);
  return only;
}

function requireNames(leaf: SnpLeaf, intermediate: Certificate, root: Certificate): void {
  const expected = leaf.kind === 'VCEK' ? `SEV-${leaf.product}` : `SEV-VLEK-${leaf.product}`;
  if (intermediate.commonName !== expected)
    throw chainError(`intermediate ${intermediate.commonName} where ${expected} belongs`);
  if (root.commonName !== `ARK-${leaf.product}`)
    throw chainError(`root ${root.commonName} where ARK-${leaf.product} belongs`);
}

function refuseAsChain(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'certificate-not-issued')
      throw chainError(error.message, error);
    throw error;
  }
}

function chainError(got: string, cause?: unknown): WardroundError {
  return new WardroundError('snp-chain', 'the certificates do not form a chain', { got, cause, action: 'stop' });
}

/** Every certificate of the chain is within its dates. @throws WardroundError `snp-expired`, `snp-not-yet-valid` */
export function requireChainValidAt(chain: SnpChain, at: Date): void {
  for (const { commonName, notBefore, notAfter } of [chain.leaf, chain.intermediate, chain.root]) {
    const window = {
      expected: `${notBefore.toISOString()} to ${notAfter.toISOString()}`,
      got: at.toISOString(),
      where: commonName,
    };
    if (at < notBefore) throw new WardroundError('snp-not-yet-valid', 'a certificate is not valid yet', window);
    if (at > notAfter) throw new WardroundError('snp-expired', 'a certificate has expired', window);
  }
}

/** What a revocation check proved: not listed at `thisUpdate`, by the newest list in date. */
export interface RevocationState {
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/**
 * The intermediate is on no list that the root signed, whatever its date, and one of those lists is current.
 * Lists by others are no evidence about this chain; none at all is `not-evaluated`.
 * @throws WardroundError `snp-crl-issuer`, `snp-crl-signature`, `snp-revoked`, `snp-crl-not-yet-valid`, `snp-crl-expired`
 */
export function requireNotRevoked(chain: SnpChain, crls: readonly RevocationList[], at: Date): RevocationState {
  if (crls.length === 0) throw new NotEvaluated('no CRL given');
  const own = crls.filter((crl) => crl.issuer === chain.root.subject);
  if (own.length === 0)
    throw new WardroundError('snp-crl-issuer', `no CRL of ${chain.root.commonName} among those given`);
  for (const crl of own) requireOwnSignature(crl, chain.root);
  if (own.some((crl) => crl.revoked.has(chain.intermediate.serial))) {
    throw new WardroundError('snp-revoked', `${chain.intermediate.commonName} is revoked`, {
      got: `serial ${chain.intermediate.serial}`,
      action: 'stop',
    });
  }
  return newestCurrent(own, at);
}

function requireOwnSignature(crl: RevocationList, root: Certificate): void {
  try {
    requireCrlSignedBy(crl, root, rsa4096PssSha384);
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw new WardroundError('snp-crl-signature', error.message, { cause: error, action: 'stop' });
  }
}

function newestCurrent(crls: readonly RevocationList[], at: Date): RevocationState {
  const begun = crls.filter((crl) => crl.thisUpdate <= at);
  const current = begun.filter((crl) => at <= crl.nextUpdate);
  const newest = current.toSorted((left, right) => right.thisUpdate.getTime() - left.thisUpdate.getTime())[0];
  if (newest !== undefined) return { thisUpdate: newest.thisUpdate, nextUpdate: newest.nextUpdate };
  const detail = {
    got: at.toISOString(),
    expected: crls.map((crl) => `${crl.thisUpdate.toISOString()} to ${crl.nextUpdate.toISOString()}`).join(', '),
  };
  if (begun.length === 0) throw new WardroundError('snp-crl-not-yet-valid', 'the CRL is not valid yet', detail);
  throw new WardroundError('snp-crl-expired', 'the CRL is out of date', detail);
}
