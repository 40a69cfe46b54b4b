// VERIFY: is this quote signed by a genuine platform of a trusted vendor, and what does the vendor say about its TCB? What the TD is, and
// whether that TCB will do, is judged in `validate`.
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import { concatBytes, equalBytes, sha256, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { requireInstant } from '../clock.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { NotEvaluated, allOk, failedSteps, need } from '../steps.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { PckChain } from './chain.ts';
import { readQuoteCertificates, requireValidAt, verifyCrlChain, verifyPckChain } from './chain.ts';
import type { Endorsed, TdxCollateral } from './collateral.ts';
import { endorsedQeIdentity, endorsedTcbInfo, requireCurrent } from './collateral.ts';
import type { Pck } from './pck.ts';
import { readPck } from './pck.ts';
import type { QeIdentity } from './qe-identity.ts';
import { qeLevel } from './qe-identity.ts';
import type { TdxQuote } from './quote.ts';
import { parseTdxQuote, requireZeroPadding } from './quote.ts';
import type { TdxRevocation } from './revocation.ts';
import { requireNotRevoked } from './revocation.ts';
import type { ExplainedRtmrs } from './rtmr-log.ts';
import { explainRtmrs } from './rtmr-log.ts';
import type { TdxRoot } from './roots.ts';
import type { TcbInfo } from './tcb-info.ts';
import { moduleLevel, platformLevel, requirePlatform } from './tcb-info.ts';
import type { TcbParts, TcbVerdict } from './tcb-status.ts';
import { worstOf } from './tcb-status.ts';

export interface TdxEvidence {
  readonly quote: Uint8Array;
  readonly collateral: TdxCollateral;
  /** The site's own mirror of revocation lists, PEM or DER, judged together with those of the collateral. */
  readonly extraCrls: readonly Uint8Array[];
  /** The CC event log (CCEL) as firmware left it, where there is one. */
  readonly eventLog: Uint8Array | undefined;
  readonly at: Date;
  readonly roots: readonly TdxRoot[];
}

/** What each step proved. `authentic` is the verdict; the rest is for those who judge what the quote says. */
export interface TdxAppraisal {
  readonly authentic: boolean;
  readonly quote: Outcome<TdxQuote>;
  readonly pck: Outcome<Pck>;
  readonly chain: Outcome<PckChain>;
  readonly tcbInfo: Outcome<Endorsed<TcbInfo>>;
  readonly qeIdentity: Outcome<Endorsed<QeIdentity>>;
  readonly revocation: Outcome<TdxRevocation>;
  /** Where each part stands among its levels. */
  readonly levels: { readonly [Part in keyof TcbParts]: Outcome<TcbParts[Part]> };
  readonly tcb: Outcome<TdxTcb>;
  /** Not held where no log was given; a policy whose images are `replayed` then refuses. */
  readonly rtmrs: Outcome<ExplainedRtmrs>;
}

/** The vendor's verdict on each part, and the one that follows. */
export interface TdxTcb extends TcbVerdict {
  readonly parts: TcbParts;
}

/** Every one of these must be `ok` for a quote to be authentic. */
export const tdxAuthenticitySteps = [
  'quote-format',
  'quote-padding',
  'certificates',
  'pck',
  'chain',
  'validity',
  'qe-report-signature',
  'qe-report-data',
  'quote-signature',
] as const;

/** These may be `not-evaluated` where collateral was not given, which a policy then refuses; none may fail. */
export const tdxCollateralSteps = [
  'tcb-info',
  'tcb-info-current',
  'qe-identity',
  'qe-identity-current',
  'crl-chain',
  'revocation',
  'tcb-info-platform',
  'platform-tcb',
  'tdx-module',
  'qe-enclave',
  'tcb-status',
] as const;

/** May be `not-evaluated`: a policy needs it only for registers that it wants explained. A log that is given must hold. */
export const tdxEventLogStep = 'event-log';

/**
 * Makes every step of authenticity and of collateral in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifyTdx(evidence: TdxEvidence, log: StepLog): TdxAppraisal {
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const quote = log.run('quote-format', () => parseTdxQuote(evidence.quote));
  log.run('quote-padding', (note) => notePadding(requireZeroPadding(need(quote)), note));
  const certificates = log.run('certificates', () => readQuoteCertificates(need(quote).pckChain));
  const pck = log.run('pck', () => readPck(need(certificates)[0]));
  const chain = log.run('chain', () => verifyPckChain(need(pck), need(certificates), evidence.roots));
  log.run('validity', () => requireValidAt(need(certificates), at));
  log.run('qe-report-signature', () => requireQeSignature(need(quote), need(pck)));
  log.run('qe-report-data', () => requireQeBinding(need(quote)));
  log.run('quote-signature', () => requireQuoteSignature(need(quote)));
  const judged = judgeCollateral(evidence, { quote, pck, chain }, log);
  const rtmrs = log.run(tdxEventLogStep, (note) => explain(need(quote), evidence.eventLog, note));
  const steps = log.steps.slice(before);
  const authentic = allOk(steps, tdxAuthenticitySteps) && failedSteps(steps).length === 0;
  return { authentic, quote, pck, chain, ...judged, rtmrs };
}

type FromQuote = Pick<TdxAppraisal, 'quote' | 'pck' | 'chain'>;
type FromCollateral = Pick<TdxAppraisal, 'tcbInfo' | 'qeIdentity' | 'revocation' | 'levels' | 'tcb'>;

function judgeCollateral(evidence: TdxEvidence, { quote, pck, chain }: FromQuote, log: StepLog): FromCollateral {
  const { collateral, at } = evidence;
  const tcbInfo = log.run('tcb-info', () => endorsedTcbInfo(collateral, need(chain)));
  log.run('tcb-info-current', () => requireCurrent(need(tcbInfo), at));
  const qeIdentity = log.run('qe-identity', () => endorsedQeIdentity(collateral, need(chain)));
  log.run('qe-identity-current', () => requireCurrent(need(qeIdentity), at));
  const crlChain = log.run('crl-chain', () => requireCrlChain(collateral, need(chain), at));
  const revocation = log.run('revocation', () => {
    const signers = [tcbInfo, qeIdentity].flatMap((item) => (item.held ? [item.value.signer] : []));
    const crls = { pckCrl: collateral.pckCrl, rootCrl: collateral.rootCrl, extra: evidence.extraCrls };
    return requireNotRevoked(need(chain), crls, {
      at,
      signers: crlChain.held ? [...signers, crlChain.value] : signers,
    });
  });
  const info = log.run('tcb-info-platform', () => {
    const { document } = need(tcbInfo);
    requirePlatform(document, need(pck));
    return document;
  });
  const platform = log.run('platform-tcb', () => platformLevel(need(info), need(pck), need(quote).td));
  const module = log.run('tdx-module', () => moduleLevel(need(info), need(quote).td));
  const qe = log.run('qe-enclave', () => qeLevel(need(qeIdentity).document, need(quote).qe));
  const tcb = log.run('tcb-status', (note) =>
    converge({ platform: need(platform), module: need(module), qe: need(qe) }, note),
  );
  return { tcbInfo, qeIdentity, revocation, levels: { platform, module, qe }, tcb };
}

function notePadding(length: number, note: Note): void {
  if (length > 0) note(`${length} zero bytes follow the quote`);
}

function requireQeSignature({ qe, qeSignature }: TdxQuote, { certificate }: Pck): void {
  if (verify('sha256', qe.bytes, { key: certificate.publicKey, dsaEncoding: 'ieee-p1363' }, qeSignature)) return;
  throw new WardroundError('tdx-qe-signature', 'the PCK did not sign the quoting enclave’s report', {
    action: 'stop',
  });
}

/** The quoting enclave vouches for exactly this attestation key; what its report holds besides is zero. */
function requireQeBinding({ qe, attestationKey, authData }: TdxQuote): void {
  const expected = concatBytes(sha256(attestationKey, authData), new Uint8Array(32));
  if (equalBytes(qe.reportData, expected)) return;
  throw new WardroundError('tdx-qe-binding', 'the quoting enclave does not vouch for this attestation key', {
    expected: toHex(expected),
    got: toHex(qe.reportData),
    action: 'stop',
  });
}

function requireQuoteSignature({ signed, signature, attestationKey }: TdxQuote): void {
  const key = publicKeyOf(attestationKey);
  if (verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)) return;
  throw new WardroundError('tdx-quote-signature', 'the signature over the quote does not verify', { action: 'stop' });
}

