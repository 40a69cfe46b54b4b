// What a plan for Newton's method or for Cox's model must agree on with itself, before anybody computes.
import type { PlanProblem } from './problems.ts';
import type { UnboundPlan } from './unbound-plan.ts';

/** Those whose training can be a sum that the enclave solves. */
const newtonModels: readonly string[] = [
  'logisticRegression',
  'linearRegression',
  'coxProportionalHazards',
  'gradientBoostedTrees',
];

/** A batch's events × rows are one matrix on the backend (learning's `largestCoxBatch`). */
const largestCoxBatch = 4096;

export function newtonProblems(plan: UnboundPlan): PlanProblem[] {
  return [...modelProblems(plan), ...startProblems(plan), ...coxProblems(plan)];
}

function modelProblems({ model, training }: UnboundPlan): PlanProblem[] {
  if (training.method !== 'newton' || newtonModels.includes(model.kind)) return [];
  return [
    {
      path: ['training', 'optimizer'],
      code: 'newton-model',
      message: "Newton's method needs a model with one column of coefficients, or trees",
      expected: `sgd or adam, or one of ${newtonModels.join(', ')}`,
      got: model.kind,
    },
  ];
}

/** Trees say so themselves. */
function startProblems({ model, training, initialWeights }: UnboundPlan): PlanProblem[] {
  const isFree = training.method !== 'newton' || model.kind === 'gradientBoostedTrees';
  if (isFree || initialWeights.method === 'zeros') return [];
  return [
    {
      path: ['initialWeights'],
      code: 'newton-initial-weights',
      message: "Newton's method starts from zeros: its optimum needs no other",
      expected: 'zeros',
      got: initialWeights.method,
    },
  ];
}

function coxProblems({ model, training }: UnboundPlan): PlanProblem[] {
  if (model.kind !== 'coxProportionalHazards') return [];
  const problems: PlanProblem[] = [];
  if (model.stratify !== 'bySite') {
    problems.push({
      path: ['model', 'stratify'],
      code: 'cox-stratify',
      message: "risk sets over all sites would need each patient's time to leave the site",
      expected: 'bySite',
      got: model.stratify,
    });
  }
  if (training.method === 'gradientDescent' && training.batchSize > largestCoxBatch) {
    problems.push({
      path: ['training', 'batchSize'],
      code: 'cox-batch',
      message: 'the risk sets of so large a batch do not fit',
      expected: `at most ${largestCoxBatch}`,
      got: String(training.batchSize),
    });
  }
  return problems;
}
