// The clock is a parameter everywhere; this is the one check that what was passed is an instant.
import { WardroundError } from '@wardround/protocol/errors';

/** An invalid Date compares false with everything, so each validity check would pass. @throws WardroundError `clock-invalid` */
export function requireInstant(at: Date): Date {
  if (Number.isNaN(at.getTime())) throw new WardroundError('clock-invalid', 'the time of appraisal is not an instant');
  return at;
}
