// A whole study in one process: every round through the same tasks and the same local work as in a federation, without what lies between
// the parties. Nothing is attested, sealed or signed here.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { Tensor } from '@wardround/protocol/safetensors';
import { lastRound, type Stage, stageOf } from '@wardround/protocol/schedule';
import type { Checkpoint } from '../checkpoint.ts';
import { initialCheckpoint } from '../rounds/initial-checkpoint.ts';
import { type LocalContribution, workLocally } from '../rounds/local-work.ts';
import { type ClosedContributions, roundTask } from '../rounds/round-task.ts';
import type { SiteRows } from '../rounds/site-rows.ts';
import type { Backend } from '../tfjs/backend.ts';
import { requireFloat32 } from '../tensor-view.ts';
import { SumsInMemory } from './sums-in-memory.ts';

export interface SimulatedSite {
  readonly name: string;
  readonly data: SiteRows;
  /** What its approval would state: training patients, or 1. */
  readonly weight: number;
}

export interface Simulation {
  readonly backend: Backend;
  readonly plan: StudyPlan;
  readonly sites: readonly SimulatedSite[];
  /** In the place of the plan's initial weights. */
  readonly initialModel?: readonly Tensor[];
  /** In the place of the plan's seeded order of rows, for sites that it knows. */
  readonly batches?: (site: SimulatedSite, trainingRound: number) => Iterable<Uint32Array> | undefined;
  /** Whether a site misses an attempt. */
  readonly isAway?: (place: { readonly site: string; readonly round: number; readonly attempt: number }) => boolean;
}

export interface SimulatedRound {
  readonly round: number;
  readonly stage: Stage;
  /** Sites that contributed, in the simulation's order; who is missing was away. */
  readonly contributors: readonly string[];
  readonly totalWeight: number;
  /** Attempts that fell short before this one. */
  readonly shortfalls: number;
  /** Weighted mean of the sites' training losses; null where nothing was trained. */
  readonly loss: number | null;
  readonly checkpoint: Checkpoint;
  /** What each site keeps for itself after this round, by name. */
  readonly kept: ReadonlyMap<string, readonly Tensor[]>;
}

/**
 * The study's rounds, one after the other. The same simulation gives the same bytes.
 *
 * @throws WardroundError `simulation-shortfall` (too few sites, or one too heavy, `maxAttempts` times), `tensors-mismatch` (initial model),
 * and those of the tasks
 */
export async function* simulateStudy(simulation: Simulation): AsyncGenerator<SimulatedRound, void> {
  const { plan, sites, initialModel } = simulation;
  let checkpoint = initialCheckpoint(plan).content;
  if (initialModel !== undefined) checkpoint = { ...checkpoint, model: requireFloat32(initialModel, checkpoint.model) };
  let kept: ReadonlyMap<string, readonly Tensor[]> = new Map(sites.map(({ name }) => [name, []]));
  for (let round = 1; round <= lastRound(plan); round += 1) {
    const result = await runRound(simulation, { round, base: checkpoint, kept });
    ({ checkpoint, kept } = result);
    yield result;
  }
}

interface Start {
  readonly round: number;
  readonly base: Checkpoint;
  readonly kept: ReadonlyMap<string, readonly Tensor[]>;
}

async function runRound(simulation: Simulation, { round, base, kept }: Start): Promise<SimulatedRound> {
  const { plan } = simulation;
  const stage = stageOf(plan, round);
  const task = roundTask(plan, round);
  const { present, shortfalls } = attend(simulation, round);
  const sums = new SumsInMemory(task);
  const keptNow = new Map(kept);
  let weightedLoss = 0;
  let lossWeight = 0;
  for (const site of present) {
    const contribution = await contributionOf(simulation, site, { round, base, kept });
    sums.add(contribution.integers, site.weight);
    keptNow.set(site.name, contribution.kept);
    if (contribution.loss !== null) {
      weightedLoss += site.weight * contribution.loss;
      lossWeight += site.weight;
    }
  }
  const totalWeight = present.reduce((sum, { weight }) => sum + weight, 0);
  const closed: ClosedContributions = { base, ...sums.result(), totalWeight, contributors: present.length };
  return {
    round,
    stage,
    contributors: present.map(({ name }) => name),
    totalWeight,
    shortfalls,
    loss: lossWeight === 0 ? null : weightedLoss / lossWeight,
    checkpoint: { round, ...task.next(closed) },
    kept: keptNow,
  };
}

async function contributionOf(
  { backend, plan, batches }: Simulation,
  site: SimulatedSite,
  { round, base, kept }: Start,
): Promise<LocalContribution> {
  const stage = stageOf(plan, round);
  const order = stage.task === 'update' ? batches?.(site, stage.trainingRound) : undefined;
  return await workLocally({
    backend,
    plan,
    site: site.name,
    round,
    base,
    data: site.data,
    kept: kept.get(site.name) ?? [],
    ...(order === undefined ? {} : { batches: order }),
  });
}

/** The first attempt with K sites and none too heavy, as the enclave would close one. */
function attend(
  { plan, sites, isAway }: Simulation,
  round: number,
): { readonly present: readonly SimulatedSite[]; readonly shortfalls: number } {
  const { minimum, maxAttempts, onShortfall } = plan.sites;
  const attempts = onShortfall === 'stop' ? 1 : maxAttempts;
  let most = 0;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const present = sites.filter(({ name }) => isAway?.({ site: name, round, attempt }) !== true);
    if (present.length >= minimum && heaviestShare(present) <= Number(plan.sites.maxShare))
      return { present, shortfalls: attempt - 1 };
    most = Math.max(most, present.length);
  }
  throw new WardroundError('simulation-shortfall', 'the round fell short in every attempt that the plan allows', {
    where: `round ${round}`,
    expected: `${minimum} sites, none with more than ${plan.sites.maxShare} of the weight`,
    got: `at most ${most} of ${sites.length} sites; the heaviest of all has ${heaviestShare(sites).toFixed(3)}`,
  });
}

function heaviestShare(sites: readonly SimulatedSite[]): number {
  const total = sites.reduce((sum, { weight }) => sum + weight, 0);
  return sites.reduce((most, { weight }) => Math.max(most, weight / total), 0);
}
