// Real numbers as what is released shows them: decimal text that every reader takes for the same number.
import { decimalText } from '@wardround/protocol/plan/decimal-text';

const digits = 10;
/** Smaller ones are 0 to anybody who reads, and would be long in decimals. */
const leastShown = 1e-30;

/** Ten significant digits in their shortest decimal form. @throws WardroundError `decimal-invalid` for what is not finite */
export function released(value: number): string {
  return decimalText(Math.abs(value) < leastShown ? 0 : value.toPrecision(digits));
}
