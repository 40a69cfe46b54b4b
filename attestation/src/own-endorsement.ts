// What a site itself has to judge evidence by: all that a bundle may bring, and what no bundle may, because its sender could have made it.
import * as z from 'zod';
import { endorsementSchema } from './evidence.ts';
import { nrasKeysSchema } from './nvidia/nras-keys.ts';

export const ownEndorsementSchema = z.discriminatedUnion('type', [...endorsementSchema.options, nrasKeysSchema]);
export type OwnEndorsement = z.infer<typeof ownEndorsementSchema>;

/** An endorsement of the site's own, with the time at which its mirror fetched it. */
export interface MirroredEndorsement {
  readonly endorsement: OwnEndorsement;
  readonly mirroredAt: Date;
}
