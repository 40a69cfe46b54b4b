// A rule for one coordinate applied to all: the sites' values of each, in ascending order. The order of the sites cannot matter then.
import type { FlatUpdate } from './selecting-rule.ts';

/** @param rule of the ascending values */
export function ofSortedCoordinates(
  updates: readonly FlatUpdate[],
  rule: (ascending: Int32Array) => number,
): Float64Array {
  const column = new Int32Array(updates.length);
  return Float64Array.from({ length: updates[0]?.length ?? 0 }, (_, j) => {
    updates.forEach((update, i) => {
      column[i] = update[j] ?? 0;
    });
    return rule(column.toSorted());
  });
}
