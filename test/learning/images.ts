// Small image plans for the learning tests, and images whose label a convolution can find.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { SeededRandom } from '@wardround/protocol/seeded-random';
import { labels } from '@wardround/protocol/labels';
import type { TrainingRows } from '@wardround/learning/tfjs/train';
import { type LearningPlan, cohortOf, planOf, sgd } from './plans.ts';

export type CnnModel = Extract<StudyPlan['model'], { kind: 'cnn' }>;

export const cnnModel: CnnModel = {
  kind: 'cnn',
  image: { height: 8, width: 8, channels: 1 },
  filters: [2],
  kernel: 3,
  hidden: [],
  activation: 'relu',
  l2: '0',
};

export function imageCohort({ image }: Pick<CnnModel, 'image'>): LearningPlan['cohort'] {
  return {
    ...cohortOf(['a']),
    source: 'images',
    features: [{ type: 'image', name: 'image', ...image, missing: 'refuse' }],
  };
}

/** A plan of that CNN; seeded weights. */
export function cnnPlan(overrides: Partial<CnnModel> = {}, rest: Partial<LearningPlan> = {}): LearningPlan {
  const model = { ...cnnModel, ...overrides };
  return planOf({
    cohort: imageCohort(model),
    model,
    initialWeights: { method: 'seeded', seed: 7 },
    training: { ...sgd, optimizer: { name: 'sgd', learningRate: '0.1', momentum: '0' } },
    ...rest,
  });
}

/** Noise in 8 bits with a bright square, which lies in the upper half where the label is 1 and in the lower half where it is 0. */
export function squares(
  { image }: Pick<CnnModel, 'image'>,
  rows: number,
  seed = 1,
): TrainingRows & { features: Uint8Array } {
  const { height, width, channels } = image;
  const random = new SeededRandom(labels.batchOrder, ['squares', seed]);
  const features = Uint8Array.from({ length: rows * height * width * channels }, () => random.uint32() % 128);
  const side = Math.floor(height / 4);
  for (let row = 0; row < rows; row += 1) {
    const top = (random.uint32() % side) + (row % 2 === 1 ? 0 : 2 * side);
    const left = random.uint32() % (width - side);
    for (let y = top; y < top + side; y += 1) {
      const start = ((row * height + y) * width + left) * channels;
      features.fill(255, start, start + side * channels);
    }
  }
  return { rows, features, labels: Float32Array.from({ length: rows }, (_, row) => row % 2) };
}
