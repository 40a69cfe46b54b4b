// The formats in which a model can be released, and which models each can hold. Asked before a plan is signed, so it pulls in no writer.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';

export type ReleaseFormat = StudyPlan['release']['formats'][number];
type ModelKind = StudyPlan['model']['kind'];

/** A tfjs layers model is a chain of layers, and no layer is a decision tree. */
const lacking: Readonly<Record<ReleaseFormat, readonly ModelKind[]>> = {
  safetensors: [],
  tfjs: ['gradientBoostedTrees'],
  onnx: [],
};

/** @throws WardroundError `export-unsupported` for a format that cannot hold this kind of model */
export function requireSupportedFormats(formats: readonly ReleaseFormat[], model: ModelKind): void {
  for (const format of formats) {
    if (!lacking[format].includes(model)) continue;
    const others = Object.entries(lacking).flatMap(([name, kinds]) => (kinds.includes(model) ? [] : [name]));
    throw new WardroundError('export-unsupported', `that format cannot hold a model of the kind ${model}`, {
      expected: others.join(', '),
      got: format,
      where: 'release.formats',
    });
  }
}
