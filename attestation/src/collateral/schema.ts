// JSON Schema of a mirror's index, for people and programs that have no zod.
import * as z from 'zod';
import { collateralIndexSchema } from './index-document.ts';

/** Draft 2020-12. The order of the items is checked when the file is read. */
export function collateralIndexJsonSchema(): Record<string, unknown> {
  return { title: 'wardround collateral index', ...z.toJSONSchema(collateralIndexSchema) };
}
