// VALIDATE: is this genuine machine one that the site accepts, with firmware it accepts? Which code it runs is judged in `image`.
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import type { SnpImage, SnpRules } from '../policy/snp-rules.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { RevocationState } from './chain.ts';
import { requireGuestPolicy, requireNoDebug, requireNoMigration, requirePlatformInfo } from './guest-policy.ts';
import { matchImage, snpImageSteps } from './image.ts';
import type { SnpLeaf } from './leaf.ts';
import type { SnpProduct } from './product.ts';
import type { FirmwareVersion, SnpReport } from './report.ts';
import type { Tcb } from './tcb.ts';
import { componentsBelow, decodeTcb } from './tcb.ts';
import type { SnpAppraisal } from './verify.ts';

/** The steps of this file, in order; every one must be `ok`. */
export const snpValidationSteps = [
  'revocation-known',
  'product-accepted',
  'signer-accepted',
  'chip-accepted',
  'tcb-order',
  'tcb-reported',
  'tcb-committed',
  'tcb-launch',
  'firmware',
  'mitigations',
  'debug',
  'migration',
  'guest-policy',
  'platform-info',
  ...snpImageSteps,
] as const;

export interface SnpValidation {
  readonly rules: SnpRules;
  readonly images: readonly SnpImage[];
  /** Of the whole policy: the age of the newest revocation list. */
  readonly collateral: { readonly maxCrlAgeSeconds: number };
  readonly at: Date;
}

/** Makes every step of the policy in `log`. Steps whose ground did not hold are `not-evaluated`. */
export function validateSnp(appraisal: SnpAppraisal, context: SnpValidation, log: StepLog): void {
  const { collateral, images, rules, at } = context;
  const { report, leaf, product, chain, revocation } = appraisal;
  log.run('revocation-known', () => requireRecentCrl(revocation.held ? revocation.value : undefined, collateral, at));
  const accepted = log.run('product-accepted', (note) => requireProductAccepted(need(product), rules, { at, note }));
  log.run('signer-accepted', () => requireSignerAccepted(need(leaf), rules));
  log.run('chip-accepted', (note) => requireChipAccepted(need(report), rules, { at, note }));
  log.run('tcb-order', () => requireCommittedNotAhead(need(report), need(product)));
  for (const which of ['reported', 'committed', 'launch'] as const) {
    log.run(`tcb-${which}`, () =>
      requireTcbFloor(decodeTcb(need(report).tcb[which], need(product)), need(accepted).minimumTcb[which]),
    );
  }
  log.run('firmware', () => requireFirmware(need(report), need(accepted).minimumFirmware));
  log.run('mitigations', () => requireMitigations(need(report), BigInt(rules.requiredMitigations)));
  log.run('debug', () => requireNoDebug(need(report)));
  log.run('migration', () => requireNoMigration(need(report)));
  log.run('guest-policy', () => requireGuestPolicy(need(report), rules.guestPolicy));
  log.run('platform-info', () => requirePlatformInfo(need(report), rules.platformInfo));
  matchImage({ report, chain, images, at }, log);
}

/** `inspect` may leave revocation open; a site that releases something may not. */
function requireRecentCrl(
  state: RevocationState | undefined,
  { maxCrlAgeSeconds }: SnpValidation['collateral'],
  at: Date,
): void {
  if (state === undefined)
    throw new WardroundError('snp-crl-missing', 'it is not known whether the chain is revoked', { action: 'retry' });
  const ageSeconds = Math.floor((at.getTime() - state.thisUpdate.getTime()) / 1000);
  if (ageSeconds <= maxCrlAgeSeconds) return;
  throw new WardroundError('snp-crl-too-old', 'the newest CRL is older than the policy allows', {
    expected: `at most ${maxCrlAgeSeconds} s`,
    got: `${ageSeconds} s`,
    action: 'retry',
  });
}

