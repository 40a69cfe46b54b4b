// The short number that people compare by telephone before they sign: it stands for the whole draft, names and keys included.
import { fromHex, labelledSha256, toHex } from './bytes.ts';
import { WardroundError } from './errors.ts';
import { labels } from './labels.ts';

const digits = 20;

/**
 * Twenty decimal digits in groups of four, from SHA-256 over a label and the genesis' digest. A second draft with the same number costs
 * about 2^66 hashes to find. One who writes both drafts needs 2^33: so each site also reads the names and looks for its own keys.
 *
 * @param digest of the Genesis, hex
 */
export function fingerprintOf(digest: string): string {
  const number = BigInt(`0x${toHex(labelledSha256(labels.fingerprint, fromHex(digest, 32)))}`) % 10n ** BigInt(digits);
  const text = number.toString().padStart(digits, '0');
  return (text.match(/\d{4}/g) ?? []).join(' ');
}

/** @throws WardroundError `fingerprint-format`, `fingerprint-mismatch` unless what was heard is this digest's fingerprint; spaces and dashes do not count */
export function requireFingerprint(heard: string, digest: string): void {
  const expected = fingerprintOf(digest);
  if (readDigits(heard) !== readDigits(expected)) {
    throw new WardroundError(
      'fingerprint-mismatch',
      'the digits heard are not those of this draft: somebody holds another draft, or one was changed on the way; do not sign',
      { got: heard, action: 'stop' },
    );
  }
}

/** Whether what was heard is this digest's number; spaces and dashes do not count. */
export function isFingerprint(heard: string, digest: string): boolean {
  return heard.replaceAll(/[ -]/g, '') === fingerprintOf(digest).replaceAll(' ', '');
}

/** @throws WardroundError `fingerprint-format` */
export function readDigits(text: string): string {
  const plain = text.replaceAll(/[ -]/g, '');
  if (!/^\d{20}$/.test(plain)) {
    throw new WardroundError('fingerprint-format', 'not a fingerprint', {
      expected: '20 digits, in groups of four',
      got: text,
    });
  }
  return plain;
}
