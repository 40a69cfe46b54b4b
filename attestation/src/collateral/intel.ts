// Intel's collateral for TDX: TCB info, the quoting enclave's identity, revocation lists (PCS API v4).
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url } from '@wardround/protocol/bytes';
import { requireTrusted } from '../roots.ts';
import { readQeIdentity } from '../tdx/qe-identity.ts';
import { tdxRoots } from '../tdx/roots.ts';
import { readSignedJson, requireSignedBy } from '../tdx/signed-json.ts';
import { readTcbInfo } from '../tdx/tcb-info.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates, requireIssuedBy } from '../x509/certificate.ts';
import { requireCrlSignedBy } from '../x509/crl.ts';
import { ecdsaP256Sha256 } from '../x509/signature-scheme.ts';
import { readOnlyCrl } from './amd.ts';
import type { ItemKey, KeyOf } from './item-key.ts';
import type { CollateralRoots, IntelPart, ItemFiles, VerifiedItem } from './verified-item.ts';
import { needChain, otherItem, windowOf } from './verified-item.ts';

export const intelNames = {
  root: 'Intel SGX Root CA',
  tcbSigning: 'Intel SGX TCB Signing',
  platform: 'Intel SGX PCK Platform CA',
  processor: 'Intel SGX PCK Processor CA',
} as const;

/** @throws WardroundError `tdx-collateral-malformed`, `tdx-collateral-signature`, `tdx-root-untrusted`, `certificate-not-issued`, `collateral-*` */
export function verifyIntelTcbInfo(
  key: KeyOf<'intelTcbInfo'>,
  files: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const authority = readAuthority(key, needChain(key, files), { simulated, name: intelNames.tcbSigning });
  const json = readSignedJson(files.content, 'tcbInfo');
  requireSignedBy(json, authority, 'TCB info');
  const document = readTcbInfo(json.value);
  if (document.fmspc !== key.fmspc) throw otherItem(key, `intelTcbInfo ${document.fmspc}`);
  const text = textOf(key, files.content);
  return signedItem(key, {
    document,
    authority,
    intel: { part: 'tcbInfo', fmspc: key.fmspc, text, chain: derOf(authority) },
  });
}

/** @throws as {@link verifyIntelTcbInfo} */
export function verifyIntelQeIdentity(
  key: KeyOf<'intelQeIdentity'>,
  files: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const authority = readAuthority(key, needChain(key, files), { simulated, name: intelNames.tcbSigning });
  const json = readSignedJson(files.content, 'enclaveIdentity');
  requireSignedBy(json, authority, 'QE identity');
  const document = readQeIdentity(json.value);
  const text = textOf(key, files.content);
  return signedItem(key, { document, authority, intel: { part: 'qeIdentity', text, chain: derOf(authority) } });
}

/** @throws WardroundError `crl-malformed`, `crl-signature`, and those of the chain */
export function verifyIntelPckCrl(
  key: KeyOf<'intelPckCrl'>,
  files: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const authority = readAuthority(key, needChain(key, files), { simulated, name: intelNames[key.ca] });
  const part = (der: string): IntelPart => ({ part: 'pckCrl', ca: key.ca, der, chain: derOf(authority) });
  return listItem(key, { content: files.content, issuer: authority.signer, authority, part });
}

/** Its chain may be that of any item of Intel's: the root is in all of them. @throws as {@link verifyIntelPckCrl} */
export function verifyIntelRootCrl(
  key: KeyOf<'intelRootCrl'>,
  files: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const chain = needChain(key, files);
  const authority = readAuthority(key, chain, { simulated, name: signerName(chain) });
  const part = (der: string): IntelPart => ({ part: 'rootCrl', der });
  return listItem(key, { content: files.content, issuer: authority.root, authority, part });
}

interface Authority {
  readonly signer: Certificate;
  readonly root: Certificate;
  readonly simulated: boolean;
}

/** Exactly a signer of this name and Intel's root, in the order in which Intel sends them. */
function readAuthority(
  key: ItemKey,
  bytes: Bytes,
  { simulated, name }: { readonly simulated: readonly string[]; readonly name: string },
): Authority {
  const certificates = parseCertificates([bytes]);
  const [signer, root] = certificates;
  const names = certificates.map(({ commonName }) => commonName);
  if (signer === undefined || root === undefined || names.join() !== [name, intelNames.root].join()) {
    throw otherItem(key, names.join(', '));
  }
  const trust = requireTrusted(root.fingerprint, tdxRoots(simulated), 'tdx-root-untrusted');
  requireIssuedBy(root, root, ecdsaP256Sha256);
  requireIssuedBy(signer, root, ecdsaP256Sha256);
  if (!ecdsaP256Sha256.fits(signer.publicKey)) throw otherItem(key, 'a signer without a P-256 key');
  return { signer, root, simulated: trust.kind === 'simulated' };
}

function signerName(chain: Bytes): string {
  const name = parseCertificates([chain])[0]?.commonName ?? '';
  const known: readonly string[] = [intelNames.tcbSigning, intelNames.platform, intelNames.processor];
  return known.includes(name) ? name : intelNames.tcbSigning;
}

interface SignedParts {
  readonly document: {
    readonly tcbEvaluationDataNumber: number;
    readonly issueDate: Date;
    readonly nextUpdate: Date;
  };
  readonly authority: Authority;
  readonly intel: IntelPart;
}

/** A higher evaluation number is the newer one, whatever the dates: they are issued side by side for a while. */
function signedItem(key: ItemKey, { document, authority, intel }: SignedParts): VerifiedItem {
  const { tcbEvaluationDataNumber, issueDate, nextUpdate } = document;
  return {
    key,
    edition: [tcbEvaluationDataNumber, issueDate.getTime()],
    issued: issueDate,
    ...windowOf([authority.signer, authority.root, { notBefore: issueDate, notAfter: nextUpdate }]),
    simulated: authority.simulated,
    revoked: false,
    endorsements: [],
    intel,
  };
}

interface ListParts {
  readonly content: Bytes;
  readonly issuer: Certificate;
  readonly authority: Authority;
  readonly part: (der: string) => IntelPart;
}

function listItem(key: ItemKey, { content, issuer, authority, part }: ListParts): VerifiedItem {
  const { der, crl } = readOnlyCrl(content);
  requireCrlSignedBy(crl, issuer, ecdsaP256Sha256);
  return {
    key,
    edition: [crl.thisUpdate.getTime()],
    issued: crl.thisUpdate,
    ...windowOf([issuer, authority.root, { notBefore: crl.thisUpdate, notAfter: crl.nextUpdate }]),
    simulated: authority.simulated,
    revoked: false,
    endorsements: [{ type: 'crl', der: toBase64Url(der) }],
    intel: part(toBase64Url(der)),
  };
}

function derOf({ signer, root }: Authority): readonly string[] {
  return [signer, root].map(({ der }) => toBase64Url(der));
}

/** The bytes again as text; what is not UTF-8 would not come back as it was signed. */
function textOf(key: ItemKey, bytes: Bytes): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new WardroundError('tdx-collateral-malformed', 'not text', { where: key.kind, cause });
  }
}
