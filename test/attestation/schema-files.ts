// The JSON Schemas as they stand in docs/schemas, for people and programs that have no zod.
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { collateralIndexJsonSchema } from '@wardround/attestation/collateral/schema';
import { appraisalRecordJsonSchema, evidenceJsonSchema, policyJsonSchema } from '@wardround/attestation/schemas';

export const docsFolder = resolve(import.meta.dirname, '../../docs');

const schemas = {
  'evidence.schema.json': evidenceJsonSchema(),
  'attestation-policy.schema.json': policyJsonSchema(),
  'appraisal-record.schema.json': appraisalRecordJsonSchema(),
  'collateral-index.schema.json': collateralIndexJsonSchema(),
};

export interface SchemaFile {
  readonly path: string;
  readonly text: string;
}

/** Formatted as the repository is, so that its check of formatting and ours agree. */
export async function schemaFiles(): Promise<readonly SchemaFile[]> {
  return await Promise.all(
    Object.entries(schemas).map(async ([name, schema]) => {
      const path = join(docsFolder, 'schemas', name);
      const config = await resolveConfig(path);
      return { path, text: await format(JSON.stringify(schema), { ...config, parser: 'json' }) };
    }),
  );
}
