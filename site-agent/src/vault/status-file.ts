// status.json: what the vault last knew, for the people of this site. Nothing of patients in it; it stays here all the same.
import * as z from 'zod';
import { instantSchema, nameSchema, sha256Schema } from '@wardround/protocol/documents/primitives';

export const studyStateSchema = z.enum([
  /** The plan is not one that this site may be asked about; `check` says why. */
  'plan-refused',
  /** Of the keys that this site's name had then, which are not those of this directory: not its study, and nothing is wrong. */
  'belongs-to-other-keys',
  'awaiting-decision',
  'refused',
  'withdrawn',
  /** Approved; no session has passed the gate. */
  'awaiting-session',
  'running',
  /** The approval, or the plan, is no longer valid. */
  'expired',
  'complete',
  'stopped',
]);

export const studyStatusSchema = z.strictObject({
  study: sha256Schema,
  title: z.string(),
  researcher: z.string(),
  state: studyStateSchema,
  rounds: z.int(),
  /** The newest closed round. */
  round: z.int(),
  roundsContributed: z.int(),
  session: sha256Schema.nullable(),
  /** Whether the enclave's evidence is of the simulated platform; null without a session. */
  simulated: z.boolean().nullable(),
  /** The newest check that failed, and when. */
  check: z.strictObject({ code: z.string(), at: instantSchema, detail: z.string() }).nullable(),
});
export type StudyStatus = z.infer<typeof studyStatusSchema>;

export const vaultStatusSchema = z.strictObject({
  kind: z.literal('VaultStatus'),
  version: z.literal(1),
  site: nameSchema,
  federation: sha256Schema,
  at: instantSchema,
  online: z.boolean(),
  isolation: z.string(),
  studies: z.array(studyStatusSchema),
});
export type VaultStatus = z.infer<typeof vaultStatusSchema>;
