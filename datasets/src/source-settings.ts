// What a site's settings say of where its rows come from. No code that reads a file or an archive is imported here, so that whoever checks
// settings (the vault does) brings none with it.
import * as z from 'zod';
import { hospitals } from './heart-disease/hospitals.ts';
import { largestSide } from './images/picture.ts';

const pathSchema = z.string().min(1).max(4096);
const columnNameSchema = z.string().min(1).max(256);

/** A name inside a folder, not a path. */
const fileNameSchema = z
  .string()
  .max(256)
  .regex(/^[^/\\\0]+$/, 'expected a file name without a path')
  .refine((name) => name !== '.' && name !== '..', 'expected a file name');
/** Said by hand where a file holds invented patients; a file is of real ones otherwise. */
const provenanceSchema = z.enum(['real', 'synthetic']);

const csvSettings = {
  /** Cells that mean "missing", besides the empty one. */
  missing: z.array(z.string().min(1).max(64)).max(64).optional(),
  /** New names by old name. */
  columns: z.record(columnNameSchema, columnNameSchema).optional(),
  delimiter: z.enum([',', ';', '\t', '|']).optional(),
  provenance: provenanceSchema.optional(),
};

/** Keys as they stand in a site's YAML. What may be left out has one harmless meaning: nothing is renamed, only empty cells are missing. */
export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('csv'),
    path: pathSchema,
    ...csvSettings,
  }),
  z.strictObject({
    kind: z.literal('images'),
    /** The folder that has the index and the pictures: PNG, or binary PGM or PPM, 8 bits a channel, all of one size. */
    directory: pathSchema,
    /** The index's file name: `index.csv` where left out. */
    index: fileNameSchema.optional(),
    /** The index's column that names each picture's file: `file` where left out. */
    file: columnNameSchema.optional(),
    ...csvSettings,
  }),
  z.strictObject({
    kind: z.literal('rawImages'),
    /** 8-bit pixels, picture after picture; and one byte a picture. */
    images: pathSchema,
    labels: pathSchema,
    /** What the labels' column is called. */
    label: columnNameSchema,
    height: z.int().min(1).max(largestSide),
    width: z.int().min(1).max(largestSide),
    channels: z.int().min(1).max(4),
    provenance: provenanceSchema.optional(),
  }),
  z.strictObject({ kind: z.literal('uciHeartDisease'), hospital: z.enum(hospitals), directory: pathSchema }),
  z.strictObject({ kind: z.literal('syntheticHeartDisease'), hospital: z.enum(hospitals), seed: z.int().min(0) }),
]);
export type Source = z.infer<typeof sourceSchema>;
