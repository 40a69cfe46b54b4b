// Which of a TD's runtime registers its event log explains. The log proves its digests and their order; it accepts nothing by itself.
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import type { ReplayedEvent } from '../event-log/replay.ts';
import { replayCcEventLog } from '../event-log/replay.ts';
import type { Note } from '../steps.ts';
import type { TdReport } from './td-report.ts';

export interface ExplainedRtmrs {
  /** Indices 0 to 3 of the registers that hold exactly what the log says. */
  readonly explained: ReadonlySet<number>;
  readonly events: readonly ReplayedEvent[];
}

/**
 * A register that the log speaks of must hold what the log says. One that it never mentions is explained when it is still zero, and
 * otherwise was extended by something that keeps no such log.
 * @throws WardroundError `tdx-event-log`, and those of `replayCcEventLog`
 */
export function explainRtmrs({ rtmrs }: TdReport, log: Uint8Array, note: Note): ExplainedRtmrs {
  const replay = replayCcEventLog(log);
  const mentioned = new Set(replay.events.filter(({ extended }) => extended).map(({ register }) => register - 1));
  const explained = new Set<number>();
  replay.rtmrs.forEach((expected, index) => {
    const got = rtmrs[index];
    if (got !== undefined && equalBytes(expected, got)) explained.add(index);
    else if (mentioned.has(index))
      throw new WardroundError('tdx-event-log', 'a register does not hold what the event log says', {
        where: `RTMR${index}`,
        expected: toHex(expected),
        got: got === undefined ? 'none' : toHex(got),
        action: 'stop',
      });
  });
  note(`explains ${[...explained].map((index) => `RTMR${index}`).join(', ')}, by ${replay.events.length} events`);
  return { explained, events: replay.events };
}
