// How good a model is on test rows, by the plan's metrics: at one site, or over all sites' rows together.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { type Answers, evaluate, type Metric } from '@wardround/learning/metrics';
import { taskOf } from '@wardround/learning/model-shape';
import type { SimulatedSite } from '@wardround/learning/simulation/simulate-study';
import { prepared } from '@wardround/learning/statistics/prepared';
import { withPersonal } from '@wardround/learning/strategies/personal-layers';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';

export interface Score {
  readonly metric: Metric;
  /** Null where it is not defined, as an AUROC of one class. */
  readonly value: number | null;
  /** 95 %; null where none was made. */
  readonly interval: { readonly low: number; readonly high: number } | null;
}

/** A model with the state that standardises its inputs, and what each site keeps for itself. */
export interface Trained {
  readonly checkpoint: Checkpoint;
  readonly kept: ReadonlyMap<string, readonly Tensor[]>;
}

export interface Scorer {
  readonly backend: Backend;
  readonly plan: StudyPlan;
}

export function scoreSite(scorer: Scorer, site: SimulatedSite, trained: Trained | null): readonly Score[] {
  return trained === null ? [] : scoresOf(scorer.plan, answersOf(scorer, site, trained));
}

/** Every site's test rows under the model as that site has it, judged together. */
export function scorePooled({
  trained,
  sites,
  ...scorer
}: Scorer & { readonly sites: readonly SimulatedSite[]; readonly trained: Trained | null }): readonly Score[] {
  if (trained === null) return [];
  const parts = sites.map((site) => answersOf(scorer, site, trained));
  return scoresOf(scorer.plan, {
    predictions: Float64Array.from(parts.flatMap(({ predictions }) => [...predictions])),
    labels: Float64Array.from(parts.flatMap(({ labels }) => [...labels])),
  });
}

function answersOf({ backend, plan }: Scorer, site: SimulatedSite, { checkpoint, kept }: Trained): Answers {
  const { data } = prepared({ plan, data: site.data, state: checkpoint.state });
  const model = withPersonal(checkpoint.model, kept.get(site.name) ?? [], plan);
  const { test } = data;
  return {
    predictions: predict({ backend, plan, model, features: test.features }),
    labels: Float64Array.from(test.labels),
  };
}

function scoresOf(plan: StudyPlan, answers: Answers): readonly Score[] {
  const { metrics } = plan.evaluation;
  const values = evaluate(metrics, taskOf(plan), answers);
  return metrics.map((metric) => ({ metric, value: values[metric] ?? null, interval: null }));
}
