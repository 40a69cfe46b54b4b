// Cholesky's factor on packed triangles: solutions, variances, and matrices that determine nothing.
import { describe, expect, it } from 'vitest';
import { diagonalAt, factorise, inverseDiagonal, packedLength, solve } from '@wardround/learning/newton/symmetric';

const pack = (rows: readonly (readonly number[])[]): Float64Array =>
  Float64Array.from(rows.flatMap((row, i) => row.slice(i)));
const factor = (rows: readonly (readonly number[])[], uncertainty = 0): ReturnType<typeof factorise> =>
  factorise({ size: rows.length, packed: pack(rows), uncertainty, names: rows.map((_, i) => `x${i}`) });

/** Bᵀ·B + 1 for a fixed B. */
function positive(size: number): readonly (readonly number[])[] {
  const b = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (__, j) => ((i * 7 + j * 13) % 11) - 5),
  );
  return b.map((_, i) =>
    b.map((__, j) => b.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), i === j ? 1 : 0)),
  );
}

describe('packed triangles', () => {
  it('place each element once', () => {
    const size = 5;
    const places = Array.from({ length: size }, (_, row) =>
      Array.from({ length: size - row }, (__, i) => diagonalAt(size, row) + i),
    ).flat();
    expect(places).toEqual(Array.from({ length: packedLength(size) }, (_, i) => i));
  });
});

describe('solve', () => {
  it.each([1, 2, 3, 8, 20])('solves %i equations', (size) => {
    const matrix = positive(size);
    const expected = Float64Array.from({ length: size }, (_, i) => i - 1.5);
    const right = Float64Array.from(matrix, (row) =>
      row.reduce((sum, value, j) => sum + value * (expected[j] ?? 0), 0),
    );
    const got = solve(factor(matrix), right);
    expect(Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? 0))))).toBeLessThan(1e-9);
  });

  it('leaves its right side alone', () => {
    const right = Float64Array.of(2, 4);
    solve(
      factor([
        [2, 0],
        [0, 4],
      ]),
      right,
    );
    expect([...right]).toEqual([2, 4]);
  });
});

describe('inverseDiagonal', () => {
  it.each([1, 4, 9])('is the diagonal of the inverse of %i columns', (size) => {
    const matrix = positive(size);
    const variances = inverseDiagonal(factor(matrix));
    matrix.forEach((_, j) => {
      const unit = Float64Array.from({ length: size }, (__, i) => (i === j ? 1 : 0));
      expect(variances[j]).toBeCloseTo(solve(factor(matrix), unit)[j] ?? Number.NaN, 12);
    });
  });
});

describe('factorise', () => {
  it.each([
    [
      'a column of zeros',
      [
        [1, 0],
        [0, 0],
      ],
      0,
      'x1',
    ],
    [
      'two equal columns',
      [
        [4, 4],
        [4, 4],
      ],
      0,
      'x1',
    ],
    [
      'a third that is the sum of two',
      [
        [1, 0, 1],
        [0, 1, 1],
        [1, 1, 2],
      ],
      0,
      'x2',
    ],
    [
      'a negative direction',
      [
        [1, 2],
        [2, 1],
      ],
      0,
      'x1',
    ],
    [
      'a share of 1e-11 left',
      [
        [1, 1],
        [1, 1 + 1e-11],
      ],
      0,
      'x1',
    ],
    [
      'a pivot within the rounding of the sums',
      [
        [1, 0],
        [0, 1e-6],
      ],
      1e-6,
      'x1',
    ],
    ['NaN', [[Number.NaN]], 0, 'x0'],
  ] as const)('refuses %s, by name', (_, rows, uncertainty, where) => {
    expect(() => factor(rows, uncertainty)).toThrow(expect.objectContaining({ code: 'newton-singular', where }));
  });

  it('takes a pivot just beyond the rounding', () => {
    expect([
      ...factor(
        [
          [1, 0],
          [0, 1.01e-6],
        ],
        1e-6,
      ).lower,
    ]).toEqual([1, 0, 0, Math.sqrt(1.01e-6)]);
  });
});
