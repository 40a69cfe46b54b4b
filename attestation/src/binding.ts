// REPORT_DATA: the 64 bytes by which the hardware vouches for this session, to this site, now.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { Bytes } from '@wardround/protocol/bytes';
import { labelledSha256, labelledSha512 } from '@wardround/protocol/bytes';
import { labels } from '@wardround/protocol/labels';
import type { EvidenceBinding } from './evidence.ts';

/**
 * SHA-512(label ‖ 0x00 ‖ RFC 8785 of {gpuEvidence, nonce, sessionOpen}), design section 4. The receipt key and the session's
 * HPKE key are in `SessionOpen`, so they are bound by its digest.
 */
export function reportDataFor({ nonce, sessionOpen, gpuEvidence }: Omit<EvidenceBinding, 'carriedBy'>): Bytes {
  return labelledSha512(labels.reportData, canonicalJson({ gpuEvidence, nonce, sessionOpen }));
}

/**
 * The same 64 bytes where a TPM's quote carries the binding: SHA-256(label ‖ 0x00 ‖ REPORT_DATA), 32 bytes. A TPM takes at most the size of its largest
 * digest and two bytes more as qualifying data (TPM 2.0 Library, Part 2, 10.4.3): with SHA-384, as Azure's, 50.
 */
export function qualifyingDataFor(reportData: Bytes): Bytes {
  return labelledSha256(labels.tpmQualifyingData, reportData);
}
