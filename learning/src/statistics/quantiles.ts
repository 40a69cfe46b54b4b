// Quantiles read from a histogram: as fine as its bins, never a patient's own value.

/** In percent. The minimum and the maximum would each be one patient's. */
export const quantilePercents = [5, 10, 25, 50, 75, 90, 95] as const;

export interface Binned {
  readonly counts: readonly number[];
  readonly min: number;
  readonly max: number;
}

/**
 * The middle of the bin in which the inverse of the distribution function lies: at most half a bin's width from a row that is the quantile.
 * Not a place within the bin: its fraction would tell how many rows the bin has. Null unless at least `minimum` rows lie on each side.
 */
export function binnedQuantile({ counts, min, max }: Binned, percent: number, minimum: number): number | null {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const below = (rows * percent) / 100;
  if (below < minimum || rows - below < minimum) return null;
  const width = (max - min) / counts.length;
  let before = 0;
  for (const [bin, count] of counts.entries()) {
    if (count > 0 && before + count >= below) return min + (bin + 0.5) * width;
    before += count;
  }
  return null;
}

/** Neighbouring bins together. `bins` divides the number of counts. */
export function coarser(counts: readonly number[], bins: number): readonly number[] {
  const together = counts.length / bins;
  return Array.from({ length: bins }, (_, bin) =>
    counts.slice(bin * together, (bin + 1) * together).reduce((sum, count) => sum + count, 0),
  );
}
