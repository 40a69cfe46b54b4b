// NVIDIA's collateral: reference manifests (RIMs), and OCSP answers about single certificates.
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toBase64Url } from '@wardround/protocol/bytes';
import type { NvidiaChain } from '../nvidia/chain.ts';
import { parseNvidiaCertificates, verifySignerChain } from '../nvidia/chain.ts';
import { openRim, verifyRimChain, verifyRimSignature } from '../nvidia/rim/verify.ts';
import { trustedNvidiaRoots } from '../nvidia/roots.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { OcspAnswer, OcspResponse } from '../x509/ocsp.ts';
import { parseOcspResponse, requireGood } from '../x509/ocsp.ts';
import { ecdsaP384Sha384 } from '../x509/signature-scheme.ts';
import type { KeyOf } from './item-key.ts';
import type { CollateralRoots, ItemFiles, VerifiedItem } from './verified-item.ts';
import { needChain, otherItem, windowOf } from './verified-item.ts';

/**
 * Nothing signs a manifest's id: it only has to end in the version that the manifest is for.
 * @throws WardroundError of `openRim`, `verifyRimChain`, `verifyRimSignature`; `collateral-other-item`
 */
export function verifyNvidiaRim(
  key: KeyOf<'nvidiaRim'>,
  { content }: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const opened = openRim({ xml: content, id: key.id });
  const { certificates, leaf, trust } = verifyRimChain(opened, trustedNvidiaRoots(simulated).rim);
  const { version } = verifyRimSignature(opened);
  const ends = [version, version.replaceAll('.', '')].map((text) => `_${text}`.toUpperCase());
  if (!ends.some((end) => key.id.toUpperCase().endsWith(end))) throw otherItem(key, `a manifest for ${version}`);
  return {
    key,
    edition: [leaf.notBefore.getTime()],
    issued: leaf.notBefore,
    ...windowOf(certificates),
    simulated: trust.kind === 'simulated',
    revoked: false,
    endorsements: [{ type: 'rim', id: key.id, xml: new TextDecoder('utf-8', { fatal: true }).decode(content) }],
    intel: null,
  };
}

/** The manifest's own signers, leaf first, for asking whether they are revoked. @throws as {@link verifyNvidiaRim} */
export function rimSigners(content: Bytes, { simulated }: CollateralRoots): readonly Certificate[] {
  return verifyRimChain(openRim({ xml: content }), trustedNvidiaRoots(simulated).rim).certificates;
}

/**
 * An answer that says `revoked` is as genuine as one that says `good`, and replaces it: otherwise the mirror would go on vouching for what it
 * knows to be revoked. `unknown` says nothing and does not enter.
 * @throws WardroundError `ocsp-*`, `nvidia-chain`, `nvidia-root-untrusted`, `collateral-*`
 */
export function verifyNvidiaOcsp(
  key: KeyOf<'nvidiaOcsp'>,
  files: ItemFiles,
  { simulated }: CollateralRoots,
): VerifiedItem {
  const { certificate, issuer, chain } = readQuestion(key, needChain(key, files), simulated);
  const response = parseOcspResponse(files.content);
  const [answer, ...more] = response.answers;
  if (answer === undefined || more.length > 0) throw otherItem(key, `${response.answers.length} answers in one`);
  const revoked = isRevoked(key, { certificate, issuer, response, answer });
  const own = { notBefore: answer.thisUpdate, notAfter: answer.nextUpdate };
  return {
    key,
    edition: [answer.thisUpdate.getTime()],
    issued: answer.thisUpdate,
    ...windowOf([certificate, issuer, ...response.certificates, own]),
    simulated: chain.trust.kind === 'simulated',
    revoked,
    endorsements: [{ type: 'ocsp', response: toBase64Url(copyBytes(files.content)) }],
    intel: null,
  };
}

interface Judged {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly response: OcspResponse;
  readonly answer: OcspAnswer;
}

/** Judged as of the answer's own time: its dates are for later. The signature is checked before the status is looked at. */
function isRevoked(key: KeyOf<'nvidiaOcsp'>, { certificate, issuer, response, answer }: Judged): boolean {
  const question = { certificate, issuer, scheme: ecdsaP384Sha384, at: answer.thisUpdate };
  try {
    if (requireGood(question, [response]) === undefined) throw otherItem(key, 'an answer about another certificate');
    return false;
  } catch (error) {
    if (hasCode(error, 'ocsp-revoked')) return true;
    throw error;
  }
}

/** The certificate that is asked about, and its issuer, in a whole chain that ends in one of NVIDIA's roots. */
function readQuestion(
  key: KeyOf<'nvidiaOcsp'>,
  bytes: Bytes,
  simulated: readonly string[],
): { readonly certificate: Certificate; readonly issuer: Certificate; readonly chain: NvidiaChain } {
  const { device, rim } = trustedNvidiaRoots(simulated);
  const chain = verifySignerChain(parseNvidiaCertificates([bytes]), [...device, ...rim]);
  const position = chain.certificates.findIndex(({ fingerprint }) => fingerprint === key.certificate);
  const certificate = chain.certificates[position];
  const issuer = chain.certificates[position + 1];
  if (certificate !== undefined && issuer !== undefined) return { certificate, issuer, chain };
  throw new WardroundError('collateral-chain-missing', 'the certificate and its issuer are not in the chain', {
    where: key.certificate,
  });
}
