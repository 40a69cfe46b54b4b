// Certificate revocation lists (RFC 5280 section 5): parsed strictly, then judged against their issuer and the clock.
import 'reflect-metadata';
import { X509Crl } from '@peculiar/x509';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, equalBytes, sha256, toHex } from '@wardround/protocol/bytes';
import type { Certificate } from './certificate.ts';
import { derTags, readAll, readSingle } from './der.ts';
import type { DerElement } from './der.ts';
import { readTime, timeTags } from './der-time.ts';
import { ParsedOnce } from './parsed-once.ts';
import { readArmoured } from './pem.ts';
import type { SignatureAlgorithm, SignatureScheme } from './signature-scheme.ts';
import { readSignatureAlgorithm, signatureHolds } from './signature-scheme.ts';

export interface RevocationList {
  readonly issuer: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Lower-case hex serials. */
  readonly revoked: ReadonlySet<string>;
  readonly signed: Bytes;
  readonly signature: Bytes;
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const limits = { label: 'X509 CRL', maxInputBytes: 262_144, maxObjects: 64 } as const;
/** A critical extension we do not understand would change what the list means (a delta, another issuer's entries). */
const understoodCritical: ReadonlySet<string> = new Set();

/** Every CRL in `inputs` (PEM or DER by content). @throws WardroundError `crl-malformed`, `pem-malformed`, `pem-too-large` */
export function parseCrls(inputs: readonly Uint8Array[]): readonly RevocationList[] {
  return readArmoured(inputs, limits).map(parseCrl);
}

/** One DER CRL, whole. @throws WardroundError `crl-malformed` */
export function parseCrl(der: Uint8Array): RevocationList {
  return parsedOnce.get(toHex(sha256(der)), () => parseNew(copyBytes(der)));
}

/** Lists have up to 256 KiB: a verifier holds at most 8 MiB of them. */
const parsedOnce = new ParsedOnce<RevocationList>(32);

function parseNew(der: Bytes): RevocationList {
  try {
    return describe(der);
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'crl-malformed') throw error;
    throw new WardroundError('crl-malformed', 'not a revocation list that can be read', { cause: error });
  }
}

function describe(der: Bytes): RevocationList {
  const { signed, signature } = readEnvelope(der);
  const parsed = new X509Crl(der);
  requireUnderstood(parsed.extensions);
  for (const entry of parsed.entries) requireUnderstood(entry.extensions);
  return {
    issuer: toHex(new Uint8Array(parsed.issuerName.toArrayBuffer())),
    ...readDates(signed),
    revoked: new Set(parsed.entries.map((entry) => entry.serialNumber.toLowerCase())),
    signed,
    signature,
    signatureAlgorithm: readSignatureAlgorithm(parsed.signatureAlgorithm),
  };
}

/** RFC 5280, 5.1.2: the two instants of a TBSCertList; a list without an end would never run out. */
function readDates(signed: Bytes): Pick<RevocationList, 'thisUpdate' | 'nextUpdate'> {
  const times = readAll(readSingle(signed).value).filter(
    ({ tag }) => tag === timeTags.utc || tag === timeTags.generalized,
  );
  const [thisUpdate, nextUpdate, ...more] = times.map(readTime);
  if (times.length === 1) throw malformed('no next update');
  if (thisUpdate === undefined || nextUpdate === undefined || more.length > 0)
    throw malformed('dates that are not two instants');
  return { thisUpdate, nextUpdate };
}

/** The signed bytes as they came, never re-encoded; the algorithm inside must be the one outside (RFC 5280, 5.1.1.2). */
function readEnvelope(der: Bytes): { signed: Bytes; signature: Bytes } {
  const outer = readSingle(der);
  const [list, algorithm, signature, ...rest] = readAll(outer.value);
  if (outer.tag !== derTags.sequence || list === undefined || algorithm === undefined || signature === undefined) {
    throw malformed('not three parts');
  }
  if (rest.length > 0) throw malformed('more than three parts');
  const innerAlgorithm = readAll(list.value).find((element) => element.tag === derTags.sequence);
  if (innerAlgorithm === undefined || !equalBytes(innerAlgorithm.encoded, algorithm.encoded)) {
    throw malformed('two different signature algorithms');
  }
  return { signed: list.encoded, signature: wholeBits(signature) };
}

function wholeBits(element: DerElement): Bytes {
  if (element.tag !== derTags.bitString || element.value[0] !== 0) throw malformed('no signature of whole bytes');
  return element.value.slice(1);
}

function requireUnderstood(extensions: readonly { readonly type: string; readonly critical: boolean }[]): void {
  const seen = new Set<string>();
  for (const { type, critical } of extensions) {
    if (seen.has(type)) throw malformed(`extension ${type} twice`);
    if (critical && !understoodCritical.has(type))
      throw malformed(`critical extension ${type}, which we do not understand`);
    seen.add(type);
  }
}

/** Refuses unless `issuer` may sign revocation lists and signed this one. @throws WardroundError `crl-signature` */
export function requireCrlSignedBy(crl: RevocationList, issuer: Certificate, scheme: SignatureScheme): void {
  const refuse = (got: string): never => {
    throw new WardroundError('crl-signature', `revocation list is not signed by ${issuer.commonName}`, { got });
  };
  if (crl.issuer !== issuer.subject) refuse('another issuer name');
  if (!issuer.authority.maySignCrl) refuse('an issuer that may not sign revocation lists');
  if (!scheme.fits(issuer.publicKey) || crl.signatureAlgorithm !== scheme.algorithm)
    refuse(`another algorithm than ${scheme.keyName}, ${scheme.name}`);
  if (!signatureHolds(scheme, issuer.publicKey, crl)) refuse('a signature that does not verify');
}

function malformed(got: string): WardroundError {
  return new WardroundError('crl-malformed', 'not a revocation list that can be accepted', { got });
}
