// Files of Azure evidence as guests' tools write them (az-snp-vtpm, az-tdx-vtpm, versions 0 to 2), or a bare HCL report. Nothing in them is believed.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, fromBase64Url, fromHex } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';

export interface AzureEvidence {
  readonly hclReport: Bytes;
  /** Undefined in a bare HCL report. */
  readonly quote: { readonly message: Bytes; readonly signature: Bytes; readonly pcrs: readonly Bytes[] } | undefined;
  /** The chip's certificate, PEM or DER: SEV-SNP. */
  readonly certificates: readonly Bytes[];
  readonly tdQuote: Bytes | undefined;
}

const limits = { maxBytes: 262_144, maxDepth: 6 } as const;

const byteArray = (max: number): z.ZodType<Bytes> =>
  z
    .array(z.int().min(0).max(255))
    .max(max)
    .transform((bytes) => Uint8Array.from(bytes));
const hex = (max: number): z.ZodType<Bytes> =>
  z
    .string()
    .max(2 * max)
    .regex(/^(?:[0-9a-f]{2})+$/, 'expected lower-case hex')
    .transform((text) => fromHex(text));
const base64Url = (max: number): z.ZodType<Bytes> =>
  z
    .string()
    .max(2 * max)
    .regex(/^[A-Za-z0-9_-]+={0,2}$/, 'expected base64url')
    .transform((text) => fromBase64Url(text.replace(/=+$/, '')));
const pem = z
  .string()
  .max(16_384)
  .transform((text) => copyBytes(Buffer.from(text, 'latin1')));

const arrayQuote = z.strictObject({
  message: byteArray(1_024),
  signature: byteArray(1_024),
  pcrs: z.array(byteArray(64)).min(1).max(24),
});
const hexQuote = z.strictObject({
  message: hex(1_024),
  signature: hex(1_024),
  pcrs: z.array(hex(64)).min(1).max(24),
});
const version = z.union([z.literal(1), z.literal(2)]);

const snpZero = z
  .strictObject({ quote: arrayQuote, report: byteArray(8_192), vcek: pem })
  .transform(({ quote, report, vcek }) => evidenceOf({ hclReport: report, quote, vcek }));
const tdxZero = z
  .strictObject({ tpm_quote: arrayQuote, hcl_report: byteArray(8_192), td_quote: byteArray(16_384) })
  .transform((file) => evidenceOf({ hclReport: file.hcl_report, quote: file.tpm_quote, tdQuote: file.td_quote }));
const snp = z
  .strictObject({ version, tpm_quote: hexQuote, hcl_report: base64Url(8_192), vcek: base64Url(8_192) })
  .transform((file) => evidenceOf({ hclReport: file.hcl_report, quote: file.tpm_quote, vcek: file.vcek }));
const tdx = z
  .strictObject({ version, tpm_quote: hexQuote, hcl_report: base64Url(8_192), td_quote: base64Url(16_384) })
  .transform((file) => evidenceOf({ hclReport: file.hcl_report, quote: file.tpm_quote, tdQuote: file.td_quote }));
const fileSchema = z.union([snp, tdx, snpZero, tdxZero]);

interface Parts {
  readonly hclReport: Bytes;
  readonly quote: NonNullable<AzureEvidence['quote']>;
  readonly vcek?: Bytes;
  readonly tdQuote?: Bytes;
}

function evidenceOf({ hclReport, quote, vcek, tdQuote }: Parts): AzureEvidence {
  return { hclReport, quote, certificates: vcek === undefined ? [] : [vcek], tdQuote };
}

/** @throws WardroundError `azure-evidence-malformed` */
export function parseAzureEvidence(bytes: Uint8Array): AzureEvidence {
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'HCLA')
    return { hclReport: copyBytes(bytes), quote: undefined, certificates: [], tdQuote: undefined };
  try {
    return fileSchema.parse(parseLimitedJson(bytes, limits));
  } catch (cause) {
    throw new WardroundError('azure-evidence-malformed', 'not Azure evidence that can be read', {
      expected: 'JSON as az-snp-vtpm and az-tdx-vtpm write it, or an HCL report',
      cause,
    });
  }
}
