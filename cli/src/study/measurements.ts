// Which launch measurements the sessions' evidence shows. For display: the sites judged the evidence, and `audit verify` judges it again.
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import { parseSnpReport } from '@wardround/attestation/snp/report';
import type { StudyRecords } from '@wardround/protocol/study-records';

/** Hex, sorted, none twice; evidence that cannot be read is passed over. */
export function UNVERIFIED_enclaveMeasurements(records: StudyRecords): readonly string[] {
  const found = records.of('EvidenceOffer').flatMap(({ value }) => measurementsIn(value.evidence));
  return [...new Set(found)].toSorted();
}

function measurementsIn(evidence: string): readonly string[] {
  try {
    return parseEvidenceBytes(Buffer.from(evidence)).evidence.flatMap((item) =>
      item.type === 'sevSnp' ? [toHex(parseSnpReport(fromBase64Url(item.report)).measurement)] : [],
    );
  } catch {
    return [];
  }
}
