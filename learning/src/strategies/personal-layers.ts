// A site's own tensors under FedBN: what it keeps from round to round, and the model that it trains and is measured with.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { requireFloat32 } from '../tensor-view.ts';

const prefix = 'personal.';

/** The names of the tensors that stay at their site; none but for FedBN. */
export function personalNames({ strategy }: Pick<StudyPlan, 'strategy'>): readonly string[] {
  return strategy.name === 'fedBn' ? strategy.personal : [];
}

/**
 * The global model with this site's own tensors in it, where the plan has such: what it trains from, and what is evaluated at this site.
 *
 * @param model every tensor of the model, float32 @param kept what the site kept of the last round that counted it; empty before
 * @throws WardroundError `tensors-mismatch`, `tensors-not-finite` where what it kept is not of the model
 */
export function withPersonal(
  model: readonly Tensor[],
  kept: readonly Tensor[],
  plan: Pick<StudyPlan, 'strategy'>,
): readonly Tensor[] {
  const names = personalNames(plan);
  return model.map((tensor) => {
    const own = names.includes(tensor.name) ? kept.find(({ name }) => name === prefix + tensor.name) : undefined;
    if (own === undefined) return tensor;
    const [checked = tensor] = requireFloat32([{ ...own, name: tensor.name }], [tensor]);
    return checked;
  });
}

/** What the site keeps of a model that it trained. */
export function keepPersonal(model: readonly Tensor[], plan: Pick<StudyPlan, 'strategy'>): readonly Tensor[] {
  const names = personalNames(plan);
  return model.filter(({ name }) => names.includes(name)).map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
}