interface AcceptedProduct {
  readonly minimumTcb: { readonly reported: Tcb; readonly committed: Tcb; readonly launch: Tcb };
  readonly minimumFirmware: FirmwareVersion;
}

interface Moment {
  readonly at: Date;
  readonly note: Note;
}

function requireProductAccepted(product: SnpProduct, { products }: SnpRules, { at, note }: Moment): AcceptedProduct {
  const rules = products[product];
  if (rules === 'refused') {
    const code = product === 'Milan' ? 'snp-milan-refused' : 'snp-product-refused';
    throw new WardroundError(code, `the policy refuses ${product}`, { action: 'stop' });
  }
  if ('rootSeedExtracted' in rules) requireWaiverCurrent(rules.rootSeedExtracted, at, note);
  return rules;
}

function requireSignerAccepted(leaf: SnpLeaf, { signedBy }: SnpRules): void {
  if (leaf.kind === 'VCEK') {
    if (signedBy.vcek === 'allowed') return;
    throw new WardroundError('snp-vcek-refused', 'the policy refuses reports signed by a chip’s own key');
  }
  if (signedBy.vlek === 'refused')
    throw new WardroundError('snp-vlek-refused', 'the policy refuses reports signed by a provider’s key');
  const provider = leaf.provider ?? '';
  if (signedBy.vlek.providers.includes(provider)) return;
  throw new WardroundError('snp-provider-unknown', 'the policy does not name this provider', { got: provider });
}

/** Without a list of machines, a key extracted from any machine forges any report. */
function requireChipAccepted({ chipId }: SnpReport, { chipIds }: SnpRules, { at, note }: Moment): void {
  if (isWaiver(chipIds)) return requireWaiverCurrent(chipIds, at, note);
  const got = toHex(chipId);
  if (chipIds.some((accepted) => accepted.padEnd(128, '0') === got)) return;
  throw new WardroundError('snp-chip-unknown', 'the policy does not name this chip', { got, action: 'stop' });
}

/** Firmware runs at what it has committed to or newer; anything else is no state that a machine can be in. */
function requireCommittedNotAhead({ tcb, currentVersion, committedVersion }: SnpReport, product: SnpProduct): void {
  const below = componentsBelow(decodeTcb(tcb.current, product), decodeTcb(tcb.committed, product));
  if (below.length > 0)
    throw new WardroundError('snp-tcb-order', 'the current TCB is behind the committed one', { got: below.join(', ') });
  if (compareVersions(currentVersion, committedVersion) < 0) {
    throw new WardroundError('snp-tcb-order', 'the current firmware is behind the committed one', {
      got: printVersion(currentVersion),
    });
  }
}

function requireTcbFloor(tcb: Tcb, floor: Tcb): void {
  const below = componentsBelow(tcb, floor);
  if (below.length > 0)
    throw new WardroundError('snp-tcb-below-floor', 'the TCB is below the policy’s floor', { got: below.join(', ') });
}

function requireFirmware({ currentVersion, committedVersion }: SnpReport, floor: FirmwareVersion): void {
  for (const version of [currentVersion, committedVersion]) {
    if (compareVersions(version, floor) >= 0) continue;
    throw new WardroundError('snp-firmware-below-floor', 'the firmware is below the policy’s floor', {
      expected: `at least ${printVersion(floor)}`,
      got: printVersion(version),
    });
  }
}

function compareVersions(left: FirmwareVersion, right: FirmwareVersion): number {
  return left.major - right.major || left.minor - right.minor || left.build - right.build;
}

function printVersion({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`;
}

function requireMitigations({ launchMitVector, currentMitVector }: SnpReport, required: bigint): void {
  const missing = required & ~(launchMitVector & currentMitVector);
  if (missing === 0n) return;
  throw new WardroundError('snp-mitigation-missing', 'a mitigation that the policy requires is not in force', {
    got: `missing bits 0x${missing.toString(16)}`,
  });
}
