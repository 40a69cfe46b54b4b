// `evidence inspect --kind tdx`: an Intel TDX quote with the collateral of its platform.
import type { TdxCollateral } from '@wardround/attestation/tdx/collateral';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import type { TdxFields } from '@wardround/attestation/tdx/inspect';
import { inspectTdx } from '@wardround/attestation/tdx/inspect';
import { readQuoteFile } from '@wardround/attestation/tdx/quote-file';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import type { InspectKind } from './kinds.ts';
import type { InspectOption, Inputs } from './options.ts';

/** Codes of bytes that are no quote at all. Spoiled collateral gets a verdict. */
const unreadable: ReadonlySet<string> = new Set(['tdx-quote-size', 'tdx-quote-truncated']);

export const inspectTdxFiles: InspectKind = {
  accepts: {
    needs: ['quote'],
    takes: [
      'collateral',
      'tcbInfo',
      'qeIdentity',
      'issuerChain',
      'pckCrl',
      'pckCrlChain',
      'rootCrl',
      'crl',
      'eventLog',
    ],
    file: 'none',
  },
  inspect: async (inputs, at) => {
    const [quote, collateral, extraCrls, eventLog] = await Promise.all([
      inputs.bytes('quote'),
      readCollateral(inputs),
      inputs.all('crl'),
      optional(inputs, 'eventLog'),
    ]);
    const inspection = inspectTdx({
      quote: readQuoteFile(quote),
      collateral,
      extraCrls,
      eventLog,
      at,
      trustedRoots: intelRoots,
    });
    return { inspection, says: tdxFieldLines(inspection.fields), unreadable };
  },
};

/** One file, or files of their own, which then stand in place of what the one file has. */
async function readCollateral(inputs: Inputs): Promise<TdxCollateral> {
  const whole = inputs.has('collateral') ? readCollateralFile(await inputs.bytes('collateral')) : noCollateral;
  const [tcbInfo, qeIdentity, pckCrl, rootCrl] = await Promise.all(
    (['tcbInfo', 'qeIdentity', 'pckCrl', 'rootCrl'] as const).map(async (name) => await optional(inputs, name)),
  );
  const [issuerChain, pckCrlChain] = await Promise.all([inputs.all('issuerChain'), inputs.all('pckCrlChain')]);
  return {
    tcbInfo: tcbInfo ?? whole.tcbInfo,
    tcbInfoIssuerChain: issuerChain.length > 0 ? issuerChain : whole.tcbInfoIssuerChain,
    qeIdentity: qeIdentity ?? whole.qeIdentity,
    qeIdentityIssuerChain: issuerChain.length > 0 ? issuerChain : whole.qeIdentityIssuerChain,
    pckCrl: pckCrl ?? whole.pckCrl,
    pckCrlIssuerChain: pckCrlChain.length > 0 ? pckCrlChain : whole.pckCrlIssuerChain,
    rootCrl: rootCrl ?? whole.rootCrl,
  };
}

async function optional(inputs: Inputs, option: InspectOption): Promise<Uint8Array | undefined> {
  return inputs.has(option) ? await inputs.bytes(option) : undefined;
}

export function tdxFieldLines(fields: TdxFields | null): readonly string[] {
  if (fields === null) return [];
  const { advisoryIds, pck } = fields;
  return [
    'the quote says',
    `  version         ${fields.version}, ${fields.bodyType}`,
    `  TCB status      ${fields.tcbStatus ?? 'not known'}${advisoryIds === null || advisoryIds.length === 0 ? '' : ` (${advisoryIds.join(', ')})`}`,
    `  debug           ${fields.debug ? 'ON: its host can read its memory' : 'off'}`,
    `  TD attributes   ${fields.tdAttributes}`,
    `  XFAM            ${fields.xfam}`,
    `  MRTD            ${fields.mrtd}`,
    `  RTMR0           ${fields.rtmr0}`,
    `  RTMR1           ${fields.rtmr1}`,
    `  RTMR2           ${fields.rtmr2}`,
    `  RTMR3           ${fields.rtmr3}`,
    `  report data     ${fields.reportData}`,
    `  MRSEAM          ${fields.mrSeam}`,
    `  TEE TCB SVN     ${fields.teeTcbSvn}`,
    `  FMSPC           ${pck?.fmspc ?? 'not known'}`,
    `  platform (PPID) ${pck?.ppid ?? 'not known'}`,
  ];
}
