// What is masked and summed: integers weighted by their sender, in ℤ₂⁶⁴; and the digest by which a site knows its own integers again.
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { littleEndianBytes } from '@wardround/protocol/little-endian';
import type { RingTensor } from './mask-stream.ts';

const largestWeight = 2_147_483_647;

/**
 * An update times its site's weight, before it is masked (`weighting: bySender`): the enclave could not multiply what it cannot see. With
 * weights that add up to less than 2³² the sum of int32 values fits into int64, so the ring never wraps over it.
 *
 * @throws WardroundError `masking-weight`
 */
export function weighBeforeMasking(values: Int32Array, weight: number): BigInt64Array<ArrayBuffer> {
  if (!Number.isSafeInteger(weight) || weight < 1 || weight > largestWeight) {
    throw new WardroundError('masking-weight', 'not a weight of a site', {
      expected: `1 to ${largestWeight}`,
      got: String(weight),
    });
  }
  const factor = BigInt(weight);
  return BigInt64Array.from(values, (value) => BigInt(value) * factor);
}

/** Copies that may be masked in place. */
export function copyTensors(tensors: readonly RingTensor[]): RingTensor[] {
  return tensors.map(({ name, values }) => ({ name, values: new BigInt64Array(values) }));
}

/**
 * Adds masked tensors to a sum in place, in ℤ₂⁶⁴: for those who have no kernel of their own.
 *
 * @throws WardroundError `masking-tensors` where names or lengths differ
 */
export function addTensors(sum: readonly RingTensor[], addend: readonly RingTensor[]): void {
  if (sum.length !== addend.length) throw differ(`${sum.length} tensors`, `${addend.length}`);
  for (const [i, { name, values }] of sum.entries()) {
    const other = addend[i];
    if (other?.name !== name || other.values.length !== values.length) {
      throw differ(`${name} of ${values.length} values`, `${other?.name} of ${other?.values.length}`);
    }
    for (let j = 0; j < values.length; j += 1) values[j] = (values[j] ?? 0n) + (other.values[j] ?? 0n);
  }
}

function differ(expected: string, got: string): WardroundError {
  return new WardroundError('masking-tensors', 'these tensors cannot be added', { expected, got });
}

/** @throws WardroundError `masking-tensors` where there is none, or two have one name and would share a mask */
export function requireDistinctNames(tensors: readonly RingTensor[]): void {
  const names = new Set(tensors.map(({ name }) => name));
  if (tensors.length > 0 && names.size === tensors.length) return;
  throw new WardroundError('masking-tensors', 'each tensor needs a name of its own', {
    expected: 'at least one tensor, no name twice',
  });
}

/** Hex. Kept by the site: a second input under the same masks would show its difference from the first. */
export function inputDigest(attempt: string, tensors: readonly RingTensor[]): string {
  const header = tensors.map(({ name, values }) => ({ name, length: values.length }));
  const parts = tensors.map(({ values }) => littleEndianBytes(values));
  return toHex(labelledSha256(labels.maskInput, canonicalJson([attempt, header]), Uint8Array.of(0), ...parts));
}
