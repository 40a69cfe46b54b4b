// Plans that the simulations of the tests run.

export const fedHeartFeatures = 'age,sex,trestbps,chol,fbs,thalach,exang,oldpeak,cp_2,cp_3,cp_4,restecg_1,restecg_2'
  .split(',')
  .map((name) => `    ${name}: { type: number, range: [-10, 1000] }`)
  .join('\n');

const around = (cohort: string, training: string): string => `wardround: study/v1
title: A simulation
purpose: { text: Tests, ethics: none }
expires: 2020-01-01T00:00:00Z
cohort:
${cohort}
model: { kind: logisticRegression, l2: 0 }
${training}
sites: { roster: [a, b, c, d], minimum: 2, maxShare: 0.7 }
privacy: { mode: noDifferentialPrivacy }
masking: unmasked
attestation: { platforms: [sevSnp], gpu: unused, release: enclave-1 }
release: { to: [dr.lind] }
`;

/** On fed_heart_740.csv. */
export function planText(parts: { strategy: string; learningRate: number; features: string }): string {
  return around(
    `  minimumRows: 10
  missing: refuse
  features:
${parts.features}
  label: { name: target, positiveWhen: "> 0" }
  standardise: perSite
  split: { column: fold, train: train, test: test }`,
    `training: { optimizer: sgd, learningRate: ${parts.learningRate}, batchSize: 4, steps: 100, seed: 42 }
strategy: ${parts.strategy}
rounds: 15`,
  );
}

/** For invented patients. An expired plan may be simulated: nobody signs it. */
export const smallPlan = around(
  `  minimumRows: 10
  features:
    age: { type: number, unit: a, range: [18, 110] }
    sex: { type: number, range: [0, 1] }
    stage: { type: code, codes: [I, II, III], encode: oneHot }
  label: { name: died, positiveWhen: "== 1" }
  standardise: perSite
  split: { testFraction: 0.3, seed: 1 }`,
  `training: { optimizer: sgd, learningRate: 0.05, batchSize: 16, steps: 10 }
strategy: { name: fedAvg }
rounds: 3
evaluation: { metrics: [accuracy, auroc], everyRounds: 2 }`,
);
