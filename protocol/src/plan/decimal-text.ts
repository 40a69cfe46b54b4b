// Numbers as people write them, in the one decimal form that documents carry. Text to text: no binary rounding on the way.
import { WardroundError } from '../errors.ts';

const written = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * The shortest decimal form of a number or of its spelling: `1e-5` and `"0.000010"` are both `0.00001`.
 * A number is taken as its shortest spelling that reads back as the same double (ECMA-262, Number::toString).
 *
 * @throws WardroundError `decimal-invalid` for anything that is not a finite decimal number
 */
export function decimalText(value: number | string): string {
  const text = typeof value === 'number' ? String(value) : value;
  const match = written.exec(text);
  if (match === null) {
    throw new WardroundError('decimal-invalid', 'not a decimal number', {
      expected: 'such as 0.25 or 1e-5',
      got: text,
    });
  }
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  return spell(sign, digits, whole.length + Number(exponent));
}

/** @param point how many of the digits stand before the decimal point; may lie outside them */
function spell(sign: string, digits: string, point: number): string {
  const padded =
    point > digits.length ? digits.padEnd(point, '0') : digits.padStart(digits.length + Math.max(0, -point), '0');
  const at = Math.max(0, point);
  const whole = padded.slice(0, at).replace(/^0+/, '');
  const fraction = padded.slice(at).replace(/0+$/, '');
  const magnitude = `${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
  return sign === '-' && magnitude !== '0' ? `-${magnitude}` : magnitude;
}
