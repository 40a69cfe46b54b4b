// Defaults of the cohort contract.
import type { Cohort, Feature } from '../documents/cohort.ts';
import { PlanInvalidError, type PlanProblem } from './problems.ts';
import type { CohortSource, FeatureSource, LabelSource, SplitSource } from './source.ts';
import type { ModelSource } from './source-learning.ts';
import { defaultSeed } from './fill-learning.ts';

type Missing = Feature['missing'];

/** @throws PlanInvalidError where features are left out of a table, and where a label or a split is of no sort, or of two */
export function fillCohort(source: CohortSource, model: ModelSource): Cohort {
  const missing = source.missing ?? 'refuse';
  const images = source.source === 'images';
  return {
    population: source.population ?? 'site',
    source: source.source ?? 'table',
    minimumRows: source.minimumRows ?? 30,
    minimumEvents: source.minimumEvents ?? 0,
    features: fillFeatures(source, model),
    label: fillLabel(source.label, missing),
    standardise: source.standardise ?? (images ? 'none' : 'perSite'),
    split: fillSplit(source.split ?? {}),
  };
}

/** An image cohort has one feature, its picture; the size stands with the model that is made for it. */
function fillFeatures({ source, features, missing = 'refuse' }: CohortSource, model: ModelSource): Feature[] {
  if (features === undefined && source === 'images' && model.kind === 'cnn') {
    return [{ type: 'image', name: 'image', ...model.image, missing: 'refuse' }];
  }
  const entries = Object.entries(required(features, ['cohort', 'features']));
  return entries.map(([name, feature]) => fillFeature(name, feature, missing));
}

function fillFeature(name: string, source: FeatureSource, missing: Missing): Feature {
  if (source.type === 'number') {
    return { type: 'number', name, unit: source.unit ?? null, range: source.range, missing: source.missing ?? missing };
  }
  return {
    type: 'code',
    name,
    codes: source.codes,
    encode: source.encode ?? 'oneHot',
    missing: source.missing ?? missing,
  };
}

function fillLabel(source: LabelSource, inherited: Missing): Cohort['label'] {
  const missing = source.missing ?? inherited;
  const { name, positiveWhen, range, time, timeUnit, event, eventWhen, maxTime, unit } = source;
  const where = ['cohort', 'label'];
  const survival = [time, timeUnit, event, eventWhen, maxTime];
  if (survival.some((part) => part !== undefined)) {
    refuseExtras(where, { name, positiveWhen, range, unit });
    return {
      type: 'survival',
      time: required(time, [...where, 'time']),
      timeUnit: required(timeUnit, [...where, 'timeUnit']),
      event: required(event, [...where, 'event']),
      eventWhen: required(eventWhen, [...where, 'eventWhen']),
      maxTime: required(maxTime, [...where, 'maxTime']),
      missing,
    };
  }
  if (positiveWhen !== undefined) {
    refuseExtras(where, { range, unit });
    return { type: 'binary', name: required(name, [...where, 'name']), positiveWhen, missing };
  }
  if (range === undefined) {
    throw new PlanInvalidError([
      {
        path: where,
        code: 'label-sort',
        message: 'the label says neither what is positive nor which numbers it takes',
        expected: 'positiveWhen for yes or no, range for a number, or time and event for survival',
      },
    ]);
  }
  return { type: 'number', name: required(name, [...where, 'name']), unit: unit ?? null, range, missing };
}

function fillSplit(source: SplitSource): Cohort['split'] {
  if (source === 'none') return { method: 'none' };
  const where = ['cohort', 'split'];
  const { column, train, test, testFraction, seed } = source;
  if (column === undefined) {
    refuseExtras(where, { train, test });
    return { method: 'fraction', testFraction: testFraction ?? '0.2', seed: seed ?? defaultSeed };
  }
  refuseExtras(where, { testFraction, seed });
  return {
    method: 'column',
    column,
    train: required(train, [...where, 'train']),
    test: required(test, [...where, 'test']),
  };
}

function required<T>(value: T | undefined, path: readonly string[]): T {
  if (value !== undefined) return value;
  throw new PlanInvalidError([{ path, code: 'missing-key', message: 'this must be written' }]);
}

function refuseExtras(where: readonly string[], extras: Readonly<Record<string, unknown>>): void {
  const problems = Object.entries(extras)
    .filter(([, value]) => value !== undefined)
    .map(([key]): PlanProblem => {
      return { path: [...where, key], code: 'unknown-key', message: 'this key does not go with the others beside it' };
    });
  if (problems.length > 0) throw new PlanInvalidError(problems);
}
