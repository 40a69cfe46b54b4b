// From the plan's strategy to the one that the enclave runs; those of later versions are refused by name.
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { fedAdagrad } from './fed-adagrad.ts';
import { fedAdam } from './fed-adam.ts';
import { fedAvgM } from './fed-avg-m.ts';
import { fedAvg } from './fed-avg.ts';
import { fedYogi } from './fed-yogi.ts';
import type { ServerStrategy } from './server-strategy.ts';

export const supportedStrategies = ['fedAvg', 'fedProx', 'fedAvgM', 'fedAdam', 'fedYogi', 'fedAdagrad'] as const;

/** @throws WardroundError `strategy-unsupported` */
export function serverStrategy(strategy: Strategy): ServerStrategy {
  switch (strategy.name) {
    case 'fedAvg':
    case 'fedProx':
      return fedAvg();
    case 'fedAvgM':
      return fedAvgM({ learningRate: Number(strategy.serverLearningRate), momentum: Number(strategy.momentum) });
    case 'fedAdam':
      return fedAdam(adaptiveOptions(strategy));
    case 'fedYogi':
      return fedYogi(adaptiveOptions(strategy));
    case 'fedAdagrad':
      return fedAdagrad({ learningRate: Number(strategy.serverLearningRate), tau: Number(strategy.tau) });
    default:
      throw new WardroundError('strategy-unsupported', 'this version cannot run that strategy', {
        expected: supportedStrategies.join(', '),
        got: strategy.name,
        where: 'strategy.name',
      });
  }
}

interface AdaptiveNumbers {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly tau: number;
}

function adaptiveOptions(strategy: Extract<Strategy, { name: 'fedAdam' | 'fedYogi' }>): AdaptiveNumbers {
  return {
    learningRate: Number(strategy.serverLearningRate),
    beta1: Number(strategy.beta1),
    beta2: Number(strategy.beta2),
    tau: Number(strategy.tau),
  };
}
