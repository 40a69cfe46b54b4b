// Which of the certificates were revoked: the PCK by its authority's list, that authority and the signers of collateral by the root's.
import { WardroundError } from '@wardround/protocol/errors';
import { NotEvaluated } from '../steps.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import { parseCrls, requireCrlSignedBy } from '../x509/crl.ts';
import { ecdsaP256Sha256 } from '../x509/signature-scheme.ts';
import type { PckChain } from './chain.ts';

export interface GivenCrls {
  /** Of the authority that issued the PCK. PEM or DER. */
  readonly pckCrl: Uint8Array | undefined;
  readonly rootCrl: Uint8Array | undefined;
  /** A site's own mirror; lists of other issuers in it are no evidence about this chain and are passed over. */
  readonly extra: readonly Uint8Array[];
}

export interface ListState {
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** What a revocation check proved: nothing is listed, by the newest list in date of each issuer. */
export interface TdxRevocation {
  readonly pck: ListState;
  readonly root: ListState;
}

/**
 * No certificate is on any list that its issuer signed, whatever the list's date, and one list of each issuer is current. What was
 * given and is spoiled, out of date or another issuer's is a refusal, even where the other list was not given.
 * @param signers of collateral, issued by the root
 * @throws WardroundError `crl-malformed`, `pem-malformed`, `pem-too-large`, `tdx-crl-issuer`, `tdx-crl-signature`, `tdx-revoked`,
 * `tdx-crl-not-yet-valid`, `tdx-crl-expired`
 */
export function requireNotRevoked(
  { leaf, intermediate, root }: PckChain,
  crls: GivenCrls,
  { at, signers }: { readonly at: Date; readonly signers: readonly Certificate[] },
): TdxRevocation {
  const extra = parseCrls(crls.extra);
  const pck = judge({ issuer: intermediate, subjects: [leaf], given: crls.pckCrl, extra, at });
  const own = judge({ issuer: root, subjects: [intermediate, root, ...signers], given: crls.rootCrl, extra, at });
  if (pck === undefined) throw new NotEvaluated(`no CRL of ${intermediate.commonName} given`);
  if (own === undefined) throw new NotEvaluated(`no CRL of ${root.commonName} given`);
  return { pck, root: own };
}

interface Question {
  readonly issuer: Certificate;
  readonly subjects: readonly Certificate[];
  readonly given: Uint8Array | undefined;
  readonly extra: readonly RevocationList[];
  readonly at: Date;
}

/** Undefined where no list of this issuer was given. */
function judge({ issuer, subjects, given, extra, at }: Question): ListState | undefined {
  const named = given === undefined ? [] : parseCrls([given]);
  const foreign = named.some((crl) => crl.issuer !== issuer.subject);
  if (foreign) throw new WardroundError('tdx-crl-issuer', `a CRL that is not of ${issuer.commonName}`);
  const own = [...named, ...extra.filter((crl) => crl.issuer === issuer.subject)];
  for (const crl of own) requireSigned(crl, issuer);
  for (const { commonName, serial } of subjects) {
    if (own.some((crl) => crl.revoked.has(serial)))
      throw new WardroundError('tdx-revoked', `${commonName} is revoked`, { got: `serial ${serial}`, action: 'stop' });
  }
  return own.length === 0 ? undefined : newestCurrent(own, issuer, at);
}

function requireSigned(crl: RevocationList, issuer: Certificate): void {
  try {
    requireCrlSignedBy(crl, issuer, ecdsaP256Sha256);
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw new WardroundError('tdx-crl-signature', error.message, { cause: error, action: 'stop' });
  }
}

function newestCurrent(crls: readonly RevocationList[], issuer: Certificate, at: Date): ListState {
  const begun = crls.filter((crl) => crl.thisUpdate <= at);
  const current = begun.filter((crl) => at <= crl.nextUpdate);
  const newest = current.toSorted((left, right) => right.thisUpdate.getTime() - left.thisUpdate.getTime())[0];
  if (newest !== undefined) return { thisUpdate: newest.thisUpdate, nextUpdate: newest.nextUpdate };
  const detail = {
    where: `CRL of ${issuer.commonName}`,
    got: at.toISOString(),
    expected: crls.map((crl) => `${crl.thisUpdate.toISOString()} to ${crl.nextUpdate.toISOString()}`).join(', '),
  };
  if (begun.length === 0) throw new WardroundError('tdx-crl-not-yet-valid', 'the CRL is not valid yet', detail);
  throw new WardroundError('tdx-crl-expired', 'the CRL is out of date', detail);
}
