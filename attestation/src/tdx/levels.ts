// Finding the level that a platform has reached, among levels that the vendor may have written in any order.
import { WardroundError } from '@wardround/protocol/errors';
import { malformed } from './signed-json.ts';
import type { MatchedLevel, TcbStatus } from './tcb-status.ts';

export interface Level {
  readonly level: {
    readonly tcbStatus: TcbStatus;
    readonly tcbDate: string;
    readonly advisoryIDs?: readonly string[] | undefined;
  };
  /** What is needed, component by component. */
  readonly key: readonly number[];
}

/** Every component at or above what is needed: never one number made of several. */
export function reached(needed: readonly number[], have: readonly number[]): boolean {
  return needed.length === have.length && needed.every((svn, index) => (have[index] ?? -1) >= svn);
}

/**
 * The highest level that is reached. Levels are sorted here, descending: a level that needs more in some component and nowhere less
 * comes before the one that it is better than.
 * @throws WardroundError `tdx-tcb-no-level`; `tdx-collateral-malformed` where two levels that need the same get different verdicts
 */
export function levelReached(levels: readonly Level[], have: readonly number[], what: string): MatchedLevel {
  const sorted = levels.toSorted((left, right) => compare(right.key, left.key));
  sorted.forEach((entry, index) => {
    const next = sorted[index + 1];
    if (next !== undefined && compare(entry.key, next.key) === 0 && entry.level.tcbStatus !== next.level.tcbStatus)
      throw malformed(what, 'two verdicts on one TCB level');
  });
  const found = sorted.find(({ key }) => reached(key, have));
  if (found === undefined) {
    throw new WardroundError('tdx-tcb-no-level', 'below every level that Intel knows', {
      where: what,
      got: have.join('.'),
      action: 'stop',
    });
  }
  const { tcbStatus, tcbDate, advisoryIDs } = found.level;
  return { status: tcbStatus, advisoryIds: advisoryIDs ?? [], tcbDate };
}

function compare(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((svn, index) => svn !== right[index]);
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
