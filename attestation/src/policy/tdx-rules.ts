// The part of a site's policy that says which Intel TDX platforms, modules and TDs it accepts. Nothing has a permissive default.
import * as z from 'zod';
import { waiverSchema } from './waiver.ts';

const hex = (digits: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), `expected ${digits} lower-case hex digits`);
const named = (digits: number): z.ZodString =>
  hex(digits).refine((text) => /[1-9a-f]/.test(text), 'expected an id that is not all zero: that names nothing');

const daySeconds = 86_400;
const age = z
  .int()
  .min(60)
  .max(400 * daySeconds);

/** Intel's verdict on the platform. UpToDate passes; nothing else does, unless every advisory that stands against it is waived by name. */
const tcbRulesSchema = z.strictObject({
  /** Intel numbers its evaluations: a lower one, though still in date, knows fewer vulnerabilities. */
  minimumEvaluationDataNumber: z.int().min(1).max(1_000_000),
  advisories: z.record(
    z.string().regex(/^INTEL-(?:SA|DOC)-\d{5}$/, 'expected an advisory such as INTEL-SA-01036'),
    waiverSchema,
  ),
});

/** PCK revocation lists are bounded by the policy's `collateral.maxCrlAgeSeconds`; Intel renews the root's once a year. */
const collateralRulesSchema = z.strictObject({
  maxRootCrlAgeSeconds: age,
  maxTcbInfoAgeSeconds: age,
  maxQeIdentityAgeSeconds: age,
});

const allowance = z.enum(['allowed', 'refused']);
/** Bits of TD attributes that have a rule of their own, or none: debugging (0 to 7) is refused always. */
const ruledBits: ReadonlySet<number> = new Set([28, 29, 30, 31, 63]);

/** TDX Module 1.5 Base Specification, TD ATTRIBUTES. */
export const tdAttributeRulesSchema = z.strictObject({
  /** SEPT_VE_DISABLE: without it a host can make the guest's memory accesses raise exceptions that the guest did not expect. */
  septVeDisable: z.union([z.literal('required'), waiverSchema]),
  /** Whether the TD may be moved, with its memory, by the migration TD that `mrServiceTd` names. */
  migratable: allowance,
  /** Protection keys for supervisor pages. */
  pks: allowance,
  /** Key Locker. */
  keyLocker: allowance,
  /** Performance monitoring, which the host can read as well. */
  perfmon: allowance,
  /** Bits we know no meaning of and accept set. */
  acceptedUnknownBits: z
    .array(
      z
        .int()
        .min(8)
        .max(63)
        .refine((bit) => !ruledBits.has(bit), 'expected a bit without a rule of its own'),
    )
    .max(56),
});
export type TdAttributeRules = z.infer<typeof tdAttributeRulesSchema>;

const platformSchema = z.union([
  z.strictObject({ ppid: named(32) }),
  z.strictObject({ platformInstanceId: named(32) }),
]);

export const tdxRulesSchema = z.strictObject({
  tcb: tcbRulesSchema,
  collateral: collateralRulesSchema,
  /** The machines: the one defence against keys extracted from other machines. */
  platforms: z.union([z.array(platformSchema).min(1).max(4096), waiverSchema]),
  /** TDX modules, by MRSEAM. */
  modules: z.union([z.array(hex(96)).min(1).max(256), waiverSchema]),
  /** Who signed the module; `intel` means that MRSIGNERSEAM is all zero. */
  moduleSigner: z.union([z.literal('intel'), named(96)]),
  tdAttributes: tdAttributeRulesSchema,
  /** Extended processor state that the TD may use, exactly one of these. */
  xfam: z
    .array(z.string().regex(/^0x(?:0|[1-9a-f][0-9a-f]{0,15})$/, 'expected a 64-bit integer as 0x hex'))
    .min(1)
    .max(64),
});
export type TdxRules = z.infer<typeof tdxRulesSchema>;

const unused = z.literal('unused');
/**
 * What a runtime register must hold: exactly a value; `unused`, which is zero; or what the event log `replayed` to, whatever that is
 * (then the log's digests are proved, and nothing says that they are wanted); or a waiver.
 */
const register = z.union([unused, z.literal('replayed'), hex(96), waiverSchema]);
const identity = z.union([unused, hex(96), waiverSchema]);

/**
 * One accepted image. A quote matches an entry as a whole or not at all: its registers must be those that belong to its MRTD.
 */
export const tdxImageSchema = z.strictObject({
  platform: z.literal('tdx'),
  /** `simulated` images are accepted from the roots in `simulatedPlatform` only, `intel` images from Intel's only. */
  vendor: z.enum(['intel', 'simulated']),
  mrtd: hex(96),
  rtmr0: register,
  rtmr1: register,
  rtmr2: register,
  /** Firmware keeps no log of it: what runs after boot extends it, so that it must be said. */
  rtmr3: identity,
  mrConfigId: identity,
  mrOwner: identity,
  mrOwnerConfig: identity,
  /** The service TDs that are bound to it (migration); `unused` where there are none, and where TD 1.0 cannot say. */
  mrServiceTd: identity,
});
export type TdxImage = z.infer<typeof tdxImageSchema>;
