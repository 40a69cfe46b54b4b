// The part of a site's policy that says which NVIDIA devices and firmware it accepts. Nothing has a permissive default.
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { nrasKeysLongestSeconds } from '../nvidia/nras-keys.ts';
import { rimValidities } from '../nvidia/rim/verify.ts';
import { waiverSchema } from './waiver.ts';

const allowance = z.enum(['accepted', 'refused']);
const driverVersion = z.string().regex(/^\d{3,4}(?:\.\d{1,4}){1,3}$/, 'expected a driver version such as 570.124.03');
const vbiosVersion = z
  .string()
  .regex(/^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/, 'expected a VBIOS version such as 96.00.9F.00.01');
const model = z
  .string()
  .regex(/^[A-Z0-9_]+ [A-Z]\d{2} (?:GSP|FSP) BROM$/, 'expected a model such as GH100 A01 GSP BROM');
const ueid = z.string().regex(/^[1-9]\d{0,60}$/, 'expected a device’s decimal serial');
const listOr = <T extends z.ZodType>(item: T): z.ZodUnion<readonly [z.ZodArray<T>, typeof waiverSchema]> =>
  z.union([z.array(item).min(1).max(4096), waiverSchema]);

/** Fields of the opaque data that have no known meaning and may be there. */
const acceptedUnknownFields = z.array(z.int().min(0).max(65_535)).max(64);

/** What early drivers leave out; each waiver names the driver versions that it is for. */
const missingFor = z.union([
  z.literal('refused'),
  waiverSchema.extend({ drivers: z.array(driverVersion).min(1).max(64) }),
]);

const gpuRulesSchema = z.strictObject({
  /** Exactly so many, each another device. */
  count: z.int().min(1).max(16),
  architectures: z.strictObject({ hopper: allowance, blackwell: allowance }),
  models: listOr(model),
  /** The devices: the one defence against a genuine GPU elsewhere that answers for this machine. */
  ueids: listOr(ueid),
  driver: z.strictObject({
    /** Compared component by component. */
    minimum: driverVersion,
    allowed: listOr(driverVersion),
  }),
  vbios: z.strictObject({ allowed: listOr(vbiosVersion) }),
  mode: z.strictObject({
    /** As reports say it: 2 is protected PCIe; of 0 and 1 NVIDIA's sources disagree on which is a single GPU. */
    featureFlags: z.array(z.int().min(0).max(2)).min(1).max(3),
    missingFeatureFlag: missingFor,
    protectedPcie: z.enum(['required', 'refused']),
  }),
  /** A report without firmware identity is not bound to the firmware that its key was made for. */
  missingFirmwareIdentity: missingFor,
  acceptedUnknownFields,
});

const switchRulesSchema = z.strictObject({
  count: z.int().min(1).max(16),
  models: listOr(model),
  ueids: listOr(ueid),
  vbios: z.strictObject({ allowed: listOr(vbiosVersion) }),
  /** No switch seen so far names its firmware in its report. */
  missingFirmwareIdentity: z.union([z.literal('refused'), waiverSchema]),
  acceptedUnknownFields,
});

const nrasKeysRuleSchema = z.strictObject({
  /** Nothing signs the service's keys: `mirrored` believes the site's own mirror, thumbprints (RFC 7638, SHA-256, hex) only the keys named here. */
  keys: z.union([z.literal('mirrored'), z.array(sha256Schema).min(1).max(64)]),
  /** How long ago the service showed them. Its signers live about two days. */
  maxKeysAgeSeconds: z.int().min(60).max(nrasKeysLongestSeconds),
});

export const nvidiaRulesSchema = z.strictObject({
  gpus: gpuRulesSchema,
  /** `none`: evidence of a switch is refused, and no GPU may name one that is in protected PCIe mode. */
  switches: z.union([z.literal('none'), switchRulesSchema]),
  /** When a manifest's signer must be valid: now, or when the site's mirror fetched the manifest. */
  rimValidity: z.enum(rimValidities),
  ocsp: z.strictObject({
    /** Age of every answer. */
    maxAgeSeconds: z
      .int()
      .min(60)
      .max(400 * 86_400),
    /** `required`: every answer was made for the GPU's nonce; `notRequired`: answers out of a mirror will do. */
    nonce: z.enum(['required', 'notRequired']),
    /**
     * A device makes its own leaf when it starts, and NVIDIA's service does not know it. `issuedByDevice`: an answer about the factory identity
     * that issued it will do; `required` refuses every genuine device seen so far.
     */
    deviceLeaf: z.enum(['required', 'issuedByDevice']),
  }),
  /** NVIDIA's remote attestation service as a second opinion: then both must agree. */
  nras: z.union([z.literal('notUsed'), z.strictObject({ required: nrasKeysRuleSchema })]),
});
export type NvidiaRules = z.infer<typeof nvidiaRulesSchema>;
export type GpuRules = z.infer<typeof gpuRulesSchema>;
export type SwitchRules = z.infer<typeof switchRulesSchema>;
