// VALIDATE: is this genuine platform one that the site accepts, with a TCB, a module and a TD that it accepts? Which code it runs is judged
// in `image`.
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import type { TdxImage, TdxRules } from '../policy/tdx-rules.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { Endorsed } from './collateral.ts';
import { matchTdxImage, tdxImageSteps } from './image.ts';
import { reached } from './levels.ts';
import type { Pck } from './pck.ts';
import type { QeIdentity } from './qe-identity.ts';
import { requireNoDebug, requireTdAttributes, requireXfam } from './td-attributes.ts';
import type { TcbInfo } from './tcb-info.ts';
import type { TdReport } from './td-report.ts';
import type { TdxAppraisal, TdxTcb } from './verify.ts';

/** The steps of this file, in order; every one must be `ok`. */
export const tdxValidationSteps = [
  'revocation-known',
  'collateral-known',
  'tcb-evaluation',
  'tcb-accepted',
  'platform-accepted',
  'module-accepted',
  'td-tcb-order',
  'td-debug',
  'td-attributes',
  'xfam',
  ...tdxImageSteps,
] as const;

export interface TdxValidation {
  readonly rules: TdxRules;
  readonly images: readonly TdxImage[];
  /** Of the whole policy: the age of the PCK's revocation list. */
  readonly collateral: { readonly maxCrlAgeSeconds: number };
  readonly at: Date;
}

/** Makes every step of the policy in `log`. Steps whose ground did not hold are `not-evaluated`. */
export function validateTdx(appraisal: TdxAppraisal, validation: TdxValidation, log: StepLog): void {
  const { rules, images, at } = validation;
  const { quote, pck, chain, tcbInfo, qeIdentity, tcb, rtmrs } = appraisal;
  log.run('revocation-known', () => requireRecentLists(appraisal, validation));
  log.run('collateral-known', () => requireRecentCollateral(appraisal, validation));
  log.run('tcb-evaluation', () => requireEvaluation([need(tcbInfo), need(qeIdentity)], rules));
  log.run('tcb-accepted', (note) => requireTcbAccepted(need(tcb), rules, { at, note }));
  log.run('platform-accepted', (note) => requirePlatformAccepted(need(pck), rules, { at, note }));
  log.run('module-accepted', (note) => requireModuleAccepted(need(quote).td, rules, { at, note }));
  log.run('td-tcb-order', () => requireTcbNotBehind(need(quote).td));
  log.run('td-debug', () => requireNoDebug(need(quote).td));
  log.run('td-attributes', (note) => requireTdAttributes(need(quote).td, rules.tdAttributes, { at, note }));
  log.run('xfam', () => requireXfam(need(quote).td, rules));
  matchTdxImage({ quote, chain, rtmrs, images, at }, log);
}

interface Moment {
  readonly at: Date;
  readonly note: Note;
}

/** `inspect` may leave revocation open; a site that releases something may not. */
function requireRecentLists({ revocation }: TdxAppraisal, { rules, collateral, at }: TdxValidation): void {
  if (!revocation.held)
    throw new WardroundError('tdx-crl-missing', 'it is not known whether the chain is revoked', { action: 'retry' });
  const { pck, root } = revocation.value;
  const lists = [
    { where: 'PCK CRL', issued: pck.thisUpdate, limit: collateral.maxCrlAgeSeconds },
    { where: 'root CRL', issued: root.thisUpdate, limit: rules.collateral.maxRootCrlAgeSeconds },
  ];
  for (const list of lists) requireAge(list, at, 'tdx-crl-too-old');
}

function requireRecentCollateral({ tcbInfo, qeIdentity }: TdxAppraisal, { rules, at }: TdxValidation): void {
  if (!tcbInfo.held || !qeIdentity.held)
    throw new WardroundError('tdx-collateral-missing', 'it is not known what Intel says of this platform', {
      action: 'retry',
    });
  const items = [
    { where: 'tcbInfo', issued: tcbInfo.value.document.issueDate, limit: rules.collateral.maxTcbInfoAgeSeconds },
    {
      where: 'enclaveIdentity',
      issued: qeIdentity.value.document.issueDate,
      limit: rules.collateral.maxQeIdentityAgeSeconds,
    },
  ];
  for (const item of items) requireAge(item, at, 'tdx-collateral-too-old');
}

interface Dated {
  readonly where: string;
  readonly issued: Date;
  readonly limit: number;
}

