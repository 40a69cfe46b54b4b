// One plan simulated: the federation round by round, then what it was worth to each site beside models trained alone and on pooled rows.
import type { Checkpoint } from '@wardround/learning/checkpoint';
import { type SimulatedSite, type Simulation, simulateStudy } from '@wardround/learning/simulation/simulate-study';
import type { Backend } from '@wardround/learning/tfjs/backend';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { lastRound } from '@wardround/protocol/schedule';
import { type Comparison, compareModels } from './compare-models.ts';
import { type Score, scoreRound, type Trained } from './score.ts';

export interface SimulationJob {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  readonly sites: readonly SimulatedSite[];
  readonly initialModel: readonly Tensor[] | null;
  readonly batches: NonNullable<Simulation['batches']> | null;
  /** Who misses which attempt; null where everybody always comes. */
  readonly isAway: NonNullable<Simulation['isAway']> | null;
  /** Whether to train the models that the federated one is compared with. */
  readonly baselines: boolean;
  readonly onRound: (round: RoundReport) => void;
  /** Before a baseline is trained. */
  readonly onBaseline: (name: string) => void;
}

export interface RoundReport {
  readonly round: number;
  readonly rounds: number;
  readonly task: string;
  /** The training round that this one is or follows; null for statistics. */
  readonly trainingRound: number | null;
  readonly contributors: number;
  readonly sites: number;
  /** Attempts that fell short before. */
  readonly shortfalls: number;
  readonly loss: number | null;
  /** Of the global model on all sites' test rows together; empty after rounds that do not train, or without test rows. */
  readonly pooled: readonly Score[];
  readonly seconds: number;
}

export interface SimulatedRoundReport {
  readonly report: RoundReport;
  /** After the round. */
  readonly checkpoint: Checkpoint;
}

export interface SimulationResult {
  readonly rounds: readonly SimulatedRoundReport[];
  readonly comparisons: readonly Comparison[];
  readonly final: Checkpoint;
}

/** @throws WardroundError those of `simulateStudy` */
export async function runSimulation(job: SimulationJob): Promise<SimulationResult> {
  const { plan, sites } = job;
  const rounds: SimulatedRoundReport[] = [];
  const contributed = new Map<string, number>();
  let trained: Trained | null = null;
  let started = performance.now();
  for await (const { round, stage, contributors, shortfalls, loss, checkpoint, kept } of simulateStudy(
    federationOf(job),
  )) {
    for (const name of contributors) contributed.set(name, (contributed.get(name) ?? 0) + 1);
    trained = { plan, checkpoint, kept };
    const trains = stage.task === 'update' || stage.task === 'newton';
    const report: RoundReport = {
      round,
      rounds: lastRound(plan),
      task: stage.task,
      trainingRound: stage.task === 'statistics' ? null : stage.trainingRound,
      contributors: contributors.length,
      sites: sites.length,
      shortfalls,
      loss,
      pooled: trains ? scoreRound({ ...job, trained }) : [],
      seconds: (performance.now() - started) / 1000,
    };
    rounds.push({ report, checkpoint });
    job.onRound(report);
    started = performance.now();
  }
  if (trained === null) throw new Error('a plan has at least one round');
  const comparisons = await compareModels(job, { federated: trained, contributed });
  return { rounds, comparisons, final: trained.checkpoint };
}

function federationOf({ backend, plan, sites, initialModel, batches, isAway }: SimulationJob): Simulation {
  return {
    backend,
    plan,
    sites,
    ...(initialModel === null ? {} : { initialModel }),
    ...(batches === null ? {} : { batches }),
    ...(isAway === null ? {} : { isAway }),
  };
}
