// CC event logs for the tests, with the registers that a TD would hold after them.
import type { Bytes } from '@wardround/protocol/bytes';
import { sha384, utf8 } from '@wardround/protocol/bytes';
import { eventOf, logOf } from './event-log-writer.ts';

export interface CcLog {
  readonly log: Bytes;
  readonly rtmrs: readonly Bytes[];
}

/** @param events measurement register (1 to 4) and what was measured */
export function writeCcLog(events: readonly (readonly [number, string])[]): CcLog {
  const rtmrs = [1, 2, 3, 4].map((register) => {
    const own = events.filter(([of]) => of === register);
    return own.reduce<Bytes>((value, [, text]) => sha384(value, sha384(utf8(text))), new Uint8Array(48));
  });
  const log = logOf({ events: events.map(([register, text]) => eventOf({ register, data: utf8(text) })) });
  return { log, rtmrs };
}
