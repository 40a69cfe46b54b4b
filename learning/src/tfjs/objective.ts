// What local training makes small: the mean loss of a batch, with the penalties that the plan adds.
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import type { Model } from '@wardround/protocol/documents/study-plan';
import type { Task } from '../model-shape.ts';
import type { GradientDescent } from '../supported.ts';
import type { Tf } from './backend.ts';
import { type BatchOutcomes, coxBatchLoss } from './cox-loss.ts';
import type { Parameters } from './parameters.ts';

export interface ObjectiveParts {
  readonly tf: Tf;
  readonly model: Model;
  readonly task: Task;
  readonly training: GradientDescent;
  readonly strategy: Strategy;
  /** What training changes, and the round's base that FedProx holds it to. */
  readonly parameters: Parameters;
  readonly base: Parameters;
  /** What SCAFFOLD adds to the gradient of each parameter; none for other strategies. */
  readonly correction: readonly Tensor[];
}

/** One label a row of the batch; of a survival label the time and the event, which are no numbers to compute with but an order. */
export type BatchLabels = { readonly values: Tensor1D } | { readonly outcomes: BatchOutcomes };

/**
 * mean(loss) + λ/2·‖weights‖² + μ/2·‖parameters − base‖². Biases are not decayed; the proximal term holds them too. Cox's loss is the mean over the batch's events.
 *
 * Source of the proximal term: Li et al., "Federated Optimization in Heterogeneous Networks", 2020, algorithm 2 (FedProx).
 */
export function objective(parts: ObjectiveParts, outputs: Tensor1D, labels: BatchLabels): Scalar {
  const terms = [
    batchLoss(parts, outputs, labels),
    ...weightDecay(parts),
    ...proximalTerm(parts),
    ...driftTerms(parts),
  ];
  return parts.tf.addN(terms).asScalar();
}

function batchLoss(parts: ObjectiveParts, outputs: Tensor1D, labels: BatchLabels): Scalar {
  if ('values' in labels) return labelLoss(parts, outputs, labels.values);
  const { tf, model } = parts;
  if (model.kind !== 'coxProportionalHazards') {
    throw new WardroundError('training-data', 'a time is no label of that model', { got: model.kind });
  }
  return coxBatchLoss(tf, outputs, { ...labels.outcomes, ties: model.ties });
}

function labelLoss({ tf, task, training }: ObjectiveParts, outputs: Tensor1D, labels: Tensor1D): Scalar {
  if (task === 'number') return outputs.sub(labels).square().mean();
  const losses = tf.losses.sigmoidCrossEntropy(labels, outputs, undefined, undefined, tf.Reduction.NONE);
  if (training.classWeights.method !== 'fixed') return losses.mean();
  const negative = Number(training.classWeights.negative);
  const positive = Number(training.classWeights.positive);
  return losses.mul(labels.mul(positive - negative).add(negative)).mean();
}

function weightDecay({ model, parameters }: ObjectiveParts): Scalar[] {
  const l2 = 'l2' in model ? Number(model.l2) : 0;
  return l2 === 0
    ? []
    : parameters.layers.map(({ weight }) =>
        weight
          .square()
          .sum<Scalar>()
          .mul(l2 / 2),
      );
}

function proximalTerm({ strategy, parameters, base }: ObjectiveParts): Scalar[] {
  const mu = strategy.name === 'fedProx' ? Number(strategy.mu) : 0;
  if (mu === 0) return [];
  const anchors = base.variables;
  return parameters.variables.flatMap((variable, i) => {
    const anchor = anchors[i];
    return anchor === undefined
      ? []
      : [
          variable
            .sub(anchor)
            .square()
            .sum<Scalar>()
            .mul<Scalar>(mu / 2),
        ];
  });
}

/**
 * Terms of value 0 whose gradients are the corrections, so that the loss stays the data's.
 * Source: Karimireddy et al. 2020, algorithm 1 (SCAFFOLD): every gradient − cᵢ + c.
 */
function driftTerms({ tf, correction, parameters }: ObjectiveParts): Scalar[] {
  const variables = parameters.variables;
  return correction.flatMap((added, i) => {
    const variable = variables[i];
    const drift = tf.customGrad(() => ({ value: tf.scalar(0), gradFunc: (dy: Tensor) => dy.mul(added) }));
    return variable === undefined ? [] : [drift(variable).asScalar()];
  });
}
