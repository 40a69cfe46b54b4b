// The table of strategies and attacks, and whether the robust ones keep what they promise.
import { markdownTable } from '../table.ts';
import type { Contender } from './plans.ts';

/** How far below its clean AUROC a robust plan may fall. */
export const tolerance = 0.03;

export interface Cell {
  readonly contender: Contender;
  readonly attack: string;
  /** One for each seed; null where the study fell short of K. */
  readonly bySeed: readonly (number | null)[];
}

export function reportTable(cells: readonly Cell[], attacks: readonly string[]): string {
  const contenders = [...new Set(cells.map(({ contender }) => contender))];
  return markdownTable([
    ['AUROC', ...attacks],
    ...contenders.map((contender) => [
      contender.isRobust ? `${contender.name} (selects)` : contender.name,
      ...attacks.map((attack) => text(meanOf(cellOf(cells, contender, attack)))),
    ]),
  ]);
}

/** Robust plans that lost more than the tolerance to an attack, at the mean over seeds. A study that stopped has no wrong model. */
export function brokenPromises(cells: readonly Cell[]): readonly string[] {
  return cells.flatMap((cell) => {
    if (!cell.contender.isRobust) return [];
    const clean = meanOf(cellOf(cells, cell.contender, 'clean')) ?? Number.NaN;
    const reached = meanOf(cell);
    if (reached === null || clean - reached <= tolerance) return [];
    return [`!!! ${cell.contender.name} fell from ${text(clean)} to ${text(reached)} under ${cell.attack}`];
  });
}

function cellOf(cells: readonly Cell[], contender: Contender, attack: string): Cell {
  const found = cells.find((cell) => cell.contender === contender && cell.attack === attack);
  return found ?? { contender, attack, bySeed: [] };
}

/** Null where any seed's study fell short. */
function meanOf({ bySeed }: Cell): number | null {
  const reached = bySeed.flatMap((value) => (value === null ? [] : [value]));
  if (reached.length < bySeed.length || reached.length === 0) return null;
  return reached.reduce((sum, value) => sum + value, 0) / reached.length;
}

const text = (value: number | null): string => (value === null ? 'stops: K' : value.toFixed(3));
