// Shamir's secret sharing of the two seeds, by the library `shamir-secret-sharing`, with lengths and points checked on our side.
import { combine, split } from 'shamir-secret-sharing';
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { seedLength } from './derivation.ts';

/** The values of 32 polynomials at one point, and that point. */
export const shareLength = seedLength + 1;

/** One share each for `holders` sites; any `threshold` of them give the secret back, fewer tell nothing. */
export async function dealShares(secret: Uint8Array, holders: number, threshold: number): Promise<Bytes[]> {
  const shares = await split(copyBytes(secret), holders, threshold);
  return shares.map(copyBytes);
}

/** @throws WardroundError `masking-share-length` */
export function requireShare(share: Uint8Array, where: string): void {
  if (share.byteLength === shareLength) return;
  throw new WardroundError('masking-share-length', 'not a share of a seed', {
    where,
    expected: `${shareLength} bytes`,
    got: `${share.byteLength} bytes`,
  });
}

/**
 * The secret that these shares are of. Whether it is the right one, the caller checks against what its dealer signed.
 *
 * @throws WardroundError `masking-shares-few`, `masking-share-length`, `masking-share-point` (two shares of one point, or point 0)
 */
export async function joinShares(shares: readonly Uint8Array[], threshold: number): Promise<Bytes> {
  const used = shares.slice(0, threshold);
  if (used.length < threshold) {
    throw new WardroundError('masking-shares-few', 'too few shares to open a seed', {
      expected: String(threshold),
      got: String(used.length),
      action: 'retry',
    });
  }
  for (const share of used) requireShare(share, 'reconstruction');
  const points = new Set(used.map((share) => share[seedLength]));
  if (points.size < used.length || points.has(0)) {
    throw new WardroundError('masking-share-point', 'shares of one seed lie at different points other than 0', {
      action: 'stop',
    });
  }
  return copyBytes(await combine(used.map(copyBytes)));
}
