// Which launch measurements the sessions' evidence shows. For display: the sites judged the evidence, and `audit verify` judges it again.
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { parseHclReport } from '@wardround/attestation/azure/hcl-report';
import { type EvidenceItem, parseEvidenceBytes } from '@wardround/attestation/evidence';
import { parseSnpReport } from '@wardround/attestation/snp/report';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import type { StudyRecords } from '@wardround/protocol/study-records';

export interface EnclaveMeasurement {
  /** `snp`: SEV-SNP's launch measurement, of the paravisor where there is one; `mrTd`: TDX's. */
  readonly register: 'snp' | 'mrTd';
  /** Hex. */
  readonly value: string;
}

/** Sorted, none twice; evidence that cannot be read is passed over. */
export function UNVERIFIED_enclaveMeasurements(records: StudyRecords): readonly EnclaveMeasurement[] {
  const found = new Map<string, EnclaveMeasurement>();
  for (const { value } of records.of('EvidenceOffer')) {
    for (const measurement of measurementsIn(value.evidence))
      found.set(`${measurement.register} ${measurement.value}`, measurement);
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, measurement]) => measurement);
}

function measurementsIn(evidence: string): readonly EnclaveMeasurement[] {
  try {
    return parseEvidenceBytes(Buffer.from(evidence)).evidence.flatMap(measurementOf);
  } catch {
    return [];
  }
}

function measurementOf(item: EvidenceItem): readonly EnclaveMeasurement[] {
  switch (item.type) {
    case 'sevSnp':
      return [ofSnp(fromBase64Url(item.report))];
    case 'tdx':
      return [{ register: 'mrTd', value: toHex(parseTdxQuote(fromBase64Url(item.quote)).td.mrTd) }];
    case 'tpmQuote': {
      if (item.hclReport === 'none') return [];
      const { platform, hardwareReport } = parseHclReport(fromBase64Url(item.hclReport));
      return platform === 'snp' ? [ofSnp(hardwareReport)] : [];
    }
    default:
      return [];
  }
}

function ofSnp(report: Uint8Array): EnclaveMeasurement {
  return { register: 'snp', value: toHex(parseSnpReport(report).measurement) };
}
