// REPORT_DATA: the 64 bytes by which the hardware vouches for this session, to this site, now.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { Bytes } from '@wardround/protocol/bytes';
import { labelledSha512 } from '@wardround/protocol/bytes';
import { labels } from '@wardround/protocol/labels';
import type { EvidenceBinding } from './evidence.ts';

/**
 * SHA-512(label ‖ 0x00 ‖ RFC 8785 of {gpuEvidence, nonce, sessionOpen}), design section 4. The receipt key and the session's
 * HPKE key are in `SessionOpen`, so they are bound by its digest.
 */
export function reportDataFor({ nonce, sessionOpen, gpuEvidence }: Omit<EvidenceBinding, 'carriedBy'>): Bytes {
  return labelledSha512(labels.reportData, canonicalJson({ gpuEvidence, nonce, sessionOpen }));
}
