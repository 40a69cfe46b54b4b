// What Intel says about platforms, as it was received: each item has its own signature, dates and issuer, and a missing one is missing.
import { WardroundError } from '@wardround/protocol/errors';
import { NotEvaluated } from '../steps.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { PckChain } from './chain.ts';
import { requireValidAt, verifySignerChain } from './chain.ts';
import type { QeIdentity } from './qe-identity.ts';
import { readQeIdentity } from './qe-identity.ts';
import { readSignedJson, requireSignedBy } from './signed-json.ts';
import type { TcbInfo } from './tcb-info.ts';
import { readTcbInfo } from './tcb-info.ts';

/** Bodies as Intel's service sends them; chains and lists PEM or DER. What is undefined or empty was not given. */
export interface TdxCollateral {
  /** `{"tcbInfo":{...},"signature":"..."}` */
  readonly tcbInfo: Uint8Array | undefined;
  readonly tcbInfoIssuerChain: readonly Uint8Array[];
  /** `{"enclaveIdentity":{...},"signature":"..."}` */
  readonly qeIdentity: Uint8Array | undefined;
  readonly qeIdentityIssuerChain: readonly Uint8Array[];
  readonly pckCrl: Uint8Array | undefined;
  readonly pckCrlIssuerChain: readonly Uint8Array[];
  readonly rootCrl: Uint8Array | undefined;
}

export const noCollateral: TdxCollateral = {
  tcbInfo: undefined,
  tcbInfoIssuerChain: [],
  qeIdentity: undefined,
  qeIdentityIssuerChain: [],
  pckCrl: undefined,
  pckCrlIssuerChain: [],
  rootCrl: undefined,
};

/** A document that a signer under the quote's own root signed. */
export interface Endorsed<T> {
  readonly document: T;
  readonly signer: Certificate;
}

interface Item<T> {
  readonly text: Uint8Array | undefined;
  readonly chain: readonly Uint8Array[];
  readonly member: 'tcbInfo' | 'enclaveIdentity';
  readonly read: (value: unknown) => T;
}

/** @throws WardroundError `tdx-collateral-malformed`, `tdx-collateral-signature`, and those of `verifySignerChain` */
export function endorsedTcbInfo(collateral: TdxCollateral, quoteChain: PckChain): Endorsed<TcbInfo> {
  const { tcbInfo: text, tcbInfoIssuerChain: chain } = collateral;
  return endorsed({ text, chain, member: 'tcbInfo', read: readTcbInfo }, quoteChain);
}

/** @throws as {@link endorsedTcbInfo} */
export function endorsedQeIdentity(collateral: TdxCollateral, quoteChain: PckChain): Endorsed<QeIdentity> {
  const { qeIdentity: text, qeIdentityIssuerChain: chain } = collateral;
  return endorsed({ text, chain, member: 'enclaveIdentity', read: readQeIdentity }, quoteChain);
}

function endorsed<T>({ text, chain, member, read }: Item<T>, quoteChain: PckChain): Endorsed<T> {
  if (text === undefined) throw new NotEvaluated(`no ${member} given`);
  const json = readSignedJson(text, member);
  if (chain.length === 0) throw new NotEvaluated(`no issuer chain of the ${member} given`);
  const signer = verifySignerChain(chain, quoteChain);
  requireSignedBy(json, signer, member);
  return { document: read(json.value), signer: signer.signer };
}

/**
 * The document is of now, and so is its signer's certificate.
 * @throws WardroundError `tdx-collateral-not-yet-valid`, `tdx-collateral-expired`, `tdx-not-yet-valid`, `tdx-expired`
 */
export function requireCurrent({ document, signer }: Endorsed<TcbInfo | QeIdentity>, at: Date): void {
  const { issueDate, nextUpdate, id } = document;
  const window = {
    where: id === 'TDX' ? 'tcbInfo' : 'enclaveIdentity',
    expected: `${issueDate.toISOString()} to ${nextUpdate.toISOString()}`,
    got: at.toISOString(),
  };
  if (at < issueDate)
    throw new WardroundError('tdx-collateral-not-yet-valid', 'collateral that is not valid yet', window);
  if (at > nextUpdate)
    throw new WardroundError('tdx-collateral-expired', 'collateral that is out of date', {
      ...window,
      action: 'retry',
    });
  requireValidAt([signer], at);
}
