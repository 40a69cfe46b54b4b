// JSON Schemas of the two files that others write or read: the evidence bundle and the policy. Made from the zod schemas that the
// verifier itself uses, so that they cannot say something else.
import * as z from 'zod';
import { appraisalRecordSchema } from './appraisal-record.ts';
import { evidenceSchema } from './evidence.ts';
import { policySchema } from './policy/policy.ts';

/** Draft 2020-12. What a schema cannot say (canonical base64url, instants that exist) is checked when the file is read. */
export function evidenceJsonSchema(): Record<string, unknown> {
  return { title: 'wardround evidence bundle', ...z.toJSONSchema(evidenceSchema) };
}

/** Draft 2020-12; policies are written in YAML or JSON. */
export function policyJsonSchema(): Record<string, unknown> {
  return { title: 'wardround attestation policy', ...z.toJSONSchema(policySchema) };
}

/** Draft 2020-12; canonical JSON, as `evidence verify --save` writes it. */
export function appraisalRecordJsonSchema(): Record<string, unknown> {
  return { title: 'wardround appraisal record', ...z.toJSONSchema(appraisalRecordSchema) };
}
