// Small cells: a count of so few patients that it may point at one of them is not shown, and neither is what it could be computed from.
//
// What is done: within one group of cells whose total is shown (the codes of a feature, the bins of a histogram, the classes of a label), a
// cell from 1 to minimum − 1 is hidden, and with it the smallest others until at least two cells are hidden and they hold at least `minimum`
// rows together, so that neither a cell nor a small union follows from the total. What is not done: cells are not protected against what
// several tables, several studies, or one's own patients tell together (no linear programming over all published tables).

/** In the place of a suppressed count, in tensors of state: they hold no NaN. */
export const suppressed = -1;

/** Which cells of one group are not shown. Empty cells are shown. */
export function hiddenCells(counts: readonly number[], minimum: number): readonly boolean[] {
  const hidden = counts.map((count) => count > 0 && count < minimum);
  if (!hidden.includes(true)) return hidden;
  const ascending = counts
    .map((count, cell) => ({ count, cell }))
    .filter(({ count, cell }) => count > 0 && hidden[cell] === false)
    .toSorted((a, b) => a.count - b.count || a.cell - b.cell);
  for (const { cell } of ascending) {
    if (isEnough(counts, hidden, minimum)) break;
    hidden[cell] = true;
  }
  return hidden;
}

function isEnough(counts: readonly number[], hidden: readonly boolean[], minimum: number): boolean {
  const inside = counts.filter((_, cell) => hidden[cell] === true);
  return inside.length >= 2 && inside.reduce((sum, count) => sum + count, 0) >= minimum;
}

/** The group with its hidden cells as {@link suppressed}. */
export function withoutSmallCells(counts: readonly number[], minimum: number): readonly number[] {
  const hidden = hiddenCells(counts, minimum);
  return counts.map((count, cell) => (hidden[cell] === true ? suppressed : count));
}

/** A count that stands alone: nothing else shown adds up with it. */
export function withoutSmallCount(count: number, minimum: number): number {
  return count > 0 && count < minimum ? suppressed : count;
}
