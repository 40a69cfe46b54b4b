// What the importer is told on stdin, and what it answers on stdout: one JSON document each. Rows go into the snapshot file only.
import * as z from 'zod';
import { codeSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import { sourceSchema } from '../config/source.ts';

export const importRequestSchema = z.strictObject({ source: sourceSchema, snapshots: z.string().min(1) });
export type ImportRequest = z.infer<typeof importRequestSchema>;

const columnSchema = z.strictObject({ name: z.string().max(256), type: z.enum(['number', 'text', 'image']) });

/** A frozen snapshot, without any of its rows. */
export const importedSnapshotSchema = z.strictObject({
  digest: sha256Schema,
  rows: z.int().min(0),
  columns: z.array(columnSchema).max(10_000),
  provenance: z.enum(['real', 'synthetic']),
});
export type ImportedSnapshot = z.infer<typeof importedSnapshotSchema>;

export const importAnswerSchema = z.union([
  z.strictObject({ imported: importedSnapshotSchema }),
  z.strictObject({
    failed: z.strictObject({ code: codeSchema, message: z.string(), action: z.enum(['fix', 'retry', 'stop']) }),
  }),
]);
export type ImportAnswer = z.infer<typeof importAnswerSchema>;

export const maxAnswerBytes = 4 * 1024 * 1024;
