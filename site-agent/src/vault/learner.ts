// What the vault asks of learning: the initial checkpoint, one round's integers, and the comparison at the end.
import { checkCohort } from '@wardround/datasets/contract';
import { type EncodedSite, encodeSiteRows } from '@wardround/datasets/encode';
import { readSnapshot } from '@wardround/datasets/snapshot';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { workLocally } from '@wardround/learning/rounds/local-work';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import type { BackendName } from '@wardround/learning/tfjs/backend-name';
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { PayloadTensor } from '@wardround/protocol/payload';
import type { Tensor } from '@wardround/protocol/safetensors';

export interface InitialCheckpoint {
  readonly bytes: Bytes;
  readonly checkpoint: string;
  readonly model: string;
}

/** The study's rows at this site, ready to train on. */
export interface StudyData {
  readonly snapshot: string;
  /** Numbers as the data have them: learning standardises, by the statistics of all sites where the plan says so. */
  readonly encoded: EncodedSite;
}

export interface WorkRequest {
  readonly plan: StudyPlan;
  readonly site: string;
  /** Of the study; the plan says what it is for. */
  readonly round: number;
  /** Bytes of the base checkpoint, whose digest was checked. */
  readonly base: Bytes;
  readonly data: StudyData;
  /** This site's own state, as the newest round that counted it left it. */
  readonly kept: readonly Tensor[];
}

export interface WorkDone {
  /** The round's integers, as its task lays them out. */
  readonly tensors: readonly PayloadTensor[];
  /** This site's own state from the moment that a cosigned receipt counts these integers. */
  readonly kept: readonly Tensor[];
}

export interface Evaluation {
  readonly localAccuracy: number | null;
  readonly federatedAccuracy: number | null;
  readonly localAuroc: number | null;
  readonly federatedAuroc: number | null;
  /** Every metric of the plan, and those above, with 95 % intervals; null where one is not defined for this site's rows. */
  readonly metrics: readonly {
    readonly metric: string;
    readonly federated: Figure | null;
    readonly local: Figure | null;
  }[];
}

export interface Figure {
  readonly value: number;
  readonly interval: { readonly low: number; readonly high: number } | null;
}

export type EvaluationRequest = Omit<WorkRequest, 'round' | 'base'> & { readonly final: Bytes };

export interface Learner {
  /** Named in logs. */
  describe(): Promise<string>;
  /** Computed from the plan alone, by every party itself. */
  initial(plan: StudyPlan): InitialCheckpoint;
  /** @throws WardroundError `snapshot-*`, `cohort-*` */
  load(file: { readonly path: string; readonly digest: string }, plan: StudyPlan): Promise<StudyData>;
  /** This site's part of a round, whatever the round is for. */
  work(request: WorkRequest): Promise<WorkDone>;
  /** The federated model beside one that was trained on this site's rows alone, on this site's test rows. */
  evaluate(request: EvaluationRequest): Promise<Evaluation>;
}

export class TfjsLearner implements Learner {
  readonly #name: BackendName;
  #backend: Promise<Backend> | null = null;

  constructor(name: BackendName) {
    this.#name = name;
  }

  async describe(): Promise<string> {
    return (await this.#start()).description;
  }

  initial(plan: StudyPlan): InitialCheckpoint {
    const { bytes, checkpoint, model } = initialCheckpoint(plan);
    return { bytes, checkpoint, model };
  }

  async load({ path, digest }: { path: string; digest: string }, plan: StudyPlan): Promise<StudyData> {
    const { table } = await readSnapshot(path, digest);
    return { snapshot: digest, encoded: encodeSiteRows(checkCohort(table, plan.cohort)) };
  }

  async work({ plan, site, round, base, data, kept }: WorkRequest): Promise<WorkDone> {
    const backend = await this.#start();
    const content = decodeCheckpoint(base);
    const done = await workLocally({ backend, plan, site, round, base: content, data: data.encoded, kept });
    const tensors = roundTask(plan, round).tensors.map((header, i) => ({
      header,
      values: ownIntegers(done.integers[i]),
    }));
    return { tensors, kept: done.kept };
  }

  async evaluate(request: EvaluationRequest): Promise<Evaluation> {
    const { compareModels } = await import('./compare-models.ts');
    return await compareModels(await this.#start(), request);
  }

  async #start(): Promise<Backend> {
    this.#backend ??= startBackend(this.#name);
    return await this.#backend;
  }
}

/** A payload's integers lie in memory of their own. */
function ownIntegers(values: Int32Array | BigInt64Array | undefined): PayloadTensor['values'] {
  if (values instanceof Int32Array) return Int32Array.from(values);
  if (values instanceof BigInt64Array) return BigInt64Array.from(values);
  throw new WardroundError('payload-shape', 'the round made no integers for one of its tensors', { action: 'stop' });
}
