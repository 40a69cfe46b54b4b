// What a cohort contract means for a model: its input columns, in order. Sites encode rows by it, everybody sizes models by it.
import type { Cohort, Feature, ImageFeature } from './documents/cohort.ts';

export interface InputColumn {
  /** `age`, `cp=2` for a one-hot column, or `image[row,column,channel]`. */
  readonly name: string;
  readonly feature: string;
  /** The position in the feature's codes that this column is 1 for; null for a number. */
  readonly codeIndex: number | null;
}

/** Numbers, one-hot columns and pixels in the order of the contract's features; `oneHotDropFirst` has no column for the first code. */
export function inputColumns(cohort: Pick<Cohort, 'features'>): readonly InputColumn[] {
  return cohort.features.flatMap(columnsOf);
}

/** How many {@link inputColumns} there are, without making them: an image may have millions. */
export function inputCount(cohort: Pick<Cohort, 'features'>): number {
  return cohort.features.reduce((sum, feature) => sum + countOf(feature), 0);
}

/** Names for people and for files that describe a model: an image is one name, `image[28x28x1]`. */
export function inputNames(cohort: Pick<Cohort, 'features'>): readonly string[] {
  return cohort.features.flatMap((feature) =>
    feature.type === 'image'
      ? [`${feature.name}[${feature.height}x${feature.width}x${feature.channels}]`]
      : columnsOf(feature).map(({ name }) => name),
  );
}

function countOf(feature: Feature): number {
  switch (feature.type) {
    case 'number':
      return 1;
    case 'code':
      return feature.codes.length - (feature.encode === 'oneHotDropFirst' ? 1 : 0);
    case 'image':
      return feature.height * feature.width * feature.channels;
  }
}

function columnsOf(feature: Feature): InputColumn[] {
  if (feature.type === 'number') return [{ name: feature.name, feature: feature.name, codeIndex: null }];
  if (feature.type === 'image') return pixelsOf(feature);
  const columns = feature.codes.map((code, codeIndex) => ({
    name: `${feature.name}=${code}`,
    feature: feature.name,
    codeIndex,
  }));
  return feature.encode === 'oneHotDropFirst' ? columns.slice(1) : columns;
}

/** Row by row, each pixel's channels together: the order of the image's bytes. */
function pixelsOf({ name, height, width, channels }: ImageFeature): InputColumn[] {
  return Array.from({ length: height * width * channels }, (_, i) => {
    const [row, column] = [Math.floor(i / (width * channels)), Math.floor(i / channels) % width];
    return { name: `${name}[${row},${column},${i % channels}]`, feature: name, codeIndex: null };
  });
}
