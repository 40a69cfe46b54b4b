// The short number that people compare by telephone: it stands for the whole genesis, names and keys included.
import { fromHex, labelledSha256, toHex } from '@wardround/protocol/bytes';
import { labels } from '@wardround/protocol/labels';

const digits = 20;

/** Twenty decimal digits in groups of four, as the sites compute them. @param federation digest of the Genesis, hex */
export function fingerprintOf(federation: string): string {
  const hash = BigInt(`0x${toHex(labelledSha256(labels.fingerprint, fromHex(federation, 32)))}`);
  const text = (hash % 10n ** BigInt(digits)).toString().padStart(digits, '0');
  return (text.match(/\d{4}/g) ?? []).join(' ');
}

/** Whether what was heard is this federation's number; spaces and dashes do not count. */
export function isFingerprint(heard: string, federation: string): boolean {
  return heard.replaceAll(/[ -]/g, '') === fingerprintOf(federation).replaceAll(' ', '');
}
