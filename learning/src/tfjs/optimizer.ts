// The plan's local optimiser: one step at a time, its memory on the backend until it is disposed.
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { WardroundError } from '@wardround/protocol/errors';
import type { GradientDescent } from '../supported.ts';
import type { Tf } from './backend.ts';

export interface LocalOptimizer {
  /** Moves the variables once; returns the objective's value before that. Call within `tf.tidy`. */
  step(objective: () => Scalar, variables: readonly Variable[]): Scalar;
  dispose(): void;
}

export function localOptimizer(tf: Tf, { optimizer }: GradientDescent): LocalOptimizer {
  const learningRate = Number(optimizer.learningRate);
  if (optimizer.name === 'adam') {
    const { beta1, beta2, epsilon } = optimizer;
    return ofTfjs(tf.train.adam(learningRate, Number(beta1), Number(beta2), Number(epsilon)));
  }
  const momentum = Number(optimizer.momentum);
  return momentum === 0 ? ofTfjs(tf.train.sgd(learningRate)) : new Momentum({ tf, learningRate, momentum });
}

function ofTfjs(optimizer: ReturnType<Tf['train']['sgd' | 'adam']>): LocalOptimizer {
  return {
    step: (objective, variables) => requireValue(optimizer.minimize(objective, true, [...variables])),
    dispose: () => optimizer.dispose(),
  };
}

function requireValue(value: Scalar | null): Scalar {
  if (value === null) throw new WardroundError('training-unsupported', 'the optimiser returned no value');
  return value;
}

/**
 * v ← βv + g; w ← w − ηv (Polyak 1964; v₀ = 0, no dampening, as in PyTorch). Our own, because tfjs' never frees its learning rate.
 */
class Momentum implements LocalOptimizer {
  readonly #tf: Tf;
  readonly #learningRate: number;
  readonly #momentum: number;
  readonly #velocities = new Map<string, Tensor>();

  constructor({ tf, learningRate, momentum }: { tf: Tf; learningRate: number; momentum: number }) {
    this.#tf = tf;
    this.#learningRate = learningRate;
    this.#momentum = momentum;
  }

  step(objective: () => Scalar, variables: readonly Variable[]): Scalar {
    const { value, grads } = this.#tf.variableGrads(objective, [...variables]);
    for (const variable of variables) {
      const gradient = grads[variable.name];
      if (gradient === undefined) continue;
      const before = this.#velocities.get(variable.name);
      const velocity = this.#tf.keep(
        before === undefined ? gradient.clone() : before.mul(this.#momentum).add(gradient),
      );
      before?.dispose();
      this.#velocities.set(variable.name, velocity);
      variable.assign(variable.sub(velocity.mul(this.#learningRate)));
    }
    return value;
  }

  dispose(): void {
    for (const velocity of this.#velocities.values()) velocity.dispose();
    this.#velocities.clear();
  }
}
