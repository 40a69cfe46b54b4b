// What a certificate says that its key is for (RFC 5280, 4.2.1.3).
import type { Certificate } from './certificate.ts';
import { derTags, readSingle } from './der.ts';

const keyUsage = '2.5.29.15';

/**
 * Whether the key is for signing data (digitalSignature, the first bit); `unsaid` where the certificate names no usage at all.
 * @throws WardroundError `der-malformed`
 */
export function signingUsage({ extensions }: Certificate): 'signs' | 'other' | 'unsaid' {
  const usage = extensions.get(keyUsage);
  if (usage === undefined) return 'unsaid';
  const { tag, value: bits } = readSingle(usage.value);
  return tag === derTags.bitString && ((bits[1] ?? 0) & 0x80) !== 0 ? 'signs' : 'other';
}
