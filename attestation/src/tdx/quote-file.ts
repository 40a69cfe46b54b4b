// A quote as people keep it in files: its bytes, or text of them in hex (with or without `0x`) or base64url.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';

/** Told by content: a quote begins with bytes that no text has. What is neither is returned as it is, and is then no quote. */
export function readQuoteFile(bytes: Uint8Array): Bytes {
  if (bytes[1] === 0) return copyBytes(bytes);
  const text = Buffer.from(bytes).toString('latin1').trim();
  const hex = text.startsWith('0x') ? text.slice(2) : text;
  if (/^(?:[0-9a-fA-F]{2})+$/.test(hex)) return copyBytes(Buffer.from(hex, 'hex'));
  const decoded = Buffer.from(text, 'base64url');
  return decoded.toString('base64url') === text.replaceAll('=', '') ? copyBytes(decoded) : copyBytes(bytes);
}
