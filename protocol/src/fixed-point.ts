// Real numbers as integers with a stated step, so that sums are exact and their order does not matter.
import { parseDecimal } from './decimal.ts';
import { WardroundError } from './errors.ts';

/** The step of updates unless a plan says otherwise: 2⁻²⁴, so that int32 spans ±128. */
export const defaultStepLog2 = -24;

export type Reals = Float32Array | Float64Array | readonly number[];

/**
 * Nearest multiples of 2^stepLog2 (ties away from zero) as int32: for values that must come through as they are.
 *
 * @throws WardroundError `fixed-not-finite`, `fixed-out-of-range`, `fixed-step`
 */
export function toFixed(values: Reals, stepLog2: number): Int32Array<ArrayBuffer> {
  return quantise32(values, stepLog2, nearest);
}

/** Like {@link toFixed}, toward zero: no norm can grow, so an update that was clipped to its bound stays within it. @throws likewise */
export function quantiseTowardZero(values: Reals, stepLog2: number): Int32Array<ArrayBuffer> {
  return quantise32(values, stepLog2, Math.trunc);
}

/** Like {@link toFixed}, as int64. @throws likewise */
export function toFixed64(values: Reals, stepLog2: number): BigInt64Array<ArrayBuffer> {
  return quantise64(values, stepLog2, nearest);
}

/** Like {@link quantiseTowardZero}, as int64. @throws likewise */
export function quantiseTowardZero64(values: Reals, stepLog2: number): BigInt64Array<ArrayBuffer> {
  return quantise64(values, stepLog2, Math.trunc);
}

/** The real numbers that integers stand for: exact for int32, correctly rounded to 53 bits for int64. @throws WardroundError `fixed-step` */
export function fromFixed(values: Int32Array | BigInt64Array, stepLog2: number): Float64Array<ArrayBuffer> {
  const step = 1 / scaleOf(stepLog2);
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) out[i] = Number(values[i] ?? 0) * step;
  return out;
}

/** Exact Σ v²: it never wraps, whatever the values. Sums of parts may be added up. */
export function sumOfSquares(values: Int32Array | BigInt64Array): bigint {
  return values instanceof Int32Array ? squares32(values) : squares64(values);
}

/**
 * Compares the Euclidean norm of fixed-point values with a decimal bound, exactly: −1 below, 0 equal, 1 above.
 *
 * @param sumSquares Σ v² of the integers, see {@link sumOfSquares}
 * @throws WardroundError `decimal-invalid`, `fixed-step`, `fixed-norm-bound` (negative)
 */
export function compareNorm(sumSquares: bigint, normBound: string, stepLog2: number): -1 | 0 | 1 {
  requireStep(stepLog2);
  const { numerator, denominator } = parseDecimal(normBound);
  if (numerator < 0n)
    throw new WardroundError('fixed-norm-bound', 'a norm bound cannot be negative', { got: normBound });
  // √s · 2^k ≤ n/d  ⇔  s · d² ≤ n² · 2^(−2k)
  const left = sumSquares * denominator * denominator;
  const right = (numerator * numerator) << BigInt(-2 * stepLog2);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

type Rounding = (scaled: number) => number;

function nearest(scaled: number): number {
  const size = Math.abs(scaled);
  const whole = Math.floor(size);
  // size − whole is exact, unlike size + ½ (0.49999999999999994 + 0.5 is 1).
  return Math.sign(scaled) * (size - whole >= 0.5 ? whole + 1 : whole);
}

function quantise32(values: Reals, stepLog2: number, round: Rounding): Int32Array<ArrayBuffer> {
  const scale = scaleOf(stepLog2);
  const out = new Int32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const whole = round((values[i] ?? Number.NaN) * scale);
    if (!(whole >= -(2 ** 31) && whole < 2 ** 31)) throw refused(values[i], `${32 + stepLog2 - 1}`);
    out[i] = whole;
  }
  return out;
}

function quantise64(values: Reals, stepLog2: number, round: Rounding): BigInt64Array<ArrayBuffer> {
  const scale = scaleOf(stepLog2);
  const out = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const whole = round((values[i] ?? Number.NaN) * scale);
    if (!(whole >= -(2 ** 63) && whole < 2 ** 63)) throw refused(values[i], `${64 + stepLog2 - 1}`);
    out[i] = BigInt(whole);
  }
  return out;
}

/** Neither the value nor its place is named: this runs at a hospital, over what patients' data made. */
function refused(value: number | undefined, rangeLog2: string): WardroundError {
  if (Number.isFinite(value)) {
    return new WardroundError('fixed-out-of-range', 'a value beyond what the ring holds', {
      expected: `less than 2^${rangeLog2}`,
    });
  }
  return new WardroundError('fixed-not-finite', 'NaN or infinity has no fixed-point form');
}

/** Powers of two: multiplying by one changes no bit of a double's fraction. */
function scaleOf(stepLog2: number): number {
  requireStep(stepLog2);
  return 2 ** -stepLog2;
}

function requireStep(stepLog2: number): void {
  if (!Number.isInteger(stepLog2) || stepLog2 > 0 || stepLog2 < -62) {
    throw new WardroundError('fixed-step', 'not a step', {
      expected: 'an exponent from -62 to 0',
      got: String(stepLog2),
    });
  }
}

// The squares of a block's 16-bit limbs are added up as doubles, exactly: a block of 2¹⁸ keeps every partial sum below 2⁵³.
const blockLength = 2 ** 18;

function squares32(values: Int32Array): bigint {
  let total = 0n;
  for (let start = 0; start < values.length; start += blockLength) {
    total += squaresOfBlock32(values.subarray(start, start + blockLength));
  }
  return total;
}

/** v = h·2¹⁶ + l with 0 ≤ l < 2¹⁶, so v² = h²·2³² + 2hl·2¹⁶ + l². */
function squaresOfBlock32(block: Int32Array): bigint {
  let high = 0;
  let middle = 0;
  let low = 0;
  for (let i = 0; i < block.length; i += 1) {
    const value = block[i] ?? 0;
    const l = value & 0xffff;
    const h = value >> 16;
    high += h * h;
    middle += h * l;
    low += l * l;
  }
  return (BigInt(high) << 32n) + (BigInt(middle) << 17n) + BigInt(low);
}

function squares64(values: BigInt64Array): bigint {
  const halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  let total = 0n;
  for (let start = 0; start < halves.length; start += 2 * blockLength) {
    total += squaresOfBlock64(halves.subarray(start, start + 2 * blockLength));
  }
  return total;
}

/** v = d·2⁴⁸ + c·2³² + b·2¹⁶ + a with d signed, the others below 2¹⁶; the ten products are added by their power of two. */
function squaresOfBlock64(halves: Int32Array): bigint {
  const sums: [number, number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < halves.length; i += 2) {
    const low = halves[i] ?? 0;
    const high = halves[i + 1] ?? 0;
    const a = low & 0xffff;
    const b = low >>> 16;
    const c = high & 0xffff;
    const d = high >> 16;
    sums[0] += a * a;
    sums[1] += 2 * a * b;
    sums[2] += 2 * a * c + b * b;
    sums[3] += 2 * (a * d + b * c);
    sums[4] += 2 * b * d + c * c;
    sums[5] += 2 * c * d;
    sums[6] += d * d;
  }
  return sums.reduce((total, sum, power) => total + (BigInt(sum) << BigInt(16 * power)), 0n);
}
