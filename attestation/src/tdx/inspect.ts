// What a quote says, in JSON, and whether it is authentic: for people and programs that only want to look.
import { toHex } from '@wardround/protocol/bytes';
import type { Step } from '../steps.ts';
import { StepLog } from '../steps.ts';
import type { TdxCollateral } from './collateral.ts';
import type { Pck } from './pck.ts';
import type { TdxQuote } from './quote.ts';
import type { TdxRoot } from './roots.ts';
import type { TcbStatus } from './tcb-status.ts';
import type { TdxAppraisal } from './verify.ts';
import { verifyTdx } from './verify.ts';

/** Every field of a quote; bytes are lower-case hex in the quote's order, 64-bit integers `0x` hex. */
export interface TdxFields {
  readonly version: number;
  readonly bodyType: 'TD 1.0' | 'TD 1.5';
  /** Null until platform, module and quoting enclave have each been judged. */
  readonly tcbStatus: TcbStatus | null;
  readonly advisoryIds: readonly string[] | null;
  readonly platformTcbStatus: TcbStatus | null;
  readonly moduleTcbStatus: TcbStatus | null;
  readonly qeTcbStatus: TcbStatus | null;
  readonly tcbEvaluationDataNumber: number | null;
  readonly mrtd: string;
  readonly rtmr0: string;
  readonly rtmr1: string;
  readonly rtmr2: string;
  readonly rtmr3: string;
  readonly reportData: string;
  readonly teeTcbSvn: string;
  readonly teeTcbSvn2: string | null;
  readonly mrSeam: string;
  readonly mrSignerSeam: string;
  readonly seamAttributes: string;
  readonly tdAttributes: string;
  readonly debug: boolean;
  readonly xfam: string;
  readonly mrConfigId: string;
  readonly mrOwner: string;
  readonly mrOwnerConfig: string;
  readonly mrServiceTd: string | null;
  readonly userData: string;
  readonly attestationKey: string;
  readonly padding: number;
  readonly quotingEnclave: QeFields;
  readonly pck: PckFields | null;
}

export interface QeFields {
  readonly cpuSvn: string;
  readonly miscSelect: string;
  readonly attributes: string;
  readonly mrEnclave: string;
  readonly mrSigner: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
}

export interface PckFields {
  readonly fingerprint: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly ppid: string;
  readonly platformInstanceId: string | null;
  readonly sgxType: number;
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly cpuSvn: string;
}

export interface TdxInspection {
  readonly kind: 'tdx';
  readonly authentic: boolean;
  /** True when the chain ends in a simulated root: then the quote proves nothing about hardware. */
  readonly simulated: boolean;
  readonly steps: readonly Step[];
  /** Null when the bytes are no quote. */
  readonly fields: TdxFields | null;
}

export interface TdxInspectionInput {
  readonly quote: Uint8Array;
  /** What is not in it is `not-evaluated`. */
  readonly collateral: TdxCollateral;
  readonly extraCrls: readonly Uint8Array[];
  readonly eventLog: Uint8Array | undefined;
  readonly at: Date;
  readonly trustedRoots: readonly TdxRoot[];
}

/**
 * Judges authenticity alone, at `at`, and says what the vendor's collateral says of the TCB. Whether that TCB, the platform and the
 * code are wanted is a policy's business. Never throws for what the evidence holds.
 */
export function inspectTdx(input: TdxInspectionInput): TdxInspection {
  const log = new StepLog();
  const appraisal = verifyTdx({ ...input, roots: input.trustedRoots }, log);
  return {
    kind: 'tdx',
    authentic: appraisal.authentic,
    simulated: isSimulated(appraisal),
    steps: log.steps,
    fields: describeTdx(appraisal),
  };
}

export function isSimulated({ chain }: TdxAppraisal): boolean {
  return chain.held && chain.value.trust.kind === 'simulated';
}

export function describeTdx({ quote, pck, tcb, levels, tcbInfo }: TdxAppraisal): TdxFields | null {
  if (!quote.held) return null;
  return {
    ...describeQuote(quote.value),
    tcbStatus: tcb.held ? tcb.value.status : null,
    advisoryIds: tcb.held ? tcb.value.advisoryIds : null,
    platformTcbStatus: levels.platform.held ? levels.platform.value.status : null,
    moduleTcbStatus: levels.module.held ? levels.module.value.status : null,
    qeTcbStatus: levels.qe.held ? levels.qe.value.status : null,
    tcbEvaluationDataNumber: tcbInfo.held ? tcbInfo.value.document.tcbEvaluationDataNumber : null,
    pck: pck.held ? describePck(pck.value) : null,
  };
}

type OfQuote = Omit<
  TdxFields,
  | 'tcbStatus'
  | 'advisoryIds'
  | 'platformTcbStatus'
  | 'moduleTcbStatus'
  | 'qeTcbStatus'
  | 'tcbEvaluationDataNumber'
  | 'pck'
>;

function describeQuote({ version, td, qe, userData, attestationKey, padding }: TdxQuote): OfQuote {
  const [rtmr0, rtmr1, rtmr2, rtmr3] = td.rtmrs;
  return {
    version,
    bodyType: td.kind,
    mrtd: toHex(td.mrTd),
    rtmr0: toHex(rtmr0),
    rtmr1: toHex(rtmr1),
    rtmr2: toHex(rtmr2),
    rtmr3: toHex(rtmr3),
    reportData: toHex(td.reportData),
    teeTcbSvn: toHex(td.teeTcbSvn),
    teeTcbSvn2: td.teeTcbSvn2 === undefined ? null : toHex(td.teeTcbSvn2),
    mrSeam: toHex(td.mrSeam),
    mrSignerSeam: toHex(td.mrSignerSeam),
    seamAttributes: toHex(td.seamAttributes),
    tdAttributes: hex64(td.tdAttributes),
    debug: (td.tdAttributes & 1n) === 1n,
    xfam: hex64(td.xfam),
    mrConfigId: toHex(td.mrConfigId),
    mrOwner: toHex(td.mrOwner),
    mrOwnerConfig: toHex(td.mrOwnerConfig),
    mrServiceTd: td.mrServiceTd === undefined ? null : toHex(td.mrServiceTd),
    userData: toHex(userData),
    attestationKey: toHex(attestationKey),
    padding: padding.byteLength,
    quotingEnclave: {
      cpuSvn: toHex(qe.cpuSvn),
      miscSelect: toHex(qe.miscSelect),
      attributes: toHex(qe.attributes),
      mrEnclave: toHex(qe.mrEnclave),
      mrSigner: toHex(qe.mrSigner),
      isvProdId: qe.isvProdId,
      isvSvn: qe.isvSvn,
    },
  };
}

function describePck({ certificate, fmspc, pceId, ppid, platformInstanceId, sgxType, tcb }: Pck): PckFields {
  return {
    fingerprint: certificate.fingerprint,
    serial: certificate.serial,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    fmspc: toHex(fmspc),
    pceId: toHex(pceId),
    ppid: toHex(ppid),
    platformInstanceId: platformInstanceId === undefined ? null : toHex(platformInstanceId),
    sgxType,
    components: tcb.components,
    pceSvn: tcb.pceSvn,
    cpuSvn: toHex(tcb.cpuSvn),
  };
}

function hex64(value: bigint): string {
  return `0x${value.toString(16)}`;
}
