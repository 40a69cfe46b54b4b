// The Evidence document: what the hardware says and everything needed to check it offline, in one bundle.
import * as z from 'zod';
import { base64UrlSchema, nonceSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import type { JsonLimits } from '@wardround/protocol/canonical-json';
import { digestOf, parseStrictJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';

/** A bundle as it travels (`EvidenceOffer.evidence`). */
export const evidenceLimits: JsonLimits = { maxBytes: 1_500_000, maxDepth: 8 };

const certificates = z.array(base64UrlSchema(8_192)).min(1).max(8);
const eventLog = z.union([z.literal('none'), base64UrlSchema(524_288)]);

/** AMD SEV-SNP: the 1184-byte report. */
const sevSnp = z.strictObject({ type: z.literal('sevSnp'), report: base64UrlSchema(4_096) });

/** Intel TDX: the quote (versions 4 and 5) and the CC event log that explains its RTMRs. */
const tdx = z.strictObject({ type: z.literal('tdx'), quote: base64UrlSchema(16_384), eventLog });

/** One NVIDIA GPU or switch: the SPDM report with its request, and the device's chain, leaf first. */
const nvidiaGpu = z.strictObject({ type: z.literal('nvidiaGpu'), report: base64UrlSchema(16_384), certificates });
const nvSwitch = z.strictObject({ type: z.literal('nvSwitch'), report: base64UrlSchema(16_384), certificates });

/**
 * A TPM's quote. Behind a paravisor (Azure) the HCL report names the attestation key and the quote carries the binding; beside a processor
 * that carries the binding itself, the key has certificates, leaf first.
 */
const tpmQuote = z.strictObject({
  type: z.literal('tpmQuote'),
  hclReport: z.union([z.literal('none'), base64UrlSchema(8_192)]),
  certificates: z.array(base64UrlSchema(8_192)).max(8),
  quote: base64UrlSchema(4_096),
  signature: base64UrlSchema(1_024),
  bank: z.enum(['sha256', 'sha384']),
  pcrs: z
    .array(
      z.strictObject({ index: z.int().min(0).max(23), value: z.string().regex(/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/) }),
    )
    .min(1)
    .max(24),
  eventLog,
});

/** An absent device is said, not left out: otherwise leaving out a GPU's evidence would look like having no GPU. */
const none = z.strictObject({ type: z.literal('none'), of: z.literal('gpu') });

export const evidenceItemSchema = z.discriminatedUnion('type', [sevSnp, tdx, nvidiaGpu, nvSwitch, tpmQuote, none]);
export type EvidenceItem = z.infer<typeof evidenceItemSchema>;

/** JSON text whose signature covers its exact characters. */
const signedText = z.string().min(1).max(262_144);

export const endorsementSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('certificate'), der: base64UrlSchema(8_192) }),
  z.strictObject({ type: z.literal('crl'), der: base64UrlSchema(262_144) }),
  z.strictObject({
    type: z.literal('tdxCollateral'),
    tcbInfo: signedText,
    tcbInfoIssuerChain: certificates,
    qeIdentity: signedText,
    qeIdentityIssuerChain: certificates,
    pckCrl: base64UrlSchema(262_144),
    pckCrlIssuerChain: certificates,
    rootCrl: base64UrlSchema(262_144),
  }),
  z.strictObject({ type: z.literal('rim'), id: z.string().min(1).max(256), xml: z.string().min(1).max(524_288) }),
  z.strictObject({ type: z.literal('ocsp'), response: base64UrlSchema(16_384) }),
  /** What NVIDIA's remote attestation service says of the same devices: a detached EAT, as the service answered. */
  z.strictObject({ type: z.literal('nras'), eat: signedText }),
]);
export type Endorsement = z.infer<typeof endorsementSchema>;

/** What REPORT_DATA commits to; see `reportDataFor`. */
export const bindingSchema = z.strictObject({
  nonce: nonceSchema,
  sessionOpen: sha256Schema,
  gpuEvidence: z.union([z.literal('none'), sha256Schema]),
  /** Which evidence carries the binding: the CPU's report, or the TPM quote where a paravisor owns REPORT_DATA. */
  carriedBy: z.enum(['cpu', 'tpm']),
});
export type EvidenceBinding = z.infer<typeof bindingSchema>;

export const evidenceSchema = z.strictObject({
  kind: z.literal('Evidence'),
  version: z.literal(1),
  binding: bindingSchema,
  evidence: z.array(evidenceItemSchema).min(1).max(32),
  endorsements: z.array(endorsementSchema).max(128),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** Reads a bundle from a parsed JSON value. @throws WardroundError `evidence-invalid`, naming the path of the first problem */
export function parseEvidence(value: unknown): Evidence {
  const result = evidenceSchema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new WardroundError('evidence-invalid', 'the evidence bundle cannot be read', {
    where: first === undefined || first.path.length === 0 ? '$' : first.path.map(String).join('.'),
    expected: first?.message ?? 'an Evidence document',
    cause: result.error,
  });
}

/**
 * Reads a bundle as it travels: canonical JSON, bounded before it is parsed.
 * @throws WardroundError `evidence-invalid`, and those of `parseStrictJson`
 */
export function parseEvidenceBytes(bytes: Uint8Array): Evidence {
  return parseEvidence(parseStrictJson(bytes, evidenceLimits));
}

/** Digest of a bundle, as receipts and appraisals name it. */
export function evidenceDigest(evidence: Evidence): string {
  return digestOf('Evidence', evidence);
}
