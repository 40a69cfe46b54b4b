// Genuine TDX quotes and the collateral that was published for them, as the tests present them.
import type { Bytes } from '@wardround/protocol/bytes';
import type { TdxCollateral } from '@wardround/attestation/tdx/collateral';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import type { TdxInspection } from '@wardround/attestation/tdx/inspect';
import { inspectTdx } from '@wardround/attestation/tdx/inspect';
import { readQuoteFile } from '@wardround/attestation/tdx/quote-file';
import type { TdxRoot } from '@wardround/attestation/tdx/roots';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { vector } from './vectors.ts';

export interface Presented {
  readonly quote: Uint8Array;
  readonly collateral?: Partial<TdxCollateral>;
  readonly eventLog?: Uint8Array;
  readonly at: string;
  readonly roots?: readonly TdxRoot[];
}

export function inspectAt({ quote, collateral, eventLog, at, roots }: Presented): TdxInspection {
  return inspectTdx({
    quote,
    collateral: { ...noCollateral, ...collateral },
    extraCrls: [],
    eventLog,
    at: new Date(at),
    trustedRoots: roots ?? intelRoots,
  });
}

export function quoteOf(path: string): Bytes {
  return readQuoteFile(vector(path));
}

/** The three complete sets, in the file format of the tool that fetched them. */
export function collateralOf(path: string): TdxCollateral {
  return readCollateralFile(vector(path));
}

/** Intel's answers of June 2023, under the TCB signing certificate that expired in 2025. */
export function collateralOf2023(): TdxCollateral {
  const file = (name: string): Bytes => vector(`tdx/go-tdx-guest/${name}`);
  return {
    tcbInfo: file('sample_tcbInfo_response'),
    tcbInfoIssuerChain: [file('tcbInfoIssuerChain.pem')],
    qeIdentity: file('sample_qeIdentity_response'),
    qeIdentityIssuerChain: [file('qeIdentityIssuerChain.pem')],
    pckCrl: file('pckcrl'),
    pckCrlIssuerChain: [file('pckCrlIssuerChain.pem')],
    rootCrl: file('rootcrl.der'),
  };
}

/** Intel's answers of October 2025, for which no list of revoked PCKs was kept. */
export function collateralOfOctober2025(): Partial<TdxCollateral> {
  const signer = [vector('tdx/dcap-qvl/tcb_info_issuer_chain_2032.pem')];
  return {
    tcbInfo: vector('tdx/trustee/tcbInfo.json'),
    tcbInfoIssuerChain: signer,
    qeIdentity: vector('tdx/trustee/enclaveIdentity.json'),
    qeIdentityIssuerChain: signer,
    pckCrlIssuerChain: [vector('tdx/dcap-qvl/pck_crl_issuer_chain.pem')],
    rootCrl: vector('tdx/dcap-qvl/root_ca_crl_2025-03-20.der'),
  };
}

/** `step: code` of every failed step. */
export function failuresOf({ steps }: TdxInspection): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

export function statusOf({ steps }: TdxInspection, name: string): string | undefined {
  return steps.find((step) => step.name === name)?.status;
}

export function spoilAt(bytes: Uint8Array, offset: number, bit = 0): Bytes {
  const changed = Uint8Array.from(bytes);
  changed[offset] = (changed[offset] ?? 0) ^ (1 << bit);
  return changed;
}
