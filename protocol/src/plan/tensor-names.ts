// The names of a declared model's tensors, so that a plan which names them is checked where it is written. learning/model-shape sizes them.
import type { Model } from '../documents/study-plan.ts';

/** In the model's order; empty for models that are not trained by gradients and have no layers to choose from. */
export function tensorNames(model: Model): readonly string[] {
  switch (model.kind) {
    case 'logisticRegression':
    case 'linearRegression':
      return ['weight', 'bias'];
    case 'mlp':
      return layerNames('dense', model.hidden.length + 1);
    case 'cnn':
      return [...layerNames('conv', model.filters.length), ...layerNames('dense', model.hidden.length + 1)];
    case 'coxProportionalHazards':
    case 'gradientBoostedTrees':
      return [];
  }
}

function layerNames(kind: 'conv' | 'dense', count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => [`${kind}${i}.weight`, `${kind}${i}.bias`]).flat();
}
