// What a site's settings say of where its rows come from. No code that reads a file or an archive is imported here, so that whoever checks
// settings (the vault does) brings none with it.
import * as z from 'zod';
import { hospitals } from './heart-disease/hospitals.ts';

const pathSchema = z.string().min(1).max(4096);
const columnNameSchema = z.string().min(1).max(256);

/** Keys as they stand in a site's YAML. What may be left out has one harmless meaning: nothing is renamed, only empty cells are missing. */
export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('csv'),
    path: pathSchema,
    /** Cells that mean "missing", besides the empty one. */
    missing: z.array(z.string().min(1).max(64)).max(64).optional(),
    /** New names by old name. */
    columns: z.record(columnNameSchema, columnNameSchema).optional(),
    delimiter: z.enum([',', ';', '\t', '|']).optional(),
    /** Said by hand where a file holds invented patients; a file is of real ones otherwise. */
    provenance: z.enum(['real', 'synthetic']).optional(),
  }),
  z.strictObject({ kind: z.literal('uciHeartDisease'), hospital: z.enum(hospitals), directory: pathSchema }),
  z.strictObject({ kind: z.literal('syntheticHeartDisease'), hospital: z.enum(hospitals), seed: z.int().min(0) }),
]);
export type Source = z.infer<typeof sourceSchema>;
