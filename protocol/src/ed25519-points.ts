// Ed25519 public keys under which a signature proves nothing: the points of small order, and encodings that are not unique.
import { toHex } from './bytes.ts';
import { WardroundError } from './errors.ts';

/**
 * y-coordinates of the points whose order divides 8 (little-endian, sign bit cleared). Under such a key, a signature can be made without
 * any private key and fits many messages. Their orders are recomputed in the tests. Source: Chalkias, Garillot, Nikolaenko,
 * "Taming the many EdDSAs", 2020, table 3.
 */
const smallOrderY: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** @throws WardroundError `key-weak` for a point of small order or a y-coordinate that is not below 2²⁵⁵ − 19. */
export function requireStrongPoint(encoded: Uint8Array): void {
  const y = Uint8Array.from(encoded);
  y[31] = (y[31] ?? 0) & 0x7f;
  if (smallOrderY.has(toHex(y)) || !belowFieldPrime(y)) {
    throw new WardroundError('key-weak', 'a public key of small order, or not in its one encoding', {
      got: toHex(encoded),
    });
  }
}

/** p = 2²⁵⁵ − 19 is `ed ff … ff 7f` little-endian: only 19 values of 255 bits are not below it. */
function belowFieldPrime(y: Uint8Array): boolean {
  const allOnes = y.subarray(1, 31).every((byte) => byte === 0xff) && y[31] === 0x7f;
  return !(allOnes && (y[0] ?? 0) >= 0xed);
}
