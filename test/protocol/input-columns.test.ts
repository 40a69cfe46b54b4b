// The three views of a model's inputs agree: the columns themselves, how many they are, and what people call them.
import { describe, expect, it } from 'vitest';
import type { Feature } from '@wardround/protocol/documents/cohort';
import { inputColumns, inputCount, inputNames } from '@wardround/protocol/input-columns';

const range = { min: '0', max: '1' };
const features: readonly Feature[] = [
  { type: 'number', name: 'age', unit: null, range, missing: 'refuse' },
  { type: 'code', name: 'cp', codes: [1, 2, 3], encode: 'oneHot', missing: 'refuse' },
  { type: 'code', name: 'sex', codes: [0, 1], encode: 'oneHotDropFirst', missing: 'refuse' },
  { type: 'image', name: 'xray', height: 8, width: 9, channels: 2, missing: 'refuse' },
];

describe('input columns', () => {
  it.each(features)('of a $type: as many as are counted', (feature) => {
    expect(inputCount({ features: [feature] })).toBe(inputColumns({ features: [feature] }).length);
  });

  it('of an image: row by row, a pixel’s channels together', () => {
    const columns = inputColumns({ features: [...features] }).slice(-8 * 9 * 2);
    expect(columns[0]).toEqual({ name: 'xray[0,0,0]', feature: 'xray', codeIndex: null });
    expect(columns[1]?.name).toBe('xray[0,0,1]');
    expect(columns[2]?.name).toBe('xray[0,1,0]');
    expect(columns[18]?.name).toBe('xray[1,0,0]');
    expect(columns.at(-1)?.name).toBe('xray[7,8,1]');
  });

  it('have names for people, an image only one', () => {
    expect(inputNames({ features: [...features] })).toEqual(['age', 'cp=1', 'cp=2', 'cp=3', 'sex=1', 'xray[8x9x2]']);
    expect(inputCount({ features: [...features] })).toBe(1 + 3 + 1 + 144);
  });
});
