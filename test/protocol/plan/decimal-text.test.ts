// Numbers as people write them become one decimal text, exactly.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalSchema } from '@wardround/protocol/documents/primitives';
import { hasCode } from '@wardround/protocol/errors';
import { decimalText } from '@wardround/protocol/plan/decimal-text';

describe('decimalText', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    ['-0.0', '0'],
    [0.001, '0.001'],
    [1e-5, '0.00001'],
    [1e-7, '0.0000001'],
    [1.5e-8, '0.000000015'],
    [1e21, '1000000000000000000000'],
    [123.456e2, '12345.6'],
    ['000.10', '0.1'],
    ['1e3', '1000'],
    ['-2.50E-1', '-0.25'],
    ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
  ])('%s is %s', (value, text) => {
    expect(decimalText(value)).toBe(text);
  });

  it.each(['', ' ', '.5', '1.e', 'NaN', 'Infinity', '0x10', '1,5', '1_000', '1e9999'])('refuses %j', (text) => {
    expect(() => decimalText(text)).toThrow(expect.objectContaining({ code: 'decimal-invalid' }));
  });

  it('refuses numbers that are none', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const attempt = (): string => decimalText(value);
      expect(attempt).toThrow();
      try {
        attempt();
      } catch (error) {
        expect(hasCode(error, 'decimal-invalid')).toBe(true);
      }
    }
  });

  it('reads back as the same double, in the shortest form of the documents', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }), (value) => {
        const text = decimalText(value);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
        if (text.length <= 64) expect(decimalSchema.safeParse(text).success).toBe(true);
      }),
    );
  });
});