/** @param point x ‖ y */
function publicKeyOf(point: Uint8Array): KeyObject {
  const [x, y] = [toBase64Url(point.subarray(0, 32)), toBase64Url(point.subarray(32, 64))];
  try {
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  } catch (cause) {
    throw new WardroundError('tdx-attestation-key', 'the attestation key is no point of P-256', { cause });
  }
}

function requireCrlChain({ pckCrlIssuerChain }: TdxCollateral, chain: PckChain, at: Date): Certificate {
  if (pckCrlIssuerChain.length === 0) throw new NotEvaluated('no issuer chain of the PCK CRL given');
  const { signer, root } = verifyCrlChain(pckCrlIssuerChain, chain);
  requireValidAt([signer, root], at);
  return signer;
}

function explain({ td }: TdxQuote, eventLog: Uint8Array | undefined, note: Note): ExplainedRtmrs {
  if (eventLog === undefined) throw new NotEvaluated('no event log given');
  return explainRtmrs(td, eventLog, note);
}

/** Keys of a revoked TCB may be anybody's: no policy can allow it. */
function converge(parts: TcbParts, note: Note): TdxTcb {
  const verdict = worstOf(parts);
  if (verdict.status === 'Revoked')
    throw new WardroundError('tdx-tcb-revoked', 'Intel has revoked this TCB: its keys may be anybody’s', {
      got: verdict.advisoryIds.join(', '),
      action: 'stop',
    });
  const { status, advisoryIds } = verdict;
  note(advisoryIds.length === 0 ? status : `${status}: ${advisoryIds.join(', ')}`);
  return { ...verdict, parts };
}
