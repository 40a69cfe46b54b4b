// The batch stream: every row once an epoch, no batch across its end, and any round without the ones before.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchesOfRound, explicitBatches } from '@wardround/learning/batches';
import { withCode } from './tensors.ts';

const base = { seed: 42, site: 'va', rows: 10, batchSize: 4, steps: 5, round: 1 };
const batches = (overrides: Partial<typeof base> = {}): number[][] =>
  Array.from(batchesOfRound({ ...base, ...overrides }), (batch) => Array.from(batch));

describe('batchesOfRound', () => {
  it('goes through all rows before any comes again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 5 }),
        (rows, batchSize, epochs) => {
          const perEpoch = Math.ceil(rows / batchSize);
          const all = batches({ rows, batchSize, steps: perEpoch * epochs });
          for (let epoch = 0; epoch < epochs; epoch += 1) {
            const own = all.slice(epoch * perEpoch, (epoch + 1) * perEpoch);
            expect(own.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
            expect(own.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
          }
        },
      ),
    );
  });

  it('is one stream, cut into rounds: a restart in round 7 continues where round 6 ended', () => {
    const whole = batches({ steps: 70 });
    const inRounds = Array.from({ length: 7 }, (_, i) => batches({ steps: 10, round: i + 1 })).flat();
    expect(inRounds).toEqual(whole);
  });

  it('differs by seed, site and epoch', () => {
    expect(batches({ seed: 43 })).not.toEqual(batches());
    expect(batches({ site: 'cleveland' })).not.toEqual(batches());
    const epochs = batches({ rows: 100, batchSize: 100, steps: 2 });
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('is written down: a changed order would make a repeated round another round', () => {
    expect(batches()).toMatchInlineSnapshot(`
      [
        [
          7,
          4,
          5,
          2,
        ],
        [
          6,
          8,
          0,
          1,
        ],
        [
          9,
          3,
        ],
        [
          1,
          2,
          3,
          6,
        ],
        [
          7,
          8,
          9,
          0,
        ],
      ]
    `);
  });

  it.each([
    { rows: 0 },
    { batchSize: 0 },
    { steps: 0 },
    { round: 0 },
    { round: 1.5 },
    { rows: Number.NaN },
    { steps: 2 ** 40, round: 2 ** 40 },
  ])('refuses %j', (overrides) => {
    expect(() => batches(overrides)).toThrow(withCode('batch-plan'));
  });
});

describe('explicitBatches', () => {
  const explicit = (order: readonly number[], round = 1): number[][] =>
    Array.from(explicitBatches({ order, rows: 5, batchSize: 2, steps: 4, round }), (batch) => Array.from(batch));

  it('cuts an order at the ends of its epochs', () => {
    const order = [4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 1, 0, 2, 4, 3];
    expect(explicit(order)).toEqual([[4, 3], [2, 1], [0], [0, 1]]);
    expect(explicit(order, 2)).toEqual([[2, 3], [4], [1, 0], [2, 4]]);
  });

  it.each([
    ['ends early', [4, 3, 2, 1, 0, 0]],
    ['names a row beyond the last', [4, 3, 2, 1, 5, 0, 1]],
    ['names a negative row', [-1, 3, 2, 1, 0, 0, 1]],
    ['names a fraction', [0.5, 3, 2, 1, 0, 0, 1]],
  ])('refuses an order that %s', (_, order) => {
    expect(() => explicit(order)).toThrow(withCode('batch-order'));
  });
});
