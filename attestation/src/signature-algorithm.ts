// The one signature algorithm that AMD's certificates and revocation lists use; any other is refused by whoever asks.
import { z } from 'zod';

const rsaPssSha384 = z.object({
  name: z.literal('RSA-PSS'),
  hash: z.object({ name: z.literal('SHA-384') }),
  saltLength: z.literal(48),
});

/** RSASSA-PSS with SHA-384 and a salt of 48 bytes (RFC 4055), as WebCrypto's algorithm objects name it. */
export function isRsaPssSha384(algorithm: unknown): boolean {
  return rsaPssSha384.safeParse(algorithm).success;
}
