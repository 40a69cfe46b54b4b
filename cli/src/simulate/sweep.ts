// `--sweep PATH=V1,V2`: the same simulation once for each value of a plan's field, or each combination of several.
import { parse } from 'yaml';
import { WardroundError } from '@wardround/protocol/errors';

export interface SweptField {
  /** As in the plan: `strategy.mu`, `sites.roster`. */
  readonly path: readonly string[];
  readonly values: readonly unknown[];
}

export interface Variant {
  /** What is changed, as a person would write it; empty where nothing is. */
  readonly changes: Readonly<Record<string, unknown>>;
  /** The plan's YAML value with the changes. */
  readonly value: unknown;
}

const maxVariants = 1000;

/** @throws WardroundError `usage` */
export function parseSweep(text: string): SweptField {
  const equals = text.indexOf('=');
  const path = text.slice(0, equals).trim().split('.');
  const rest = text.slice(equals + 1).trim();
  if (equals < 1 || path.includes('') || rest === '') throw badSweep(text);
  let values: unknown;
  try {
    // A flow sequence, so that commas inside braces, brackets and quotes stay where they are.
    values = parse(`[${rest}]`);
  } catch {
    throw badSweep(text);
  }
  if (!Array.isArray(values) || values.length === 0) throw badSweep(text);
  return { path, values };
}

/** Every combination, the last field changing fastest. @throws WardroundError `usage` */
export function variantsOf(plan: unknown, sweep: readonly SweptField[]): readonly Variant[] {
  let variants: readonly Variant[] = [{ changes: {}, value: plan }];
  for (const { path, values } of sweep) {
    variants = variants.flatMap(({ changes, value }) =>
      values.map((setting) => ({
        changes: { ...changes, [path.join('.')]: setting },
        value: withValue(value, path, setting),
      })),
    );
    if (variants.length > maxVariants)
      throw new WardroundError('usage', 'too many combinations', {
        where: '--sweep',
        expected: `at most ${maxVariants}`,
        got: String(variants.length),
      });
  }
  return variants;
}

/** A copy with the value at the path; maps on the way are made where they are missing, and anything else there is a mistake. */
function withValue(plan: unknown, [key, ...rest]: readonly string[], setting: unknown): unknown {
  if (key === undefined) return setting;
  if (plan !== undefined && !isRecord(plan)) {
    throw new WardroundError('usage', 'the plan has no such field', { where: '--sweep', got: key });
  }
  const copy: Record<string, unknown> = { ...plan };
  copy[key] = withValue(copy[key], rest, setting);
  return copy;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function badSweep(got: string): WardroundError {
  return new WardroundError('usage', 'not a field with its values', {
    where: '--sweep',
    expected: 'strategy.mu=0,0.01,0.1',
    got,
  });
}
