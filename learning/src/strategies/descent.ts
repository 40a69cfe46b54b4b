// The local optimiser of a plan, for the strategies whose equations speak of its steps.
import type { StudyPlan, Training } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';

export type Descent = Extract<Training, { method: 'gradientDescent' }>;

/** @throws WardroundError `training-unsupported` for Newton's method, which has no local steps */
export function descentOf({ training }: Pick<StudyPlan, 'training'>): Descent {
  if (training.method === 'gradientDescent') return training;
  throw new WardroundError('training-unsupported', 'this strategy is one of gradient descent', {
    where: 'training.method',
    got: training.method,
  });
}
