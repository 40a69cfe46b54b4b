// What the federation was worth to this site: its own test rows under the federated model, and under one that it could have trained alone.
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import type { Metric } from '@wardround/learning/metrics';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { compareOnOwnRows, type OwnComparison } from '@wardround/learning/tfjs/own-comparison';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Evaluation, EvaluationRequest } from './learner.ts';

/** Shown whatever the plan asks for, where the label is a class. */
const always: readonly Metric[] = ['accuracy', 'auroc'];

/** @throws WardroundError those of `compareOnOwnRows` */
export async function compareModels(backend: Backend, request: EvaluationRequest): Promise<Evaluation> {
  const { site, kept, data } = request;
  const plan = withMetrics(request.plan);
  const final = decodeCheckpoint(request.final);
  const compared = await compareOnOwnRows({ backend, plan, site, data: data.encoded, final, kept });
  return {
    localAccuracy: valueOf(compared.local, 'accuracy'),
    federatedAccuracy: valueOf(compared.federated, 'accuracy'),
    localAuroc: valueOf(compared.local, 'auroc'),
    federatedAuroc: valueOf(compared.federated, 'auroc'),
    metrics: plan.evaluation.metrics.map((metric, i) => ({
      metric,
      federated: figureOf(compared.federated[i]),
      local: figureOf(compared.local[i]),
    })),
  };
}

function withMetrics(plan: StudyPlan): StudyPlan {
  if (plan.cohort.label.type !== 'binary') return plan;
  const metrics = [...new Set([...plan.evaluation.metrics, ...always])];
  return { ...plan, evaluation: { ...plan.evaluation, metrics } };
}

type Results = OwnComparison['local'];

function valueOf(results: Results, metric: Metric): number | null {
  return results.find((result) => result.metric === metric)?.value ?? null;
}

function figureOf(result: Results[number] | undefined): Evaluation['metrics'][number]['local'] {
  if (result?.value === undefined || result.value === null) return null;
  const { value, interval } = result;
  return { value, interval: interval === null ? null : { low: interval.low, high: interval.high } };
}
