// Symmetric matrices as their packed upper triangle, and equations with them by Cholesky's factor: + − × ÷ √ only, so the same bits everywhere.
import { WardroundError } from '@wardround/protocol/errors';

/** Elements of the packed upper triangle of a size × size matrix. */
export function packedLength(size: number): number {
  return (size * (size + 1)) / 2;
}

/** Where (row, row) stands in the packed triangle, rows after each other; (row, column ≥ row) stands `column − row` further. */
export function diagonalAt(size: number, row: number): number {
  return row * size - (row * (row - 1)) / 2;
}

/** The lower triangular L with L·Lᵀ = A, as a full row-major square. Only {@link factorise} makes one. */
export interface CholeskyFactor {
  readonly size: number;
  readonly lower: Float64Array;
}

export interface Factorisation {
  readonly size: number;
  /** Packed upper triangle. */
  readonly packed: Float64Array;
  /** How far rounding may have moved an eigenvalue: a pivot that is no larger proves nothing. */
  readonly uncertainty: number;
  /** What a pivot belongs to, for the refusal. */
  readonly names: readonly string[];
}

/** A pivot smaller than this share of its own diagonal element is what is left of a column that the others explain. */
const leastPivotShare = 1e-10;

/**
 * Source: Golub and Van Loan, "Matrix Computations", 4th edition, section 4.2 (Cholesky by rows).
 *
 * @throws WardroundError `newton-singular` where the matrix is not positive definite beyond doubt
 */
export function factorise({ size, packed, uncertainty, names }: Factorisation): CholeskyFactor {
  const lower = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let rest = packed[diagonalAt(size, column) + row - column] ?? Number.NaN;
      for (let k = 0; k < column; k += 1) rest -= (lower[row * size + k] ?? 0) * (lower[column * size + k] ?? 0);
      if (column < row) {
        lower[row * size + column] = rest / (lower[column * size + column] ?? Number.NaN);
        continue;
      }
      const diagonal = packed[diagonalAt(size, row)] ?? Number.NaN;
      if (!(rest > Math.max(leastPivotShare * diagonal, uncertainty))) throw singular(names[row] ?? '');
      lower[row * size + row] = Math.sqrt(rest);
    }
  }
  return { size, lower };
}

/** x with A·x = right. */
export function solve({ size, lower }: CholeskyFactor, right: Float64Array): Float64Array<ArrayBuffer> {
  const x = Float64Array.from(right);
  for (let row = 0; row < size; row += 1) {
    let rest = x[row] ?? 0;
    for (let k = 0; k < row; k += 1) rest -= (lower[row * size + k] ?? 0) * (x[k] ?? 0);
    x[row] = rest / (lower[row * size + row] ?? Number.NaN);
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    let rest = x[row] ?? 0;
    for (let k = row + 1; k < size; k += 1) rest -= (lower[k * size + row] ?? 0) * (x[k] ?? 0);
    x[row] = rest / (lower[row * size + row] ?? Number.NaN);
  }
  return x;
}

/** The diagonal of A⁻¹: with A an information matrix, the variances of what was estimated. */
export function inverseDiagonal({ size, lower }: CholeskyFactor): Float64Array<ArrayBuffer> {
  const variances = new Float64Array(size);
  const column = new Float64Array(size);
  for (let unit = 0; unit < size; unit += 1) {
    let variance = 0;
    for (let row = unit; row < size; row += 1) {
      let rest = row === unit ? 1 : 0;
      for (let k = unit; k < row; k += 1) rest -= (lower[row * size + k] ?? 0) * (column[k] ?? 0);
      const value = rest / (lower[row * size + row] ?? Number.NaN);
      column[row] = value;
      variance += value * value;
    }
    variances[unit] = variance;
  }
  return variances;
}

function singular(where: string): WardroundError {
  return new WardroundError(
    'newton-singular',
    'the patients of all sites together do not determine every coefficient',
    {
      where,
      expected:
        'no column that is constant or follows from the others, and no column that separates the outcomes: leave one out, encode codes with oneHotDropFirst, standardise, or raise model.l2',
      action: 'stop',
    },
  );
}
