// How GPU evidence hangs on the CPU's: its nonce comes from the site's, and REPORT_DATA carries its hash (design, section 4). That proves that
// the confidential VM chose this evidence after the nonce; it does not prove that the GPU sits in that machine.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { fromHex, labelledSha256, toHex } from '@wardround/protocol/bytes';
import { labels } from '@wardround/protocol/labels';
import { WardroundError } from '@wardround/protocol/errors';
import type { EvidenceItem } from '../evidence.ts';

export type NvidiaItem = Extract<EvidenceItem, { readonly type: 'nvidiaGpu' | 'nvSwitch' }>;

export function isNvidiaItem(item: EvidenceItem): item is NvidiaItem {
  return item.type === 'nvidiaGpu' || item.type === 'nvSwitch';
}

/**
 * What every GPU and switch is asked with: SHA-256(label ‖ 0x00 ‖ the site's nonce). Hex in, hex out, 32 bytes each.
 * @throws WardroundError `encoding-hex`
 */
export function gpuNonceFor(siteNonce: string): string {
  return toHex(labelledSha256(labels.gpuNonce, fromHex(siteNonce, 32)));
}

/**
 * SHA-256(label ‖ 0x00 ‖ RFC 8785 of the GPU and switch items, in the bundle's order), lower-case hex: `binding.gpuEvidence`.
 * @throws WardroundError `nvidia-evidence-missing` where there are none: the absence of a GPU is said, not hashed
 */
export function gpuEvidenceDigest(items: readonly EvidenceItem[]): string {
  const own = items.filter(isNvidiaItem);
  if (own.length === 0) throw new WardroundError('nvidia-evidence-missing', 'there is no evidence of a GPU or switch');
  return toHex(labelledSha256(labels.gpuEvidence, canonicalJson(own)));
}