function requireAge({ where, issued, limit }: Dated, at: Date, code: string): void {
  const ageSeconds = Math.floor((at.getTime() - issued.getTime()) / 1000);
  if (ageSeconds <= limit) return;
  throw new WardroundError(code, 'older than the policy allows', {
    where,
    expected: `at most ${limit} s`,
    got: `${ageSeconds} s`,
    action: 'retry',
  });
}

function requireEvaluation(items: readonly Endorsed<TcbInfo | QeIdentity>[], { tcb }: TdxRules): void {
  for (const { document } of items) {
    const { tcbEvaluationDataNumber, id } = document;
    if (tcbEvaluationDataNumber >= tcb.minimumEvaluationDataNumber) continue;
    throw new WardroundError('tdx-evaluation-number', 'Intel has evaluated this since', {
      where: id,
      expected: `at least ${tcb.minimumEvaluationDataNumber}`,
      got: String(tcbEvaluationDataNumber),
      action: 'retry',
    });
  }
}

/**
 * UpToDate, or each part that is not has advisories against it and every one of them is waived by name. A verdict without an
 * advisory cannot be waived: nobody could say what was waived.
 */
function requireTcbAccepted({ status, parts }: TdxTcb, { tcb }: TdxRules, { at, note }: Moment): void {
  const waived: string[] = [];
  for (const part of ['platform', 'module', 'qe'] as const) {
    const level = parts[part];
    if (level.status === 'UpToDate') continue;
    const open = level.advisoryIds.filter((id) => !Object.hasOwn(tcb.advisories, id));
    if (level.advisoryIds.length === 0 || open.length > 0)
      throw new WardroundError('tdx-tcb-refused', 'Intel does not call this TCB up to date', {
        where: part,
        expected: 'UpToDate, or a waiver for each of its advisories',
        got: `${level.status}${open.length === 0 ? ', without an advisory' : `: ${open.join(', ')}`}`,
      });
    for (const id of level.advisoryIds) {
      const waiver = tcb.advisories[id];
      if (waiver !== undefined) requireWaiverCurrent(waiver, at, (text) => waived.push(`${id} ${text}`));
    }
  }
  if (waived.length > 0) note(`${status}; ${waived.join('; ')}`);
}

/** Without a list of machines, a key extracted from any machine forges any quote. */
function requirePlatformAccepted(
  { ppid, platformInstanceId }: Pck,
  { platforms }: TdxRules,
  { at, note }: Moment,
): void {
  if (isWaiver(platforms)) return requireWaiverCurrent(platforms, at, note);
  const instance = platformInstanceId === undefined ? undefined : toHex(platformInstanceId);
  const accepted = platforms.some((platform) =>
    'ppid' in platform ? platform.ppid === toHex(ppid) : platform.platformInstanceId === instance,
  );
  if (accepted) return;
  throw new WardroundError('tdx-platform-unknown', 'the policy does not name this platform', {
    got: `PPID ${toHex(ppid)}, platform instance ${instance ?? 'none'}`,
    action: 'stop',
  });
}

function requireModuleAccepted(td: TdReport, { modules, moduleSigner }: TdxRules, { at, note }: Moment): void {
  const signer = toHex(td.mrSignerSeam);
  const expected = moduleSigner === 'intel' ? '00'.repeat(48) : moduleSigner;
  if (signer !== expected)
    throw new WardroundError('tdx-module-signer', 'another signer of the TDX module than the policy accepts', {
      expected: moduleSigner,
      got: signer,
      action: 'stop',
    });
  if (isWaiver(modules)) return requireWaiverCurrent(modules, at, note);
  const got = toHex(td.mrSeam);
  if (!modules.includes(got))
    throw new WardroundError('tdx-module-refused', 'the policy does not name this TDX module', { got });
}

/**
 * The module of now is at or above the one that the TD was started under, each component on its own (TD 1.5). Intel's verdict is on the
 * older of the two.
 */
function requireTcbNotBehind({ teeTcbSvn, teeTcbSvn2 }: TdReport): void {
  if (teeTcbSvn2 === undefined || reached([...teeTcbSvn], [...teeTcbSvn2])) return;
  throw new WardroundError(
    'tdx-td-tcb-order',
    'the TDX module of now is behind the one that the TD was started under',
    {
      expected: `at least ${toHex(teeTcbSvn)}, by component`,
      got: toHex(teeTcbSvn2),
    },
  );
}
