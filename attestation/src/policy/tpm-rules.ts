// The part of a site's policy that says which TPM keys it believes and what the registers must hold. Nothing has a permissive default.
import * as z from 'zod';
import { banks } from '../event-log/algorithms.ts';
import { waiverSchema } from './waiver.ts';

const refused = z.literal('refused');
const required = z.literal('required');

const attestationKeySchema = z.strictObject({
  /** `attested`: named by hardware evidence that was verified (Azure). `certificate`: chains to a pinned root, and not revoked. */
  origin: z.union([
    z.literal('attested'),
    z.strictObject({ certificate: z.strictObject({ revocation: z.union([required, waiverSchema]) }) }),
  ]),
  rsa: z.union([
    refused,
    z.strictObject({ minimumBits: z.union([z.literal(2048), z.literal(3072), z.literal(4096)]) }),
  ]),
  ec: z.union([
    refused,
    z.strictObject({
      curves: z
        .array(z.enum(['P-256', 'P-384']))
        .min(1)
        .max(2),
    }),
  ]),
});

const value = z
  .string()
  .regex(/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/, 'expected a register value of 64 or 96 lower-case hex digits');

/**
 * What one register must hold: exactly a value; `unextended`, which is zero; what the event log `replayed` to, whatever that is (then the
 * log's digests are proved, and nothing says that they are wanted); or a waiver.
 */
export const pcrRuleSchema = z.union([value, z.literal('unextended'), z.literal('replayed'), waiverSchema]);
export type PcrRule = z.infer<typeof pcrRuleSchema>;

/** One accepted image: a quote selects exactly its registers, and matches all of them or not the image. */
export const pcrImageSchema = z.strictObject({
  pcrs: z
    .record(z.string().regex(/^(?:[0-9]|1[0-9]|2[0-3])$/, 'expected the number of a register, 0 to 23'), pcrRuleSchema)
    .refine((pcrs) => Object.keys(pcrs).length > 0, 'expected at least one register'),
});
export type PcrImage = z.infer<typeof pcrImageSchema>;

export const tpmRulesSchema = z
  .strictObject({
    bank: z.enum(banks),
    attestationKey: attestationKeySchema,
    images: z.array(pcrImageSchema).min(1).max(256),
    /** Said by the attested configuration where there is one (Azure), else by a replayed log of PCR 7. */
    secureBoot: z.union([required, waiverSchema]),
    /** No console by which the host could type into the guest; only an attested configuration says so. */
    consoleDisabled: z.union([required, waiverSchema]),
  })
  .superRefine(({ bank, images }, context) => {
    const digits = bank === 'sha256' ? 64 : 96;
    for (const [position, { pcrs }] of images.entries()) {
      for (const [index, rule] of Object.entries(pcrs)) {
        if (typeof rule !== 'string' || !/^[0-9a-f]+$/.test(rule) || rule.length === digits) continue;
        context.addIssue({
          code: 'custom',
          path: ['images', position, 'pcrs', index],
          message: `expected ${digits} hex digits, as bank ${bank} has`,
        });
      }
    }
  });
export type TpmRules = z.infer<typeof tpmRulesSchema>;
