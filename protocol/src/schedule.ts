// What each round of a study is for, from the plan alone: every party computes the same schedule, so no order can ask for something else.
import type { StudyPlan } from './documents/study-plan.ts';
import { WardroundError } from './errors.ts';

export type ScheduledPlan = Pick<
  StudyPlan,
  'cohort' | 'evaluation' | 'model' | 'rounds' | 'statistics' | 'strategy' | 'training'
>;

/** `trainingRound` counts from 1 to the plan's `rounds`; an evaluation names the training round that it follows. */
export type Stage =
  /** Federated statistics of the cohorts, before any training. */
  | { readonly task: 'statistics' }
  /** Local training of the whole model; its differences are combined by the strategy. */
  | { readonly task: 'update'; readonly trainingRound: number }
  /** Sums of gradients and Hessians (or of their histograms, for trees); the enclave makes the step. */
  | { readonly task: 'newton'; readonly trainingRound: number }
  /** The global model on every site's test rows, pooled. */
  | { readonly task: 'evaluation'; readonly trainingRound: number; readonly final: boolean };

/** The tasks whose rounds release a result to everybody, and leave the model as it is. */
export function releasesResult(task: string): task is 'statistics' | 'evaluation' {
  return task === 'statistics' || task === 'evaluation';
}

/** Whether the study begins with a round of statistics: asked for, or needed to standardise or to weigh classes. */
export function beginsWithStatistics({ cohort, statistics, training }: ScheduledPlan): boolean {
  return (
    statistics.length > 0 ||
    cohort.standardise === 'federated' ||
    (training.method === 'gradientDescent' && training.classWeights.method === 'federated')
  );
}

/** The number of the study's last round; the model is final after it. */
export function lastRound(plan: ScheduledPlan): number {
  return (
    roundsBeforeTraining(plan) + plan.rounds + evaluationsBefore(plan, plan.rounds) + (evaluatesAtEnd(plan) ? 1 : 0)
  );
}

/**
 * What round number `round` (from 1) is for.
 *
 * @throws WardroundError `schedule-round` outside the plan
 */
export function stageOf(plan: ScheduledPlan, round: number): Stage {
  const last = lastRound(plan);
  if (!Number.isInteger(round) || round < 1 || round > last) {
    throw new WardroundError('schedule-round', 'the plan has no such round', {
      expected: `1 to ${last}`,
      got: String(round),
    });
  }
  const place = round - roundsBeforeTraining(plan);
  if (place === 0) return { task: 'statistics' };
  if (round === last && evaluatesAtEnd(plan)) return { task: 'evaluation', trainingRound: plan.rounds, final: true };
  const { everyRounds } = plan.evaluation;
  if (!evaluatesBetween(plan)) return training(plan, place);
  const blocks = Math.floor(place / (everyRounds + 1));
  const isEvaluation = place % (everyRounds + 1) === 0;
  return isEvaluation
    ? { task: 'evaluation', trainingRound: blocks * everyRounds, final: false }
    : training(plan, place - blocks);
}

/** The first and the last of every sort of round that the plan schedules: what can carry out these can carry out all. */
export function boundingStages(plan: ScheduledPlan): readonly Stage[] {
  const last = lastRound(plan);
  const firstTraining = roundsBeforeTraining(plan) + 1;
  const lastTraining = evaluatesAtEnd(plan) ? last - 1 : last;
  const between = evaluationsBefore(plan, plan.rounds) > 0 ? [firstTraining + plan.evaluation.everyRounds] : [];
  const rounds = new Set([1, firstTraining, ...between, lastTraining, last]);
  return [...rounds].toSorted((a, b) => a - b).map((round) => stageOf(plan, round));
}

function training(plan: ScheduledPlan, trainingRound: number): Stage {
  const sums = plan.training.method === 'newton' || plan.model.kind === 'gradientBoostedTrees';
  return { task: sums ? 'newton' : 'update', trainingRound };
}

function roundsBeforeTraining(plan: ScheduledPlan): number {
  return beginsWithStatistics(plan) ? 1 : 0;
}

function evaluatesAtEnd({ evaluation }: ScheduledPlan): boolean {
  return evaluation.metrics.length > 0;
}

function evaluatesBetween({ evaluation }: ScheduledPlan): boolean {
  return evaluation.metrics.length > 0 && evaluation.everyRounds > 0;
}

/** Evaluations that stand before the last one: one after each `everyRounds` training rounds, but not after the last of them. */
function evaluationsBefore(plan: ScheduledPlan, rounds: number): number {
  return evaluatesBetween(plan) ? Math.floor((rounds - 1) / plan.evaluation.everyRounds) : 0;
}
