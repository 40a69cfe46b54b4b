// What a fake Intel says of its platforms: TCB info and the quoting enclave's identity in the genuine form, signed over their characters.
import type { KeyObject } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex, utf8 } from '@wardround/protocol/bytes';
import type { TcbStatus } from '../../tdx/tcb-status.ts';
import type { PckValues } from './pck-extension.ts';
import { signP256, usualQe, usualTd } from './quote.ts';

const dayMs = 86_400_000;

/** Without milliseconds, as Intel writes it. */
export function instantText(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

export interface LevelText {
  readonly tcb: unknown;
  readonly tcbDate: string;
  readonly tcbStatus: TcbStatus;
  readonly advisoryIDs?: readonly string[];
}

export function platformLevelText(
  needed: { readonly sgx: readonly number[]; readonly pceSvn: number; readonly tdx: readonly number[] },
  tcbStatus: TcbStatus,
  advisoryIDs?: readonly string[],
): LevelText {
  const components = (svns: readonly number[]): unknown => svns.map((svn) => ({ svn }));
  const { sgx, pceSvn, tdx } = needed;
  const tcb = { sgxtcbcomponents: components(sgx), pcesvn: pceSvn, tdxtcbcomponents: components(tdx) };
  return { tcb, tcbDate: '2026-05-13T00:00:00Z', tcbStatus, ...(advisoryIDs === undefined ? {} : { advisoryIDs }) };
}

export function simpleLevelText(isvsvn: number, tcbStatus: TcbStatus, advisoryIDs?: readonly string[]): LevelText {
  return {
    tcb: { isvsvn },
    tcbDate: '2026-05-13T00:00:00Z',
    tcbStatus,
    ...(advisoryIDs === undefined ? {} : { advisoryIDs }),
  };
}

const zeros = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) };

/** About platforms like this one, which are up to date; one release older is OutOfDate, under one advisory. */
export function usualTcbInfo(platform: PckValues, at: Date): Record<string, unknown> {
  const tdx = [...usualTd.teeTcbSvn];
  const older = platform.components.map((svn, index) => (index === 7 ? svn - 1 : svn));
  const { pceSvn } = platform;
  return {
    id: 'TDX',
    version: 3,
    issueDate: instantText(new Date(at.getTime() - dayMs)),
    nextUpdate: instantText(new Date(at.getTime() + 29 * dayMs)),
    fmspc: toHex(platform.fmspc).toUpperCase(),
    pceId: toHex(platform.pceId).toUpperCase(),
    tcbType: 0,
    tcbEvaluationDataNumber: 20,
    tdxModule: zeros,
    tdxModuleIdentities: [
      {
        id: 'TDX_01',
        ...zeros,
        tcbLevels: [simpleLevelText(6, 'UpToDate'), simpleLevelText(4, 'OutOfDate', ['INTEL-SA-01099'])],
      },
    ],
    tcbLevels: [
      platformLevelText({ sgx: platform.components, pceSvn, tdx }, 'UpToDate'),
      platformLevelText({ sgx: older, pceSvn, tdx }, 'OutOfDate', ['INTEL-SA-01036']),
    ],
  };
}

export function usualQeIdentity(at: Date): Record<string, unknown> {
  return {
    id: 'TD_QE',
    version: 2,
    issueDate: instantText(new Date(at.getTime() - dayMs)),
    nextUpdate: instantText(new Date(at.getTime() + 29 * dayMs)),
    tcbEvaluationDataNumber: 20,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: toHex(usualQe.mrSigner).toUpperCase(),
    isvprodid: 2,
    tcbLevels: [simpleLevelText(6, 'UpToDate'), simpleLevelText(4, 'OutOfDate', ['INTEL-SA-00837'])],
  };
}

/** The body as a service sends it. `inner` is signed as it is written here. */
export function signBody(member: 'tcbInfo' | 'enclaveIdentity', inner: string, key: KeyObject): Bytes {
  return utf8(`{"${member}":${inner},"signature":"${toHex(signP256(utf8(inner), key))}"}`);
}
