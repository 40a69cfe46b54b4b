// AMD's collateral: intermediate and root, revocation lists, chips' certificates (AMD 57230, the KDS interface).
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url, toHex } from '@wardround/protocol/bytes';
import type { TrustedRoot } from '../roots.ts';
import { requireTrusted, trustedRoots } from '../roots.ts';
import { verifySnpChain } from '../snp/chain.ts';
import { findSnpLeaf } from '../snp/leaf.ts';
import type { SnpProduct } from '../snp/product.ts';
import { differingComponents } from '../snp/tcb.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates, requireIssuedBy } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import { parseCrl, requireCrlSignedBy } from '../x509/crl.ts';
import { readArmoured } from '../x509/pem.ts';
import { rsa4096PssSha384 } from '../x509/signature-scheme.ts';
import type { AmdSigner, ItemKey, KeyOf } from './item-key.ts';
import type { CollateralRoots, ItemFiles, VerifiedItem } from './verified-item.ts';
import { needChain, otherItem, windowOf } from './verified-item.ts';

interface Authority {
  readonly intermediate: Certificate;
  readonly root: Certificate;
  readonly trust: TrustedRoot;
}

/** @throws WardroundError `snp-root-untrusted`, `certificate-not-issued`, `collateral-other-item`, and those of the parser */
export function verifyAmdCertChain(
  key: KeyOf<'amdCertChain'>,
  { content }: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const { intermediate, root, trust } = readAuthority(key, content, trustedRoots(simulated));
  return {
    key,
    edition: [intermediate.notBefore.getTime()],
    issued: intermediate.notBefore,
    ...windowOf([intermediate, root]),
    simulated: trust.kind === 'simulated',
    revoked: false,
    endorsements: [intermediate, root].map(certificateEndorsement),
    intel: null,
  };
}

/** @throws WardroundError `crl-malformed`, `crl-signature`, `collateral-chain-missing`, and those of {@link verifyAmdCertChain} */
export function verifyAmdCrl(key: KeyOf<'amdCrl'>, files: ItemFiles, { simulated }: CollateralRoots): VerifiedItem {
  const { root, trust } = readAuthority(key, needChain(key, files), trustedRoots(simulated));
  const { der, crl } = readOnlyCrl(files.content);
  requireCrlSignedBy(crl, root, rsa4096PssSha384);
  return {
    key,
    edition: [crl.thisUpdate.getTime()],
    issued: crl.thisUpdate,
    ...windowOf([root, { notBefore: crl.thisUpdate, notAfter: crl.nextUpdate }]),
    simulated: trust.kind === 'simulated',
    revoked: false,
    endorsements: [{ type: 'crl', der: toBase64Url(der) }],
    intel: null,
  };
}

/** @throws WardroundError those of `findSnpLeaf` and `verifySnpChain`, `collateral-other-item`, `collateral-chain-missing` */
export function verifyAmdVcek(key: KeyOf<'amdVcek'>, files: ItemFiles, { simulated }: CollateralRoots): VerifiedItem {
  const given = parseCertificates([files.content]);
  const leaf = findSnpLeaf(given);
  if (given.length !== 1) throw otherItem(key, `${given.length} certificates`);
  const named = `${leaf.kind} ${leaf.product} ${leaf.hardwareId === undefined ? '' : toHex(leaf.hardwareId)}`;
  if (named !== `VCEK ${key.product} ${key.chipId}`) throw otherItem(key, named);
  const differing = differingComponents(leaf.tcb, key.tcb);
  if (differing.length > 0) throw otherItem(key, `another TCB: ${differing.join(', ')}`);
  const roots = trustedRoots(simulated);
  const { intermediate, root } = readAuthority({ ...key, signer: 'vcek' }, needChain(key, files), roots);
  const chain = verifySnpChain(leaf, [leaf.certificate, intermediate, root], roots);
  return {
    key,
    edition: [leaf.certificate.notBefore.getTime()],
    issued: leaf.certificate.notBefore,
    ...windowOf([leaf.certificate, intermediate, root]),
    simulated: chain.trust.kind === 'simulated',
    revoked: false,
    endorsements: [certificateEndorsement(leaf.certificate)],
    intel: null,
  };
}

/** Exactly AMD's intermediate for this kind of signer and its root, whose fingerprint is pinned for this product. */
function readAuthority(
  key: ItemKey & { readonly product: SnpProduct; readonly signer: AmdSigner },
  bytes: Bytes,
  roots: readonly TrustedRoot[],
): Authority {
  const certificates = parseCertificates([bytes]);
  const intermediate = onlyNamed(certificates, intermediateName(key));
  const root = onlyNamed(certificates, `ARK-${key.product}`);
  if (intermediate === undefined || root === undefined || certificates.length !== 2) {
    throw otherItem(key, certificates.map(({ commonName }) => commonName).join(', '));
  }
  const trust = requireTrusted(root.fingerprint, roots, 'snp-root-untrusted');
  if (trust.kind === 'genuine' && trust.product !== key.product) throw otherItem(key, `the root of ${trust.product}`);
  requireIssuedBy(root, root, rsa4096PssSha384);
  requireIssuedBy(intermediate, root, rsa4096PssSha384);
  return { intermediate, root, trust };
}

/** The intermediate's common name. */
export function intermediateName({ product, signer }: { product: SnpProduct; signer: AmdSigner }): string {
  return signer === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`;
}

function onlyNamed(certificates: readonly Certificate[], commonName: string): Certificate | undefined {
  const named = certificates.filter((certificate) => certificate.commonName === commonName);
  return named.length === 1 ? named[0] : undefined;
}

/** @throws WardroundError `crl-malformed`, also for several lists in one file */
export function readOnlyCrl(bytes: Bytes): { readonly der: Bytes; readonly crl: RevocationList } {
  const ders = readArmoured([bytes], { label: 'X509 CRL', maxInputBytes: 262_144, maxObjects: 2 });
  const [der] = ders;
  if (der === undefined || ders.length !== 1) {
    throw new WardroundError('crl-malformed', 'not exactly one revocation list', { got: String(ders.length) });
  }
  return { der, crl: parseCrl(der) };
}

export function certificateEndorsement({ der }: Certificate): { type: 'certificate'; der: string } {
  return { type: 'certificate', der: toBase64Url(der) };
}
