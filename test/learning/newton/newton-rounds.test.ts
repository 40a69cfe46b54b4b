// Whole fits: exact in one step where they can be, back where a step went too far, the same bits in any order, and no end where there is none.
import { describe, expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '@wardround/learning/checkpoint';
import { newtonLocally } from '@wardround/learning/newton/local-sums';
import { newtonReport, newtonTask } from '@wardround/learning/newton/newton-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { labels } from '@wardround/protocol/labels';
import { evaluateNaively } from '../cox/naive-cox.ts';
import { initialCheckpoint, largestGap, newtonPlan, runRound, runRounds, solutionOf } from './newton-rounds.ts';

const logistic = newtonPlan({ model: { kind: 'logisticRegression', l2: '0' } });
const linear = newtonPlan({ model: { kind: 'linearRegression', l2: '0' } });
const cox = newtonPlan({
  model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0' },
  features: ['a'],
  stepLog2: -20,
});

/** Invented patients whose label follows their two columns, with noise. */
function patients(seed: number, rows: number, label: 'binary' | 'number'): Rows {
  const random = new SeededRandom(labels.split, [seed]);
  const x = Array.from({ length: rows }, () => [4 * random.fraction() - 2, 4 * random.fraction() - 2] as const);
  const answer = x.map(([a, b]) => 0.5 + a - 0.7 * b + 2 * (random.fraction() - 0.5));
  return {
    rows,
    features: Float64Array.from(x.flat()),
    labels: Float64Array.from(answer, (value) =>
      label === 'number' ? value : Number(value + 2 * random.fraction() > 1),
    ),
  };
}

const binarySites = [1, 2, 3, 4].map((seed) => patients(seed, 20 * seed, 'binary'));
const numberSites = [1, 2, 3, 4].map((seed) => patients(seed, 20 * seed, 'number'));

describe('linear regression', () => {
  it('is solved by one round: the residuals are orthogonal to every column', () => {
    const fitted = runRounds(linear, numberSites, 1);
    const [a = 0, b = 0, bias = 0] = solutionOf(linear, fitted);
    const moments = [0, 0, 0];
    for (const { rows, features, labels: answers } of numberSites) {
      for (let row = 0; row < rows; row += 1) {
        const x = [features[2 * row] ?? 0, features[2 * row + 1] ?? 0, 1];
        const residual = a * (x[0] ?? 0) + b * (x[1] ?? 0) + bias - (answers[row] ?? 0);
        x.forEach((value, j) => (moments[j] = (moments[j] ?? 0) + residual * value));
      }
    }
    expect(Math.max(...moments.map(Math.abs))).toBeLessThan(1e-6);
  });

  it('converges in the next, and has the standard errors of the textbook', () => {
    const report = newtonReport(linear, runRounds(linear, numberSites, 2).state);
    expect(report).toMatchObject({ converged: true, iterations: 2, rows: 200, events: 0 });
    // A uniform error of width 2 has variance ⅓, a uniform column of width 4 variance 4/3.
    const expected = Math.sqrt(1 / 3 / (200 * (4 / 3)));
    expect(report.coefficients[0]?.standardError).toBeGreaterThan(0.8 * expected);
    expect(report.coefficients[0]?.standardError).toBeLessThan(1.2 * expected);
  });
});

describe('logistic regression', () => {
  it('reaches a gradient of 0, and then leaves model and state as they are', () => {
    const fitted = runRounds(logistic, binarySites, 8);
    expect(newtonReport(logistic, fitted.state)).toMatchObject({ converged: true, rows: 200 });
    const again = runRound(logistic, fitted, binarySites);
    expect(again).toEqual({ ...fitted, round: 9 });
    const atEnd = newtonLocally({ plan: logistic, base: fitted, data: join(binarySites) }).integers[0] ?? [];
    expect(Math.max(...Array.from(atEnd, Number).map(Math.abs)) * 2 ** gradientStep()).toBeLessThan(1e-6);
  });

  it('does not depend on the order of the sites, nor on how patients are spread over them', () => {
    const fitted = runRounds(logistic, binarySites, 6);
    expect(runRounds(logistic, binarySites.toReversed(), 6)).toEqual(fitted);
    const together = runRounds(logistic, [join(binarySites)], 6);
    expect(largestGap(solutionOf(logistic, together), solutionOf(logistic, fitted))).toBeLessThan(1e-9);
  });

  it('counts every patient once: a site that brings its patients twice changes the fit', () => {
    const [first] = binarySites;
    const twice = [
      ...binarySites.slice(1),
      join([first ?? patients(1, 1, 'binary'), first ?? patients(1, 1, 'binary')]),
    ];
    const report = newtonReport(logistic, runRounds(logistic, twice, 6).state);
    expect(report.rows).toBe(220);
    expect(
      largestGap(
        solutionOf(logistic, runRounds(logistic, twice, 6)),
        solutionOf(logistic, runRounds(logistic, binarySites, 6)),
      ),
    ).toBeGreaterThan(1e-3);
  });

  it('goes on when a site comes late or leaves, and fits those that stay', () => {
    let checkpoint = initialCheckpoint(logistic);
    for (const count of [2, 4, 3, 4, 1, 4]) checkpoint = runRound(logistic, checkpoint, binarySites.slice(0, count));
    for (let round = 0; round < 6; round += 1) checkpoint = runRound(logistic, checkpoint, binarySites);
    expect(newtonReport(logistic, checkpoint.state)).toMatchObject({ converged: true, rows: 200 });
    expect(
      largestGap(solutionOf(logistic, checkpoint), solutionOf(logistic, runRounds(logistic, binarySites, 8))),
    ).toBeLessThan(1e-9);
  });

  it('penalises the weights and not the intercept', () => {
    const heavy = newtonPlan({ model: { kind: 'logisticRegression', l2: '1000000' } });
    const [a = 1, b = 1, bias = 0] = solutionOf(heavy, runRounds(heavy, binarySites, 8));
    const positives = join(binarySites).labels.filter((label) => label === 1).length;
    expect(Math.max(Math.abs(a), Math.abs(b))).toBeLessThan(1e-3);
    expect(bias).toBeCloseTo(Math.log(positives / (200 - positives)), 3);
  });
});

describe('a step too far', () => {
  // Found by search: one patient far from the rest makes the full step from zeros overshoot.
  const data: Rows = {
    rows: 8,
    features: Float64Array.of(93, 17, 0, 0, 0, -1.5, -26.5, -2.5),
    labels: Float64Array.of(5, 7, 19, 18, 8, 16, 16, 6),
    events: Float64Array.of(1, 0, 1, 1, 0, 0, 1, 0),
  };

  const stratum = { ...data, events: data.events ?? new Float64Array(8) };

  it('is halved, and the fit ends where the score is 0', () => {
    const path = Array.from({ length: 12 }, (_, rounds) => solutionOf(cox, runRounds(cox, [data], rounds)));
    const likelihoods = path.map((solution) => evaluateNaively([stratum], 'efron', solution).logLikelihood);
    const worse = likelihoods.findIndex((value, i) => value < (likelihoods[i - 1] ?? Number.NEGATIVE_INFINITY) - 1e-3);
    expect(worse).toBeGreaterThan(0);
    expect(path[worse + 1]).toEqual([((path[worse]?.[0] ?? 0) + (path[worse - 1]?.[0] ?? 0)) / 2]);
    const end = runRounds(cox, [data], 12);
    expect(newtonReport(cox, end.state).converged).toBe(true);
    expect(Math.abs(evaluateNaively([stratum], 'efron', solutionOf(cox, end)).score[0] ?? 1)).toBeLessThan(1e-5);
  });
});

describe('what has no fit', () => {
  const separated: Rows = {
    rows: 4,
    features: Float64Array.of(-2, 1, -1, -1, 1, 1, 2, -1),
    labels: Float64Array.of(0, 0, 1, 1),
  };
  const constant: Rows = {
    rows: 4,
    features: Float64Array.of(-2, 3, -1, 3, 1, 3, 2, 3),
    labels: Float64Array.of(0, 1, 0, 1),
  };
  const monotone: Rows = {
    rows: 4,
    features: Float64Array.of(4, 3, 2, 1),
    labels: Float64Array.of(1, 2, 3, 4),
    events: Float64Array.of(1, 1, 1, 1),
  };
  const censored: Rows = { ...monotone, events: new Float64Array(4) };

  it.each([
    ['outcomes that a column separates', logistic, separated, /newton-(?:separated|singular)/],
    ['one outcome only', logistic, { ...separated, labels: new Float64Array(4) }, /newton-(?:separated|singular)/],
    ['a constant column beside the intercept', logistic, constant, /newton-singular/],
    ['risks in the order of the events', cox, monotone, /newton-(?:separated|singular)/],
    ['nobody with the event', cox, censored, /newton-separated/],
    [
      'fewer patients than columns',
      linear,
      { ...separated, rows: 2, features: Float64Array.of(1, 2, 3, 5), labels: Float64Array.of(1, 2) },
      /newton-singular/,
    ],
  ] as const)('%s: refused with what to do', (_, plan, data, code) => {
    expect(() => runRounds(plan, [data], 60)).toThrow(expect.objectContaining({ code: expect.stringMatching(code) }));
  });

  it.each([
    ['logistic', newtonPlan({ model: { kind: 'logisticRegression', l2: '0.01' } }), separated],
    [
      'Cox',
      newtonPlan({
        model: { kind: 'coxProportionalHazards', ties: 'efron', stratify: 'bySite', l2: '0.01' },
        features: ['a'],
      }),
      monotone,
    ],
  ] as const)('a penalty gives the separated %s model a fit', (_, plan, data) => {
    expect(newtonReport(plan, runRounds(plan, [data], 40).state).converged).toBe(true);
  });
});

describe('newtonLocally', () => {
  const [good = patients(1, 1, 'binary')] = binarySites;
  const base = initialCheckpoint(logistic);
  it.each([
    ['no rows', { ...good, rows: 0, features: new Float64Array(0), labels: new Float64Array(0) }, 'newton-rows'],
    ['NaN for a number of rows', { ...good, rows: Number.NaN }, 'newton-rows'],
    ['more rows than the proof allows', { ...good, rows: 2 ** 24 + 1 }, 'newton-rows'],
    ['a column too few', { ...good, features: good.features.subarray(1) }, 'newton-data'],
    ['a label too few', { ...good, labels: good.labels.subarray(1) }, 'newton-data'],
    [
      'a feature that is infinite',
      { ...good, features: good.features.map((value, i) => (i === 3 ? 1 / 0 : value)) },
      'newton-data',
    ],
    [
      'a label that is no number',
      { ...good, labels: good.labels.map((value, i) => (i === 3 ? Number.NaN : value)) },
      'newton-data',
    ],
    [
      'values beyond the plan’s ranges',
      { ...good, features: good.features.map((value) => value * 1e9) },
      'newton-range',
    ],
  ])('refuses %s', (_, data, code) => {
    expect(() => newtonLocally({ plan: logistic, base, data })).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['without events', { rows: 2, features: Float64Array.of(1, 2), labels: Float64Array.of(1, 2) }],
    [
      'an event too few',
      { rows: 2, features: Float64Array.of(1, 2), labels: Float64Array.of(1, 2), events: Float64Array.of(1) },
    ],
  ])('refuses survival rows %s', (_, data) => {
    expect(() => newtonLocally({ plan: cox, base: initialCheckpoint(cox), data })).toThrow(
      expect.objectContaining({ code: 'cox-data' }),
    );
  });

  it('refuses a base without the state of a fit', () => {
    expect(() => newtonLocally({ plan: logistic, base: { ...base, state: [] }, data: good })).toThrow(
      expect.objectContaining({ code: 'tensors-mismatch' }),
    );
    expect(() => newtonLocally({ plan: logistic, base: initialCheckpoint(cox), data: good })).toThrow(
      expect.objectContaining({ code: 'tensors-mismatch' }),
    );
  });
});

describe('newtonTask', () => {
  it.each([logistic, linear, cox])(
    'asks for int64 sums as they come, each with a limit that four sites may reach',
    (plan) => {
      const { tensors, limits, reads } = newtonTask(plan);
      expect(reads).toBe('sums');
      expect(tensors.every(({ ring, weighting }) => ring === 'int64' && weighting === 'none')).toBe(true);
      expect(limits).toHaveLength(tensors.length);
      for (const limit of limits) {
        const [least, most] = limit.kind === 'range' ? [limit.least, limit.most] : [1n, 0n];
        expect(most).toBeGreaterThan(0n);
        expect(4n * most).toBeLessThan(2n ** 63n);
        expect(least === 0n || least === -most).toBe(true);
      }
    },
  );

  it.each([
    ['a tensor too few', (sums: BigInt64Array[]) => sums.slice(1)],
    ['an integer too few', (sums: BigInt64Array[]) => [new BigInt64Array(2), ...sums.slice(1)]],
    ['an extra tensor', (sums: BigInt64Array[]) => [...sums, new BigInt64Array(1)]],
  ])('refuses %s', (_, change) => {
    const base = initialCheckpoint(logistic);
    const sums = [3, 6, 1, 2].map((length) => new BigInt64Array(length));
    expect(() =>
      newtonTask(logistic).next({ base, sums: change(sums), totalWeight: 4, contributors: 4, each: [] }),
    ).toThrow(expect.objectContaining({ code: 'sums-mismatch' }));
  });

  it('refuses sums of nobody', () => {
    const sums = [3, 6, 1, 2].map((length) => new BigInt64Array(length));
    const closed = { base: initialCheckpoint(logistic), sums, totalWeight: 1, contributors: 0, each: [] };
    expect(() => newtonTask(logistic).next(closed)).toThrow(expect.objectContaining({ code: 'sums-mismatch' }));
  });

  it('leaves checkpoints of one size, which come back the same', () => {
    const sizes = [0, 1, 4, 9].map((rounds) => {
      const checkpoint = runRounds(logistic, binarySites, rounds);
      const bytes = encodeCheckpoint(checkpoint);
      expect(decodeCheckpoint(bytes)).toEqual(checkpoint);
      return bytes.byteLength;
    });
    expect(new Set(sizes).size).toBe(1);
  });

  it('gives Cox a bias of 0 and the float32 of the float64 solution', () => {
    const data = { ...patients(5, 40, 'number'), events: new Float64Array(40).fill(1) };
    const plan = newtonPlan({
      model: { kind: 'coxProportionalHazards', ties: 'breslow', stratify: 'bySite', l2: '0' },
    });
    const fitted = runRounds(plan, [data], 8);
    expect(fitted.model.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual([
      { name: 'weight', dtype: 'F32', shape: [2, 1] },
      { name: 'bias', dtype: 'F32', shape: [1] },
    ]);
    expect(Array.from(fitted.model[1]?.data ?? [], Number)).toEqual([0]);
    expect(Array.from(fitted.model[0]?.data ?? [], Number)).toEqual(solutionOf(plan, fitted).map(Math.fround));
  });
});

function gradientStep(): number {
  return newtonTask(logistic).tensors[0]?.stepLog2 ?? 0;
}

function join(sites: readonly Rows[]): Rows {
  return {
    rows: sites.reduce((sum, { rows }) => sum + rows, 0),
    features: Float64Array.from(sites.flatMap(({ features }) => Array.from(features))),
    labels: Float64Array.from(sites.flatMap(({ labels: answers }) => Array.from(answers))),
  };
}
