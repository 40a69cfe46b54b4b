// An evaluation round at a site: the global model, with the site's own layers where the plan has such, on the site's test rows.
import { localEvaluation } from '../evaluation/local-evaluation.ts';
import type { LocalContribution, StageRequest } from '../rounds/local-work.ts';
import { withPersonal } from '../strategies/personal-layers.ts';
import { answersOf } from './answers.ts';

/** @param request rows standardised @throws WardroundError those of `answersOf` and `localEvaluation` */
export function evaluateLocally(request: StageRequest<'evaluation'>): LocalContribution {
  const { backend, plan, base, data, kept, site, stage } = request;
  const { test } = data;
  const model = withPersonal(base.model, kept, plan);
  const predictions = answersOf({ backend, plan, model, rows: test });
  const answers = {
    predictions,
    labels: Float64Array.from(test.labels),
    ...(test.events === undefined ? {} : { events: test.events }),
  };
  const integers = localEvaluation({ plan, site, trainingRound: stage.trainingRound, answers });
  return { integers, kept, loss: null };
}
