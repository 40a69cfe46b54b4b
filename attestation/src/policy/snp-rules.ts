// The part of a site's policy that says which SEV-SNP machines and firmware it accepts. Nothing has a permissive default.
import * as z from 'zod';
import { waiverSchema } from './waiver.ts';

const patchLevel = z.int().min(0).max(255);
const olderTcb = z.strictObject({ bootLoader: patchLevel, tee: patchLevel, snp: patchLevel, microcode: patchLevel });
const turinTcb = olderTcb.extend({ fmc: patchLevel });
const firmware = z.strictObject({ major: patchLevel, minor: patchLevel, build: patchLevel });

/** Floors on each of the report's TCB versions: what the key was derived for, what cannot be rolled back, what the guest was launched under. */
function floorsOf<T extends z.ZodType>(tcb: T): z.ZodObject<{ reported: T; committed: T; launch: T }, z.core.$strict> {
  return z.strictObject({ reported: tcb, committed: tcb, launch: tcb });
}

const refused = z.literal('refused');
const genoaRules = z.strictObject({ minimumTcb: floorsOf(olderTcb), minimumFirmware: firmware });
const turinRules = z.strictObject({ minimumTcb: floorsOf(turinTcb), minimumFirmware: firmware });
/** Milan's root seed has been extracted (arXiv 2605.12990): any TCB can be forged for any chip, so accepting it needs a waiver. */
const milanRules = genoaRules.extend({ rootSeedExtracted: waiverSchema });

const allowance = z.enum(['allowed', 'refused']);
const requirement = z.enum(['required', 'notRequired']);

/** Bits that the guest's owner chose at launch (AMD 56860, guest policy). Debugging and migration are refused always, so there is nothing to say about them. */
export const guestPolicyRulesSchema = z.strictObject({
  minimumAbi: z.strictObject({ major: patchLevel, minor: patchLevel }),
  smt: allowance,
  cxl: allowance,
  singleSocket: requirement,
  memoryAes256Xts: requirement,
  raplDisabled: requirement,
  ciphertextHiding: requirement,
  pageSwapDisabled: requirement,
});
export type GuestPolicyRules = z.infer<typeof guestPolicyRulesSchema>;

/** Bits that the platform's firmware reports (AMD 56860, PLATFORM_INFO). */
export const platformInfoRulesSchema = z.strictObject({
  smt: allowance,
  transparentEncryption: requirement,
  ecc: requirement,
  raplDisabled: requirement,
  ciphertextHiding: requirement,
  aliasCheckComplete: requirement,
  /** Bits we know no meaning of and accept set; Turin sets 6. */
  acceptedUnknownBits: z
    .array(
      z
        .int()
        .min(6)
        .max(63)
        .refine((bit) => bit !== 7, 'bit 7 (TIO) is known'),
    )
    .max(57),
});
export type PlatformInfoRules = z.infer<typeof platformInfoRulesSchema>;

const chipId = z
  .string()
  .regex(/^(?:[0-9a-f]{16}|[0-9a-f]{128})$/, 'expected a chip id of 128 lower-case hex digits, or 16 on Turin')
  .refine(
    (text) => /[1-9a-f]/.test(text),
    'expected a chip id that is not all zero: that is what a report without one says',
  );

export const snpRulesSchema = z.strictObject({
  products: z.strictObject({
    Milan: z.union([refused, milanRules]),
    Genoa: z.union([refused, genoaRules]),
    Turin: z.union([refused, turinRules]),
  }),
  /** Who may have signed: the chip itself, or a cloud provider's key (which names no chip). */
  signedBy: z.strictObject({
    vcek: allowance,
    vlek: z.union([refused, z.strictObject({ providers: z.array(z.string().min(1).max(128)).min(1).max(64) })]),
  }),
  /** The machines, by chip id: the one defence against keys extracted from other machines. */
  chipIds: z.union([z.array(chipId).min(1).max(4096), waiverSchema]),
  guestPolicy: guestPolicyRulesSchema,
  platformInfo: platformInfoRulesSchema,
  /** Bits that LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR must both have; reports before version 5 have none. */
  requiredMitigations: z.string().regex(/^0x(?:0|[1-9a-f][0-9a-f]{0,15})$/, 'expected a 64-bit integer as 0x hex'),
});
export type SnpRules = z.infer<typeof snpRulesSchema>;

const hex = (digits: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), `expected ${digits} lower-case hex digits`);
const unused = z.literal('unused');

/**
 * One accepted image. A report matches an entry as a whole or not at all: its host data must be the one that belongs to its
 * measurement. `unused` means that the field must be all zero.
 */
export const snpImageSchema = z.strictObject({
  platform: z.literal('sevSnp'),
  /** `simulated` images are accepted from the root in `simulatedPlatform` only, `amd` images from AMD's only. */
  vendor: z.enum(['amd', 'simulated']),
  measurement: hex(96),
  vmpl: z.int().min(0).max(3),
  minimumGuestSvn: z.int().min(0).max(0xffff_ffff),
  hostData: z.union([unused, hex(64), waiverSchema]),
  familyId: z.union([unused, hex(32), waiverSchema]),
  imageId: z.union([unused, hex(32), waiverSchema]),
  idKeyDigest: z.union([unused, hex(96), waiverSchema]),
  authorKeyDigest: z.union([unused, hex(96), waiverSchema]),
});
export type SnpImage = z.infer<typeof snpImageSchema>;
