// How good a model is on test rows, by the plan's metrics: at one site, or over all sites' rows together.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { type OwnResult, ownResults } from '@wardround/learning/metrics/own-results';
import { type Answers, evaluate } from '@wardround/learning/metrics';
import type { SimulatedSite } from '@wardround/learning/simulation/simulate-study';
import { prepared } from '@wardround/learning/statistics/prepared';
import { withPersonal } from '@wardround/learning/strategies/personal-layers';
import { answersOf } from '@wardround/learning/tfjs/answers';
import type { Backend } from '@wardround/learning/tfjs/backend';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';

export type Score = OwnResult;

/** A model with the plan and state that standardise its inputs, and what each site keeps for itself. */
export interface Trained {
  readonly plan: StudyPlan;
  readonly checkpoint: Checkpoint;
  readonly kept: ReadonlyMap<string, readonly Tensor[]>;
}

export interface Scorer {
  readonly backend: Backend;
  readonly plan: StudyPlan;
}

interface Everywhere extends Scorer {
  readonly sites: readonly SimulatedSite[];
  readonly trained: Trained | null;
}

/** With bootstrap intervals. */
export function scoreSite(scorer: Scorer, site: SimulatedSite, trained: Trained | null): readonly Score[] {
  if (trained === null) return [];
  return ownResults({ plan: scorer.plan, site: site.name, ...answersAt(scorer, site, trained) });
}

/** Every site's test rows under the model as that site has it, judged together, with bootstrap intervals. */
export function scorePooled({ trained, ...everywhere }: Everywhere): readonly Score[] {
  return trained === null
    ? []
    : ownResults({ plan: everywhere.plan, site: 'all sites', ...answersEverywhere(everywhere, trained) });
}

/** The same without intervals: for every round. */
export function scoreRound({ trained, ...everywhere }: Everywhere): readonly Score[] {
  const { plan } = everywhere;
  const { metrics } = plan.evaluation;
  if (trained === null || metrics.length === 0) return [];
  const values = evaluate(metrics, plan.cohort.label.type, answersEverywhere(everywhere, trained));
  return metrics.map((metric) => ({ metric, value: values[metric] ?? null, interval: null }));
}

function answersEverywhere({ sites, ...scorer }: Omit<Everywhere, 'trained'>, trained: Trained): Answers {
  const parts = sites.map((site) => answersAt(scorer, site, trained));
  const concatenated = (of: (part: Answers) => ArrayLike<number>): Float64Array =>
    Float64Array.from(parts.flatMap((part) => Array.from(of(part))));
  const isSurvival = scorer.plan.cohort.label.type === 'survival';
  return {
    predictions: concatenated(({ predictions }) => predictions),
    labels: concatenated(({ labels }) => labels),
    ...(isSurvival ? { events: concatenated(({ events }) => events ?? []) } : {}),
  };
}

function answersAt({ backend }: Scorer, site: SimulatedSite, { plan, checkpoint, kept }: Trained): Answers {
  const { data } = prepared({ plan, data: site.data, state: checkpoint.state });
  const model = withPersonal(checkpoint.model, kept.get(site.name) ?? [], plan);
  const { labels, events } = data.test;
  const predictions = answersOf({ backend, plan, model, rows: data.test });
  return { predictions, labels, ...(events === undefined ? {} : { events }) };
}
