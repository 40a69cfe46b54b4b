// The demo's study plan, as its researcher writes it.
import { colludingFor, type DemoHospital } from './hospitals.ts';
import { leastContributors } from '@wardround/protocol/quorum';

export const releaseName = 'heart-enclave-1.2';
export const researcherName = 'dr.lind';

export function demoPlan({
  hospitals,
  rounds,
  seed,
}: {
  hospitals: readonly DemoHospital[];
  rounds: number;
  seed: number;
}): string {
  const minimum = leastContributors(colludingFor(hospitals.length));
  const year = new Date().getUTCFullYear() + 1;
  return `# The plan of the demo. \`wardround study compile plan.yaml\` shows every value that it leaves out.
wardround: study/v1
title: Heart disease in ${hospitals.length} hospitals
purpose: { text: Risk model for coronary disease, ethics: DEMO-1 }
expires: ${year}-12-31T23:59:59Z
cohort:
  minimumRows: 30
  missing: dropRow
  features:
    age:      { type: number, unit: a, range: [18, 110] }
    sex:      { type: number, range: [0, 1] }
    trestbps: { type: number, unit: "mm[Hg]", range: [0, 300] }
    chol:     { type: number, unit: mg/dL, range: [0, 700] }
    fbs:      { type: number, range: [0, 1] }
    thalach:  { type: number, unit: /min, range: [40, 250] }
    exang:    { type: number, range: [0, 1] }
    oldpeak:  { type: number, range: [-5, 10] }
    cp:       { type: code, codes: [1, 2, 3, 4], encode: oneHotDropFirst }
    restecg:  { type: code, codes: [0, 1, 2], encode: oneHotDropFirst }
  label: { name: num, positiveWhen: "> 0" }
  standardise: perSite
  split: { testFraction: 0.34, seed: ${seed} }
model: { kind: logisticRegression, l2: 0 }
training: { optimizer: sgd, learningRate: 0.1, batchSize: 32, steps: 20, seed: ${seed} }
strategy: { name: fedAvg }
rounds: ${rounds}
sites:
  roster: [${hospitals.map(({ name }) => name).join(', ')}]
  minimum: ${minimum}
  maxShare: 0.8
  deadline: 60s
privacy: { mode: noDifferentialPrivacy }
masking: unmasked
evaluation: { metrics: [accuracy, auroc] }
attestation: { platforms: [sevSnp], gpu: required, release: ${releaseName} }
release: { to: [${researcherName}], formats: [safetensors, tfjs] }
`;
}
