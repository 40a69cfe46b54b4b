// VERIFY: is this report signed by a genuine chip (or a provider's key) of a trusted vendor? What it says is judged in `validate`.
import { verify } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates } from '../x509/certificate.ts';
import { requireInstant } from '../clock.ts';
import { parseCrls } from '../x509/crl.ts';
import type { TrustedRoot } from '../roots.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { allOk, failedSteps, need } from '../steps.ts';
import type { RevocationState, SnpChain } from './chain.ts';
import { requireChainValidAt, requireNotRevoked, verifySnpChain } from './chain.ts';
import type { SnpLeaf } from './leaf.ts';
import { findSnpLeaf } from './leaf.ts';
import type { SnpProduct } from './product.ts';
import { productOfCpuid } from './product.ts';
import type { SnpReport } from './report.ts';
import { parseSnpReport, signingKeys } from './report.ts';
import { decodeTcb, differingComponents, reservedTcbBytes } from './tcb.ts';

export interface SnpEvidence {
  readonly report: Uint8Array;
  /** Leaf and chain, PEM or DER by content, in any order. */
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly at: Date;
  readonly roots: readonly TrustedRoot[];
}

/** What each step proved. `authentic` is the verdict; the rest is for those who judge what the report says. */
export interface SnpAppraisal {
  readonly authentic: boolean;
  readonly report: Outcome<SnpReport>;
  readonly leaf: Outcome<SnpLeaf>;
  readonly chain: Outcome<SnpChain>;
  readonly product: Outcome<SnpProduct>;
  readonly revocation: Outcome<RevocationState>;
}

/** A bundle's endorsements, and the chips of a federation that a site's mirror holds. */
const maxCertificates = 512;

/** Every one of these must be `ok`; `revocation` alone may be `not-evaluated`, which the policy then refuses. */
export const snpAuthenticitySteps = [
  'report-format',
  'guest-request',
  'chip-key',
  'certificates',
  'leaf',
  'chain',
  'validity',
  'signing-key',
  'product',
  'reported-tcb',
  'chip-id',
  'signature',
] as const;

/**
 * Makes every step of authenticity in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifySnp(evidence: SnpEvidence, log: StepLog): SnpAppraisal {
  const { roots } = evidence;
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const report = log.run('report-format', () => parseSnpReport(evidence.report));
  log.run('guest-request', () => requireGuestRequest(need(report)));
  log.run('chip-key', () => requireChipKeyUnmasked(need(report)));
  const certificates = log.run('certificates', () => parseCertificates(evidence.certificates, maxCertificates));
  const leaf = log.run('leaf', () => findSnpLeaf(need(certificates), report.held ? report.value : undefined));
  const chain = log.run('chain', () => verifySnpChain(need(leaf), need(certificates), roots));
  log.run('validity', () => requireChainValidAt(need(chain), at));
  log.run('signing-key', () => requireSigningKey(need(report), need(leaf)));
  const product = log.run('product', () => requireProduct(need(report), need(leaf)));
  log.run('reported-tcb', () => requireReportedTcb(need(report), need(leaf), need(product)));
  log.run('chip-id', (note) => requireChipId(need(report), need(leaf), note));
  log.run('signature', () => requireSignature(need(report), need(leaf).certificate));
  const revocation = log.run('revocation', () => requireNotRevoked(need(chain), parseCrls(evidence.crls), at));
  const steps = log.steps.slice(before);
  const authentic = allOk(steps, snpAuthenticitySteps) && failedSteps(steps).length === 0;
  return { authentic, report, leaf, chain, product, revocation };
}

/** A report that the host asked for says nothing about what the guest wanted said. */
function requireGuestRequest({ vmpl }: SnpReport): void {
  if (vmpl <= 3) return;
  const who = vmpl === 0xffff_ffff ? 'the host' : `level ${vmpl}`;
  throw new WardroundError('snp-requested-by-host', 'the report was not requested by the guest', {
    expected: 'VMPL 0 to 3',
    got: who,
  });
}

function requireChipKeyUnmasked({ chipKeyMasked }: SnpReport): void {
  if (chipKeyMasked)
    throw new WardroundError('snp-chip-key-masked', 'the host masked the chip key: the report is not signed');
}

function requireSigningKey({ signingKey }: SnpReport, { kind }: SnpLeaf): void {
  const expected = kind === 'VCEK' ? signingKeys.vcek : signingKeys.vlek;
  if (signingKey === expected) return;
  throw new WardroundError('snp-signing-key', 'the report names another kind of signing key than its certificate', {
    expected: `${expected} (${kind})`,
    got: String(signingKey),
  });
}

/** Version 2 has no CPUID: there the chain alone tells the product. */
function requireProduct({ cpuid }: SnpReport, leaf: SnpLeaf): SnpProduct {
  if (cpuid === undefined) return leaf.product;
  const product = productOfCpuid(cpuid);
  if (product === leaf.product) return product;
  throw new WardroundError('snp-product', 'the report comes from another product than its certificate', {
    expected: leaf.product,
    got: product,
  });
}

function requireReportedTcb({ tcb }: SnpReport, leaf: SnpLeaf, product: SnpProduct): void {
  for (const [name, bytes] of Object.entries(tcb)) {
    if (reservedTcbBytes(bytes, product).length > 0) {
      throw new WardroundError('snp-report-reserved', 'a reserved byte of a TCB version is not zero', {
        where: name,
        got: toHex(bytes),
      });
    }
  }
  const differing = differingComponents(decodeTcb(tcb.reported, product), leaf.tcb);
  if (differing.length > 0) {
    throw new WardroundError('snp-tcb-mismatch', 'the reported TCB is not the one that the key was derived for', {
      got: differing.join(', '),
    });
  }
}

/** Turin names a chip by 8 bytes, followed by zeros in the report. */
function requireChipId({ chipId }: SnpReport, { hardwareId }: SnpLeaf, note: Note): void {
  if (hardwareId === undefined) {
    note('a VLEK is its provider’s key and names no chip');
    return;
  }
  const expected = new Uint8Array(64);
  expected.set(hardwareId);
  if (equalBytes(chipId, expected)) return;
  throw new WardroundError('snp-chip-mismatch', 'the report comes from another chip than its certificate', {
    expected: toHex(hardwareId),
    got: toHex(chipId),
  });
}

function requireSignature({ signed, signature }: SnpReport, { publicKey }: Certificate): void {
  if (verify('sha384', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) return;
  throw new WardroundError('snp-signature', 'the signature over the report does not verify', { action: 'stop' });
}
