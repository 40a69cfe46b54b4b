// What a cohort contract means for a model: its input columns, in order. Sites encode rows by it, everybody sizes models by it.
import type { Cohort, Feature } from './documents/cohort.ts';

export interface InputColumn {
  /** `age`, or `cp=2` for a one-hot column. */
  readonly name: string;
  readonly feature: string;
  /** The position in the feature's codes that this column is 1 for; null for a number. */
  readonly codeIndex: number | null;
}

/** Numbers and one-hot columns in the order of the contract's features; `oneHotDropFirst` has no column for the first code. */
export function inputColumns(cohort: Pick<Cohort, 'features'>): readonly InputColumn[] {
  return cohort.features.flatMap(columnsOf);
}

function columnsOf(feature: Feature): InputColumn[] {
  if (feature.type === 'number') return [{ name: feature.name, feature: feature.name, codeIndex: null }];
  const columns = feature.codes.map((code, codeIndex) => ({
    name: `${feature.name}=${code}`,
    feature: feature.name,
    codeIndex,
  }));
  return feature.encode === 'oneHotDropFirst' ? columns.slice(1) : columns;
}
