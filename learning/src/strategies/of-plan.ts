// From the plan's strategy to the one that the enclave runs.
import type { Strategy } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { pathText } from '@wardround/protocol/plan/problems';
import { strategyProblems } from '@wardround/protocol/plan/strategy-problems';
import { fedAdagrad } from './fed-adagrad.ts';
import { fedAdam } from './fed-adam.ts';
import { fedAvgM } from './fed-avg-m.ts';
import { fedAvg } from './fed-avg.ts';
import { fedBn } from './fed-bn.ts';
import { fedNova } from './fed-nova.ts';
import { fedProx } from './fed-prox.ts';
import { fedYogi } from './fed-yogi.ts';
import { scaffold } from './scaffold.ts';
import { selectingRule } from './selecting-rule.ts';
import type { ServerStrategy } from './server-strategy.ts';
import { type StrategyPlan, type UpdateRule, ruleOfSums } from './update-rule.ts';

/** Those that need only the weighted sums of the whole model's differences. */
export const supportedStrategies = ['fedAvg', 'fedProx', 'fedAvgM', 'fedAdam', 'fedYogi', 'fedAdagrad'] as const;

/**
 * What the plan's strategy asks of a round and makes of it.
 *
 * @throws WardroundError `strategy-unsupported`, the first of `strategyProblems` by its code, `model-unsupported`, `model-label`
 */
export function updateRule(plan: StrategyPlan): UpdateRule {
  const { strategy } = plan;
  requireConsistent(plan);
  switch (strategy.name) {
    case 'scaffold':
      return scaffold(plan, strategy);
    case 'fedNova':
      return fedNova(plan);
    case 'fedBn':
      return fedBn(plan, strategy);
    case 'selectingRule':
      return selectingRule(plan, strategy);
    default:
      return ruleOfSums(plan, serverStrategy(strategy));
  }
}

/** One of {@link supportedStrategies}. @throws WardroundError `strategy-unsupported` */
export function serverStrategy(strategy: Strategy): ServerStrategy {
  switch (strategy.name) {
    case 'fedAvg':
      return fedAvg();
    case 'fedProx':
      return fedProx();
    case 'fedAvgM':
      return fedAvgM({ learningRate: Number(strategy.serverLearningRate), momentum: Number(strategy.momentum) });
    case 'fedAdam':
      return fedAdam(adaptiveOptions(strategy));
    case 'fedYogi':
      return fedYogi(adaptiveOptions(strategy));
    case 'fedAdagrad':
      return fedAdagrad({ learningRate: Number(strategy.serverLearningRate), tau: Number(strategy.tau) });
    default:
      throw new WardroundError('strategy-unsupported', 'that strategy does not work on sums of updates alone', {
        expected: supportedStrategies.join(', '),
        got: strategy.name,
        where: 'strategy.name',
      });
  }
}

/** What the researcher's compiler said already, for who must not believe him. */
function requireConsistent(plan: StrategyPlan): void {
  const [problem] = strategyProblems(plan, 0);
  if (problem === undefined) return;
  const { code, message, path, expected, got } = problem;
  throw new WardroundError(code, message, {
    where: pathText(path),
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  });
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
