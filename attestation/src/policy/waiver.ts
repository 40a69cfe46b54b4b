// A waiver is a weakness that somebody typed, with a reason and a last day. After that day the check holds again, by refusing.
import * as z from 'zod';
import { instantSchema, textSchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import type { Note } from '../steps.ts';

export const waiverSchema = z.strictObject({
  waived: z.strictObject({ reason: textSchema, until: instantSchema }),
});
export type Waiver = z.infer<typeof waiverSchema>;

export function isWaiver(value: unknown): value is Waiver {
  return typeof value === 'object' && value !== null && 'waived' in value;
}

/** Notes the waiver in the report. @throws WardroundError `policy-waiver-expired` from `until` on */
export function requireWaiverCurrent({ waived }: Waiver, at: Date, note: Note): void {
  if (at >= new Date(waived.until)) {
    throw new WardroundError('policy-waiver-expired', 'the policy waives this check, but no longer', {
      expected: `a time before ${waived.until}`,
      got: at.toISOString(),
    });
  }
  note(`waived until ${waived.until}: ${waived.reason}`);
}
