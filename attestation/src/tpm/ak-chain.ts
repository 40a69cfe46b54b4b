// From an attestation key's certificate to a pinned root of whoever makes or hosts the TPM.
import { WardroundError } from '@wardround/protocol/errors';
import { requireTrusted } from '../roots.ts';
import { NotEvaluated } from '../steps.ts';
import type { Certificate } from '../x509/certificate.ts';
import { requireIssuedBy } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import { requireCrlSignedBy } from '../x509/crl.ts';
import { signingUsage } from '../x509/key-usage.ts';
import type { SignatureScheme } from '../x509/signature-scheme.ts';
import { ecdsaP256Sha256, ecdsaP384Sha384, rsaPkcs1Sha256 } from '../x509/signature-scheme.ts';
import type { AttestationKey } from './attestation-key.ts';
import type { TpmRoot } from './roots.ts';

export interface AkChain {
  /** Leaf first, root last. */
  readonly certificates: readonly Certificate[];
  readonly root: TpmRoot;
}

/** TPM makers and clouds sign with one of these; anything else is refused, however well it verifies. */
const schemes: readonly SignatureScheme[] = [rsaPkcs1Sha256, ecdsaP256Sha256, ecdsaP384Sha384];
const maxChain = 5;

/**
 * Builds the one chain by names, and checks each link. A bare key is `not-evaluated`: nobody says whose it is.
 * @throws WardroundError `tpm-ak-chain-incomplete`, `tpm-ak-chain-ambiguous`, `tpm-ak-root-untrusted`, `tpm-ak-chain`
 */
export function verifyAkChain({ leaf, certificates }: AttestationKey, roots: readonly TpmRoot[]): AkChain {
  if (leaf === undefined) throw new NotEvaluated('a bare key was given: whose it is, nobody says');
  if (leaf.authority.mayIssue) throw chainError('an authority’s certificate where a TPM key’s belongs');
  // The authorities certify endorsement keys too, which decrypt. That the key is restricted (a TPM then signs nothing foreign that begins like a
  // quote) is the authority's word alone: no certificate of theirs that was seen says it in a field.
  if (signingUsage(leaf) === 'other') throw chainError('a certificate of a key that is not for signing');
  const chain = [leaf];
  for (let last = leaf; last.issuer !== last.subject;) {
    if (chain.length >= maxChain) throw chainError(`more than ${maxChain} certificates`);
    const issuer = onlyNamed(certificates, last);
    requireLink(last, issuer);
    chain.push(issuer);
    last = issuer;
  }
  const root = chain.at(-1) ?? leaf;
  if (root === leaf) throw chainError('a certificate that vouches for itself');
  const trusted = requireTrusted(root.fingerprint, roots, 'tpm-ak-root-untrusted');
  requireLink(root, root);
  return { certificates: chain, root: trusted };
}

function onlyNamed(certificates: readonly Certificate[], { issuer, commonName }: Certificate): Certificate {
  const named = [...new Map(certificates.map((each) => [each.fingerprint, each])).values()].filter(
    ({ subject }) => subject === issuer,
  );
  const [only] = named;
  if (only === undefined)
    throw new WardroundError('tpm-ak-chain-incomplete', `the issuer of ${commonName} was not given`);
  if (named.length > 1)
    throw new WardroundError('tpm-ak-chain-ambiguous', `more than one issuer of ${commonName} was given`);
  return only;
}

function requireLink(certificate: Certificate, issuer: Certificate): void {
  try {
    requireIssuedBy(certificate, issuer, schemeOf(certificate));
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'certificate-not-issued')
      throw chainError(error.message, error);
    throw error;
  }
}

function schemeOf({ signatureAlgorithm }: Pick<Certificate, 'signatureAlgorithm'>): SignatureScheme {
  const scheme = schemes.find(({ algorithm }) => algorithm === signatureAlgorithm);
  if (scheme === undefined) throw chainError('a signature algorithm that is not accepted');
  return scheme;
}

function chainError(got: string, cause?: unknown): WardroundError {
  return new WardroundError('tpm-ak-chain', 'the attestation key’s certificates do not form a chain', {
    got,
    cause,
    action: 'stop',
  });
}

/** Every certificate is within its dates. @throws WardroundError `tpm-ak-not-yet-valid`, `tpm-ak-expired` */
export function requireAkChainValidAt({ certificates }: AkChain, at: Date): void {
  for (const { commonName, notBefore, notAfter } of certificates) {
    const window = {
      expected: `${notBefore.toISOString()} to ${notAfter.toISOString()}`,
      got: at.toISOString(),
      where: commonName,
    };
    if (at < notBefore) throw new WardroundError('tpm-ak-not-yet-valid', 'a certificate is not valid yet', window);
    if (at > notAfter) throw new WardroundError('tpm-ak-expired', 'a certificate has expired', window);
  }
}

/**
 * No certificate is on a list that its issuer signed, and each issuer has a list in date. No list at all is `not-evaluated`.
 * @throws WardroundError `tpm-ak-revoked`, `tpm-ak-crl-missing`, `tpm-ak-crl-signature`, `tpm-ak-crl-stale`
 */
export function requireAkNotRevoked({ certificates }: AkChain, crls: readonly RevocationList[], at: Date): void {
  if (crls.length === 0) throw new NotEvaluated('no CRL given');
  for (const [index, certificate] of certificates.slice(0, -1).entries()) {
    const issuer = certificates[index + 1];
    if (issuer === undefined) continue;
    const own = crls.filter((crl) => crl.issuer === issuer.subject);
    if (own.length === 0)
      throw new WardroundError('tpm-ak-crl-missing', `no CRL of ${issuer.commonName} among those given`);
    for (const crl of own) requireOwn(crl, issuer);
    if (own.some((crl) => crl.revoked.has(certificate.serial))) {
      throw new WardroundError('tpm-ak-revoked', `${certificate.commonName} is revoked`, {
        got: `serial ${certificate.serial}`,
        action: 'stop',
      });
    }
    if (!own.some((crl) => crl.thisUpdate <= at && at <= crl.nextUpdate))
      throw new WardroundError('tpm-ak-crl-stale', `no CRL of ${issuer.commonName} is in date`, {
        got: at.toISOString(),
        action: 'retry',
      });
  }
}

function requireOwn(crl: RevocationList, issuer: Certificate): void {
  const scheme = schemes.find(({ algorithm }) => algorithm === crl.signatureAlgorithm);
  try {
    if (scheme === undefined) throw new WardroundError('crl-signature', 'a signature algorithm that is not accepted');
    requireCrlSignedBy(crl, issuer, scheme);
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw new WardroundError('tpm-ak-crl-signature', error.message, { cause: error, action: 'stop' });
  }
}
