// What the federation was worth to this site: its own test rows under the federated model, and under one trained on its own rows alone.
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { accuracy, auroc } from '@wardround/learning/metrics';
import { taskOf } from '@wardround/learning/model-shape';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { trainLocalBaseline } from '@wardround/learning/tfjs/local-baseline';
import { predict } from '@wardround/learning/tfjs/predict';
import type { Bytes } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Evaluation, StudyData } from './learner.ts';

export interface Comparison {
  readonly plan: StudyPlan;
  readonly site: string;
  readonly data: StudyData;
  /** Bytes of the final checkpoint. */
  readonly final: Bytes;
}

const nothing: Evaluation = { localAccuracy: null, federatedAccuracy: null, localAuroc: null, federatedAuroc: null };

/** All null where there is no test row, or the label is a number. */
export async function compareModels(backend: Backend, { plan, site, data, final }: Comparison): Promise<Evaluation> {
  const { train, test } = data.encoded;
  if (test.rows === 0 || taskOf(plan) !== 'binary') return nothing;
  const answers = (model: readonly Tensor[]): Float64Array<ArrayBuffer> =>
    predict({ backend, plan, model, features: test.features });
  const local = answers(await trainLocalBaseline({ backend, plan, data: train, site }));
  const federated = answers(decodeCheckpoint(final).model);
  return {
    localAccuracy: accuracy({ predictions: local, labels: test.labels }),
    federatedAccuracy: accuracy({ predictions: federated, labels: test.labels }),
    localAuroc: auroc({ predictions: local, labels: test.labels }),
    federatedAuroc: auroc({ predictions: federated, labels: test.labels }),
  };
}
