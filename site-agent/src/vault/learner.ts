// What the vault asks of learning: the initial checkpoint, one round's integers, and the comparison at the end.
import { checkCohort } from '@wardround/datasets/contract';
import { type EncodedCohort, encodeCohort } from '@wardround/datasets/encode';
import { readSnapshot } from '@wardround/datasets/snapshot';
import { checkpointDigest, decodeCheckpoint, encodeCheckpoint, modelDigest } from '@wardround/learning/checkpoint';
import { initialModel } from '@wardround/learning/initial-model';
import { serverStrategy } from '@wardround/learning/strategies/of-plan';
import { type Backend, type BackendName, startBackend } from '@wardround/learning/tfjs/backend';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { quantiseUpdate } from '@wardround/learning/update';
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { PayloadTensor } from '@wardround/protocol/payload';

export interface InitialCheckpoint {
  readonly bytes: Bytes;
  readonly checkpoint: string;
  readonly model: string;
}

/** The study's rows at this site, ready to train on. */
export interface StudyData {
  readonly snapshot: string;
  readonly encoded: EncodedCohort;
}

export interface TrainingRequest {
  readonly plan: StudyPlan;
  readonly site: string;
  readonly round: number;
  /** Bytes of the base checkpoint, whose digest was checked. */
  readonly base: Bytes;
  readonly data: StudyData;
}

export interface Evaluation {
  readonly localAccuracy: number | null;
  readonly federatedAccuracy: number | null;
  readonly localAuroc: number | null;
  readonly federatedAuroc: number | null;
}

export interface Learner {
  /** Named in logs. */
  describe(): Promise<string>;
  /** Computed from the plan alone, by every party itself. */
  initial(plan: StudyPlan): InitialCheckpoint;
  /** @throws WardroundError `snapshot-*`, `cohort-*` */
  load(file: { readonly path: string; readonly digest: string }, plan: StudyPlan): Promise<StudyData>;
  /** The round's integers, within the plan's bound. */
  train(request: TrainingRequest): Promise<readonly PayloadTensor[]>;
  /** The federated model beside one that was trained on this site's rows alone, on this site's test rows. */
  evaluate(request: Omit<TrainingRequest, 'round' | 'base'> & { readonly final: Bytes }): Promise<Evaluation>;
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
    const model = initialModel(plan);
    const bytes = encodeCheckpoint({ round: 0, model, state: serverStrategy(plan.strategy).initialState(model) });
    return { bytes, checkpoint: checkpointDigest(bytes), model: modelDigest(model) };
  }

  async load({ path, digest }: { path: string; digest: string }, plan: StudyPlan): Promise<StudyData> {
    const { table } = await readSnapshot(path, digest);
    return { snapshot: digest, encoded: encodeCohort(checkCohort(table, plan.cohort)) };
  }

  async train({ plan, site, round, base, data }: TrainingRequest): Promise<readonly PayloadTensor[]> {
    const backend = await this.#start();
    const { model } = decodeCheckpoint(base);
    const trained = await trainLocally({ backend, plan, model, data: data.encoded.train, site, round });
    const { ring, stepLog2 } = plan.encoding.update;
    const { tensors } = quantiseUpdate({ base: model, local: trained.model }, plan.encoding.update);
    return tensors.map(({ name, shape, data: values }) => ({
      header: { name, shape: [...shape], ring, stepLog2, weighting: 'byEnclave' },
      values,
    }));
  }

  async evaluate(request: Omit<TrainingRequest, 'round' | 'base'> & { readonly final: Bytes }): Promise<Evaluation> {
    const { compareModels } = await import('./compare-models.ts');
    return await compareModels(await this.#start(), request);
  }

  async #start(): Promise<Backend> {
    this.#backend ??= startBackend(this.#name);
    return await this.#backend;
  }
}
