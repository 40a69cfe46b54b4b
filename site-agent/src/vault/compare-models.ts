// What the federation was worth to this site: its own test rows under the federated model, and under one trained on its own rows alone.
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { accuracy, auroc } from '@wardround/learning/metrics';
import { prepared } from '@wardround/learning/statistics/prepared';
import { withPersonal } from '@wardround/learning/strategies/personal-layers';
import { answersOf } from '@wardround/learning/tfjs/answers';
import type { Backend } from '@wardround/learning/tfjs/backend';
import { trainLocalBaseline } from '@wardround/learning/tfjs/local-baseline';
import type { Tensor } from '@wardround/protocol/safetensors';
import type { Evaluation, EvaluationRequest } from './learner.ts';

const nothing: Evaluation = { localAccuracy: null, federatedAccuracy: null, localAuroc: null, federatedAuroc: null };

/** All null where there is no test row, the label is no class, or a site alone could not train such a model by gradients. */
export async function compareModels(backend: Backend, request: EvaluationRequest): Promise<Evaluation> {
  const { site, kept } = request;
  const final = decodeCheckpoint(request.final);
  const { plan, data } = prepared({ plan: request.plan, data: request.data.encoded, state: final.state });
  const { train, test } = data;
  const isCompared = plan.training.method === 'gradientDescent' && plan.model.kind !== 'gradientBoostedTrees';
  if (test.rows === 0 || plan.cohort.label.type !== 'binary' || !isCompared) return nothing;
  const answers = (model: readonly Tensor[]): Float64Array<ArrayBuffer> =>
    answersOf({ backend, plan, model, rows: test });
  const local = answers(await trainLocalBaseline({ backend, plan, data: train, site }));
  const federated = answers(withPersonal(final.model, kept, plan));
  return {
    localAccuracy: accuracy({ predictions: local, labels: test.labels }),
    federatedAccuracy: accuracy({ predictions: federated, labels: test.labels }),
    localAuroc: auroc({ predictions: local, labels: test.labels }),
    federatedAuroc: auroc({ predictions: federated, labels: test.labels }),
  };
}
