// What a study's statistics are about: the model's input columns and a numeric label, each with the range that its numbers keep.
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { inputColumns } from '@wardround/protocol/input-columns';

export type StatisticsPlan = Pick<StudyPlan, 'cohort' | 'evaluation' | 'statistics' | 'training'>;

/** One column of numbers. `code` columns are 0 or 1, `pixel` columns 0 to 1; `label` is a number to predict, or a survival time. */
export interface Variable {
  readonly name: string;
  readonly kind: 'number' | 'code' | 'pixel' | 'label';
  /** The contract's range: every value x is centre + half · u with −1 ≤ u ≤ 1. */
  readonly centre: number;
  readonly half: number;
}

/** Input columns in the model's order, then the label where it is a number or a time. */
export function variablesOf({ cohort }: Pick<StatisticsPlan, 'cohort'>): readonly Variable[] {
  const kinds = new Map(cohort.features.map((feature) => [feature.name, feature]));
  const columns = inputColumns(cohort).map(({ name, feature: source }): Variable => {
    const feature = kinds.get(source);
    if (feature?.type === 'number') return { name, kind: 'number', ...spanOf(feature.range) };
    return { name, kind: feature?.type === 'image' ? 'pixel' : 'code', centre: 0.5, half: 0.5 };
  });
  return [...columns, ...labelVariables(cohort.label)];
}

function labelVariables(label: Cohort['label']): readonly Variable[] {
  switch (label.type) {
    case 'binary':
      return [];
    case 'number':
      return [{ name: label.name, kind: 'label', ...spanOf(label.range) }];
    case 'survival':
      return [{ name: label.time, kind: 'label', ...spanOf({ min: '0', max: label.maxTime }) }];
  }
}

function spanOf({ min, max }: { readonly min: string; readonly max: string }): Pick<Variable, 'centre' | 'half'> {
  const [low, high] = [Number(min), Number(max)];
  return { centre: low / 2 + high / 2, half: high / 2 - low / 2 };
}

/** Positions in {@link variablesOf} of those that have histograms and quantiles: measurements, not codes and not pixels. */
export function measuredPositions(variables: readonly Variable[]): readonly number[] {
  return variables.flatMap(({ kind }, i) => (kind === 'number' || kind === 'label' ? [i] : []));
}

/** Code features with the position of each code's input column; null where the first code has none (`oneHotDropFirst`). */
export interface CodedFeature {
  readonly name: string;
  readonly codes: readonly string[];
  readonly columns: readonly (number | null)[];
}

export function codedFeatures({ cohort }: Pick<StatisticsPlan, 'cohort'>): readonly CodedFeature[] {
  const positions = new Map(
    inputColumns(cohort).map(({ feature, codeIndex }, column) => [`${codeIndex ?? ''} ${feature}`, column]),
  );
  return cohort.features.flatMap((feature) =>
    feature.type === 'code'
      ? [
          {
            name: feature.name,
            codes: feature.codes.map(String),
            columns: feature.codes.map((_, code) => positions.get(`${code} ${feature.name}`) ?? null),
          },
        ]
      : [],
  );
}

/** Which sums a plan needs: what it asks to see, and what standardising and class weights need. */
export interface Needs {
  readonly codes: boolean;
  readonly missingness: boolean;
  readonly moments: boolean;
  readonly correlations: boolean;
  readonly histograms: boolean;
  readonly quantiles: boolean;
  readonly classWeights: boolean;
}

export function needsOf({ cohort, statistics, training }: StatisticsPlan): Needs {
  const asks = (name: StatisticsPlan['statistics'][number]): boolean => statistics.includes(name);
  const moments = asks('moments') || asks('correlations') || cohort.standardise === 'federated';
  return {
    codes: asks('counts') || moments,
    missingness: asks('missingness'),
    moments,
    correlations: asks('correlations'),
    histograms: asks('histograms'),
    quantiles: asks('quantiles'),
    classWeights: training.method === 'gradientDescent' && training.classWeights.method === 'federated',
  };
}
