// What a bundle shows of its machine, for somebody who starts a policy from it. Nothing here is judged: whether it is genuine, `evidence verify` says.
import { parseHclReport } from '../../azure/hcl-report.ts';
import type { ShownDevice } from '../../composite/contents.ts';
import { readContents, readEndorsements } from '../../composite/contents.ts';
import type { Evidence, EvidenceItem } from '../../evidence.ts';
import type { NvidiaFields } from '../../nvidia/inspect.ts';
import { inspectNvidia } from '../../nvidia/inspect.ts';
import { trustedNvidiaRoots } from '../../nvidia/roots.ts';
import type { SnpFields } from '../../snp/inspect.ts';
import { inspectSnp } from '../../snp/inspect.ts';
import { noCollateral } from '../../tdx/collateral.ts';
import type { TdxFields } from '../../tdx/inspect.ts';
import { inspectTdx } from '../../tdx/inspect.ts';
import { tdxRoots } from '../../tdx/roots.ts';
import { parseCertificates } from '../../x509/certificate.ts';

type TpmQuoteItem = Extract<EvidenceItem, { readonly type: 'tpmQuote' }>;

export interface ShownDeviceFields {
  readonly kind: ShownDevice['kind'];
  readonly fields: NvidiaFields;
}

export interface ShownMachine {
  readonly platform: 'sevSnp' | 'tdx' | 'azureSnpVtpm' | 'azureTdxVtpm';
  readonly snp: SnpFields | null;
  readonly tdx: TdxFields | null;
  readonly registers: Pick<TpmQuoteItem, 'bank' | 'pcrs'> | null;
  readonly devices: readonly ShownDeviceFields[];
}

/**
 * Reads what the parts say of themselves.
 * @throws WardroundError as `readContents`, and those of the parts' parsers where a part is none
 */
export function shownMachine(evidence: Evidence, at: Date): ShownMachine {
  const { shown, devices } = readContents(evidence);
  const endorsements = readEndorsements(evidence.endorsements, []);
  const report =
    shown.platform === 'sevSnp'
      ? shown.report
      : shown.platform === 'azureSnpVtpm'
        ? parseHclReport(shown.hclReport).hardwareReport
        : null;
  const td = shown.platform === 'tdx' || shown.platform === 'azureTdxVtpm' ? shown.td : null;
  const { certificates, crls } = endorsements;
  const isQuote = (item: EvidenceItem): item is TpmQuoteItem => item.type === 'tpmQuote';
  return {
    platform: shown.platform,
    snp: report === null ? null : inspectSnp({ report, certificates, crls, at, trustedRoots: [] }).fields,
    tdx:
      td === null
        ? null
        : inspectTdx({
            quote: td.quote,
            collateral: endorsements.tdx[0] ?? noCollateral,
            extraCrls: crls,
            eventLog: undefined,
            at,
            trustedRoots: tdxRoots(rootsOf(endorsements.tdx[0]?.tcbInfoIssuerChain ?? [])),
          }).fields,
    registers: evidence.evidence.find(isQuote) ?? null,
    devices: devices.flatMap((device) => {
      const fields = fieldsOf(device, at);
      return fields === null ? [] : [{ kind: device.kind, fields }];
    }),
  };
}

/** A device is named by its chain. */
function fieldsOf({ report, certificates }: ShownDevice, at: Date): NvidiaFields | null {
  const trustedRoots = trustedNvidiaRoots(rootsOf(certificates));
  return inspectNvidia({ devices: [{ report, certificates }], rims: [], ocsp: [], nonce: '', at, trustedRoots }).fields;
}

/** To read what only a chain says, whatever root it ends in is taken. */
function rootsOf(chain: readonly Uint8Array[]): readonly string[] {
  const root = parseCertificates(chain).at(-1);
  return root === undefined ? [] : [root.fingerprint];
}
