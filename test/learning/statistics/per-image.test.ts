// Each picture by its own mean and deviation: against exact whole numbers, at its edges, and the same wherever a model sees pictures.
import { beforeAll, describe, expect, it } from 'vitest';
import { initialModel } from '@wardround/learning/initial-model';
import type { SiteRows } from '@wardround/learning/rounds/site-rows';
import { standardisePictures } from '@wardround/learning/statistics/per-image';
import { standardised } from '@wardround/learning/statistics/standardise';
import { answersOf } from '@wardround/learning/tfjs/answers';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { cnnModel, cnnPlan, imageCohort, squares } from '../images.ts';
import { studyPlanOf } from '../study-plan.ts';
import { testBackend } from '../test-backend.ts';

/** (N·v − Σv) / √(N·Σv² − (Σv)²): nothing is rounded before the root and the quotient. */
function byWholeNumbers(bytes: Uint8Array, size: number): Float32Array {
  return Float32Array.from(bytes, (byte, i) => {
    const start = i - (i % size);
    const picture = Array.from(bytes.subarray(start, start + size), BigInt);
    const sum = picture.reduce((all, value) => all + value, 0n);
    const squared = picture.reduce((all, value) => all + value * value, 0n);
    const spread = BigInt(size) * squared - sum * sum;
    return spread === 0n ? 0 : Number(BigInt(size) * BigInt(byte) - sum) / Math.sqrt(Number(spread));
  });
}

const bytesOf = (values: Uint8Array, size: number): Float32Array =>
  standardisePictures(Float32Array.from(values), { size, unit: 255 });

function furthest(some: ArrayLike<number>, others: ArrayLike<number>): number {
  expect(some.length).toBe(others.length);
  return Array.from(some).reduce((most, value, i) => Math.max(most, Math.abs(value - (others[i] ?? Number.NaN))), 0);
}

describe('standardisePictures', () => {
  it('is what whole numbers give', () => {
    const { features } = squares({ image: { height: 8, width: 8, channels: 3 } }, 20);
    const standard = bytesOf(features, 192);
    expect(furthest(standard, byWholeNumbers(features, 192))).toBeLessThan(5e-7);
    expect(Math.max(...standard)).toBeGreaterThan(1);
  });

  it('leaves each picture a mean of 0 and a population variance of 1', () => {
    const standard = bytesOf(squares(cnnModel, 4).features, 64);
    for (let start = 0; start < standard.length; start += 64) {
      const picture = Array.from(standard.subarray(start, start + 64));
      expect(picture.reduce((sum, value) => sum + value, 0) / 64).toBeCloseTo(0, 6);
      expect(picture.reduce((sum, value) => sum + value * value, 0) / 64).toBeCloseTo(1, 6);
    }
  });

  it.each([0, 1, 77, 128, 254, 255])('makes zeros of the one grey %i, exactly', (grey) => {
    expect([...bytesOf(new Uint8Array(784).fill(grey), 784)]).toEqual(Array.from({ length: 784 }, () => 0));
  });

  it('makes next to nothing of one grey that is no byte', () => {
    const standard = standardisePictures(new Float32Array(784).fill(0.1), { size: 784, unit: 1 });
    expect(furthest(standard, new Float32Array(784))).toBeLessThan(1e-6);
  });

  it('forgets exposure and contrast: darker, brighter and paler pictures are the same one', () => {
    const { features } = squares(cnnModel, 3);
    const dark = features.map((value) => value >> 1);
    const bright = dark.map((value) => value + 100);
    const wide = dark.map((value) => value * 2);
    expect(furthest(bytesOf(bright, 64), bytesOf(dark, 64))).toBeLessThan(1e-6);
    expect(furthest(bytesOf(wide, 64), bytesOf(dark, 64))).toBeLessThan(1e-6);
    expect(furthest(bytesOf(dark, 64), bytesOf(features, 64))).toBeGreaterThan(0);
  });

  it('sees a single odd pixel in the largest picture', () => {
    const size = 1024 * 1024 * 4;
    const values = new Uint8Array(size);
    values[5] = 1;
    const standard = bytesOf(values, size);
    expect(standard[5]).toBeCloseTo(Math.sqrt(size - 1), 2);
    expect(standard[6]).toBeCloseTo(-1 / Math.sqrt(size - 1), 8);
  });

  it('looks at no other picture', () => {
    const { features } = squares(cnnModel, 6);
    const all = bytesOf(features, 64);
    for (let row = 0; row < 6; row += 1) {
      const [from, to] = [64 * row, 64 * (row + 1)];
      expect(all.subarray(from, to)).toEqual(bytesOf(features.subarray(from, to), 64));
    }
    expect(bytesOf(new Uint8Array(0), 64)).toHaveLength(0);
  });
});

describe('a plan with perImage', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });
  const cohort = { ...imageCohort(cnnModel), standardise: 'perImage' } as const;
  const asBytes = cnnPlan({}, { cohort });
  const asNumbers = cnnPlan();
  const model = initialModel(asBytes);
  const data = squares(cnnModel, 16);
  const numbers = { ...data, features: byWholeNumbers(data.features, 64) };

  it('answers bytes as a plan without answers standardised numbers', () => {
    const expected = predict({ backend, plan: asNumbers, model, features: numbers.features });
    expect(furthest(predict({ backend, plan: asBytes, model, features: data.features }), expected)).toBeLessThan(1e-6);
    expect(furthest(answersOf({ backend, plan: asBytes, model, rows: data }), expected)).toBeLessThan(1e-6);
    const plain = predict({ backend, plan: asNumbers, model, features: data.features });
    expect(furthest(plain, expected)).toBeGreaterThan(1e-3);
  });

  it('trains on bytes as a plan without trains on standardised numbers', async () => {
    const training = { backend, model, site: 'va', round: 1 };
    const ours = await trainLocally({ ...training, plan: asBytes, data });
    const expected = await trainLocally({ ...training, plan: asNumbers, data: numbers });
    expect(ours.loss).toBeCloseTo(expected.loss, 6);
    ours.model.forEach((tensor, i) => expect(furthest(tensor.data, expected.model[i]?.data ?? [])).toBeLessThan(1e-5));
    expect(furthest(ours.model[0]?.data ?? [], Array.from(model[0]?.data ?? [], Number))).toBeGreaterThan(1e-3);
  });

  it('keeps a site’s pictures as the bytes that they are', () => {
    const site: SiteRows = { train: data, test: data, missing: { cells: new Float64Array(0), droppedRows: 0 } };
    const before = Uint8Array.from(data.features);
    expect(standardised(studyPlanOf({ cohort, model: cnnModel }), [], site)).toBe(site);
    predict({ backend, plan: asBytes, model, features: data.features });
    expect(data.features).toEqual(before);
  });
});
