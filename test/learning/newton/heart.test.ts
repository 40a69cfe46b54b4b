// Federated Newton on the four hospitals, through the integers that travel: NVFlare's published digits, and the pooled fit to 1e-9.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { newtonReport } from '@wardround/learning/newton/newton-task';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { hasShared } from '../shared-data.ts';
import {
  type Hospital,
  heartFeatures,
  heartRows,
  hospitals,
  normalised,
  ownMoments,
  publishedMoments,
  references,
} from './hospitals.ts';
import { largestGap, newtonPlan, runRounds, solutionOf } from './newton-rounds.ts';

const logistic = { kind: 'logisticRegression', l2: '1' } as const;
const planOf = (standardise: 'perSite' | 'federated', stepLog2: number): ReturnType<typeof newtonPlan> =>
  newtonPlan({ model: logistic, features: heartFeatures, standardise, stepLog2 });

/** The reference lists the intercept first. */
const interceptLast = ([bias = Number.NaN, ...weights]: readonly number[]): readonly number[] => [...weights, bias];

describe.skipIf(!hasShared('reference_fits.json'))('federated Newton on Fed-Heart-Disease', () => {
  const moments = publishedMoments();
  const trainRows = (name: (hospital: Hospital) => string): readonly Rows[] =>
    hospitals.map((hospital) => normalised(heartRows(hospital, 'train'), moments(name(hospital))));

  it.each([-24, -32, -40])('equals the pooled fit to 1e-9 with steps of 2^%i, standard errors too', (stepLog2) => {
    const plan = planOf('federated', stepLog2);
    const fitted = runRounds(
      plan,
      trainRows(() => 'pooled'),
      8,
    );
    const { coef_intercept_first, se } = references().heart_pooled_norm_logistic_l2_1;
    const report = newtonReport(plan, fitted.state);
    expect(report).toMatchObject({ converged: true, rows: 486 });
    expect(largestGap(solutionOf(plan, fitted), interceptLast(coef_intercept_first))).toBeLessThan(1e-9);
    const errors = report.coefficients.map(({ standardError }) => standardError);
    expect(largestGap(errors, interceptLast(se))).toBeLessThan(1e-9);
  });

  it('equals the fit with per-site normalisation to 1e-9', () => {
    const plan = planOf('perSite', -32);
    const fitted = runRounds(plan, trainRows(String), 8);
    const { coef_intercept_first, loglik } = references().heart_persite_norm_logistic_l2_1;
    expect(largestGap(solutionOf(plan, fitted), interceptLast(coef_intercept_first))).toBeLessThan(1e-9);
    const weights = solutionOf(plan, fitted).slice(0, -1);
    const penalty = weights.reduce((sum, weight) => sum + (weight * weight) / 2, 0);
    expect(newtonReport(plan, fitted.state).objective).toBeCloseTo(penalty - loglik, 8);
  });

  // NVFlare 2.x, examples/advanced/lr-newton-raphson: normalised per site, 4 rounds, regulariser 1.
  const published = [
    ['cleveland', 0.75, 0.7115384615384616],
    ['hungarian', 0.7528089887640449, 0.6122448979591837],
    ['switzerland', 0.75, 1],
    ['va', 0.6, 0.9047619047619048],
  ] as const;
  it.each([4, 12])('gives NVFlare’s published digits after %i rounds, each site on its own test rows', (rounds) => {
    const plan = planOf('perSite', -24);
    const own = hospitals.map((hospital) => ownMoments(heartRows(hospital, 'train').x));
    const fitted = runRounds(
      plan,
      hospitals.map((hospital, i) => normalised(heartRows(hospital, 'train'), own[i] ?? { mean: [], std: [] })),
      rounds,
    );
    const digits = hospitals.map((hospital, i) => {
      const { accuracy, precision } = judge(
        fitted,
        normalised(heartRows(hospital, 'test'), own[i] ?? { mean: [], std: [] }),
      );
      return [hospital, accuracy, precision];
    });
    expect(digits).toEqual(published);
  });

  it('reaches the pooled normalisation’s accuracies', () => {
    const plan = planOf('federated', -24);
    const fitted = runRounds(
      plan,
      trainRows(() => 'pooled'),
      6,
    );
    const accuracies = hospitals.map((hospital) => [
      hospital,
      judge(fitted, normalised(heartRows(hospital, 'test'), moments('pooled'))).accuracy,
    ]);
    expect(Object.fromEntries(accuracies)).toEqual(references().heart_pooled_norm_logistic_l2_1.test_acc_per_site);
  });
});

/** With the float32 model that is released, at a probability of ½. */
function judge({ model }: Checkpoint, { rows, features, labels }: Rows): { accuracy: number; precision: number } {
  const [weight, bias] = model;
  const positive = Array.from({ length: rows }, (_, row) => {
    const terms = heartFeatures.map(
      (_name, j) => Number(weight?.data[j]) * (features[row * heartFeatures.length + j] ?? 0),
    );
    return terms.reduce((sum, term) => sum + term, Number(bias?.data[0])) > 0;
  });
  const right = positive.filter((answer, row) => answer === (labels[row] === 1)).length;
  const truePositives = positive.filter((answer, row) => answer && labels[row] === 1).length;
  return { accuracy: right / rows, precision: truePositives / positive.filter(Boolean).length };
}
