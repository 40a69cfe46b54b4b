// Cox's model on the lung data: R's published coefficients as one stratum, and the stratified fit by institution to 1e-9.
import { describe, expect, it } from 'vitest';
import { cIndex, concordance } from '@wardround/learning/cox/concordance';
import { partialLikelihood } from '@wardround/learning/cox/partial-likelihood';
import { newtonReport } from '@wardround/learning/newton/newton-task';
import { references } from '../newton/hospitals.ts';
import { largestGap, newtonPlan, runRounds, solutionOf } from '../newton/newton-rounds.ts';
import { hasShared } from '../shared-data.ts';
import { asRows, byInstitution, lungFeatures, lungPatients } from './lung.ts';
import { naiveCox } from './naive-cox.ts';

type Plan = ReturnType<typeof newtonPlan>;
const planFor = (parts: { ties: 'breslow' | 'efron'; sites: number; stepLog2: number; l2?: string }): Plan =>
  newtonPlan({
    model: { kind: 'coxProportionalHazards', ties: parts.ties, stratify: 'bySite', l2: parts.l2 ?? '0' },
    features: lungFeatures,
    range: { min: '0', max: '110' },
    sites: parts.sites,
    stepLog2: parts.stepLog2,
  });

describe.skipIf(!hasShared('survival', 'lung.csv'))('Cox on the lung data', () => {
  const patients = lungPatients();
  const institutions = byInstitution(patients);

  it('gives R’s fit as one stratum: coefficients, standard errors, log-likelihood', () => {
    const plan = planFor({ ties: 'efron', sites: 2, stepLog2: -24 });
    const fitted = runRounds(plan, [asRows(patients)], 8);
    const reference = references().lung_cox_age_sex_ecog_efron;
    const report = newtonReport(plan, fitted.state);
    expect(report).toMatchObject({ converged: true, rows: reference.n, events: reference.events });
    expect(solutionOf(plan, fitted).map((value) => value.toFixed(6))).toEqual(['0.011067', '-0.552612', '0.463728']);
    expect(largestGap(solutionOf(plan, fitted), reference.coef)).toBeLessThan(1e-9);
    const errors = report.coefficients.map(({ standardError }) => standardError);
    expect(largestGap(errors, reference.se)).toBeLessThan(1e-9);
    expect(-(report.objective ?? 0)).toBeCloseTo(reference.loglik, 7);
  });

  it.each([
    ['efron', '0'],
    ['breslow', '0'],
    ['efron', '2.5'],
  ] as const)('by institution, %s, l2 %s: equals the pooled stratified fit to 1e-9', (ties, l2) => {
    expect(institutions).toHaveLength(19);
    const plan = planFor({ ties, sites: institutions.length, stepLog2: -24, l2 });
    const fitted = runRounds(plan, institutions, 10);
    const expected = naiveCox(institutions, ties, Number(l2));
    expect(newtonReport(plan, fitted.state)).toMatchObject({ converged: true, rows: 227, events: 164 });
    expect(largestGap(solutionOf(plan, fitted), expected.coefficients)).toBeLessThan(1e-9);
  });

  it.each(['efron', 'breslow'] as const)('with times in months, so that deaths tie within institutions, %s', (ties) => {
    const inMonths = byInstitution(patients.map((patient) => ({ ...patient, time: Math.ceil(patient.time / 30) })));
    const plan = planFor({ ties, sites: inMonths.length, stepLog2: -24 });
    const expected = naiveCox(inMonths, ties);
    expect(largestGap(solutionOf(plan, runRounds(plan, inMonths, 10)), expected.coefficients)).toBeLessThan(1e-9);
    const other = naiveCox(inMonths, ties === 'efron' ? 'breslow' : 'efron');
    expect(largestGap(other.coefficients, expected.coefficients)).toBeGreaterThan(1e-3);
  });

  it('is another model than the one without strata', () => {
    const stratified = naiveCox(institutions, 'efron').coefficients;
    expect(largestGap(stratified, naiveCox([asRows(patients)], 'efron').coefficients)).toBeGreaterThan(1e-3);
  });

  it('has the published concordance', () => {
    const { coef, cindex, loglik } = references().lung_cox_age_sex_ecog_efron;
    const data = asRows(patients);
    const risks = Float64Array.from(patients, ({ x }) => x.reduce((sum, value, j) => sum + value * (coef[j] ?? 0), 0));
    expect(cIndex(concordance({ ...data, risks }))).toBeCloseTo(cindex, 12);
    expect(-partialLikelihood(data, 'efron', Float64Array.from(coef)).loss).toBeCloseTo(loglik, 9);
  });
});
