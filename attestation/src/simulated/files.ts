// A simulated vendor and its chips as JSON, so that another process can load them. Secrets and endorsements are separate objects:
// the one stays with the (simulated) hardware, the other travels with evidence.
import * as z from 'zod';
import { base64UrlSchema, instantSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import { fromBase64Url, fromHex, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { snpProducts } from '../snp/product.ts';
import { SimulatedChip } from './chip.ts';
import { SimulatedVendor } from './vendor.ts';
import { randomBytes } from 'node:crypto';
import { exportKey, importPair, readSimulatedFile } from './secret-file.ts';

const level = z.int().min(0).max(255);
const certificate = base64UrlSchema(8_192);
const privateKey = base64UrlSchema(8_192);

/** SECRET: with it anybody is this chip. */
export const chipSecretSchema = z.strictObject({
  kind: z.literal('SimulatedChipSecret'),
  version: z.literal(1),
  product: z.enum(snpProducts),
  signer: z.enum(['VCEK', 'VLEK']),
  chipId: z.string().regex(/^[0-9a-f]{128}$/),
  tcb: z.strictObject({ fmc: level.optional(), bootLoader: level, tee: level, snp: level, microcode: level }),
  certificate,
  /** PKCS #8. */
  privateKey,
});
export type ChipSecret = z.infer<typeof chipSecretSchema>;

/** SECRET: with it anybody is this vendor. */
export const vendorSecretSchema = z.strictObject({
  kind: z.literal('SimulatedVendorSecret'),
  version: z.literal(1),
  product: z.enum(snpProducts),
  at: instantSchema,
  root: certificate,
  rootKey: privateKey,
  intermediateKey: privateKey,
});
export type VendorSecret = z.infer<typeof vendorSecretSchema>;

/** Public: what evidence needs beside the report. */
export const simulatedEndorsementsSchema = z.strictObject({
  kind: z.literal('SimulatedEndorsements'),
  version: z.literal(1),
  /** What a site's policy must name in `simulatedPlatform.roots` to trust this. */
  rootSha256: sha256Schema,
  /** Leaf, intermediate, root. */
  certificates: z.array(certificate).min(3).max(8),
  crls: z.array(base64UrlSchema(262_144)).min(1).max(8),
});
export type SimulatedEndorsements = z.infer<typeof simulatedEndorsementsSchema>;

export function exportChipSecret(chip: SimulatedChip): ChipSecret {
  const { fmc, bootLoader, tee, snp, microcode } = chip.tcb;
  return {
    kind: 'SimulatedChipSecret',
    version: 1,
    product: chip.product,
    signer: chip.kind,
    chipId: toHex(chip.chipId),
    tcb: { ...(fmc === undefined ? {} : { fmc }), bootLoader, tee, snp, microcode },
    certificate: toBase64Url(chip.certificate),
    privateKey: exportKey(chip.secretKey),
  };
}

/** @throws WardroundError `simulated-file-invalid` */
export function importChipSecret(value: unknown): SimulatedChip {
  const secret = readSimulatedFile(chipSecretSchema, value);
  const { fmc, ...older } = secret.tcb;
  return new SimulatedChip({
    product: secret.product,
    kind: secret.signer,
    chipId: fromHex(secret.chipId, 64),
    tcb: fmc === undefined ? older : { fmc, ...older },
    key: importPair(secret.privateKey),
    certificate: fromBase64Url(secret.certificate),
  });
}

export function exportVendorSecret(vendor: SimulatedVendor): VendorSecret {
  return {
    kind: 'SimulatedVendorSecret',
    version: 1,
    product: vendor.product,
    at: vendor.at.toISOString(),
    root: toBase64Url(vendor.root),
    rootKey: exportKey(vendor.secretKeys.root.privateKey),
    intermediateKey: exportKey(vendor.secretKeys.intermediate.privateKey),
  };
}

/** @throws WardroundError `simulated-file-invalid` */
export function importVendorSecret(value: unknown): SimulatedVendor {
  const secret = readSimulatedFile(vendorSecretSchema, value);
  return new SimulatedVendor({
    product: secret.product,
    at: new Date(secret.at),
    keys: { root: importPair(secret.rootKey), intermediate: importPair(secret.intermediateKey) },
    root: fromBase64Url(secret.root),
    random: randomBytes,
  });
}

/** Everything public that evidence of `chip` needs, with a fresh revocation list. */
export async function endorse(vendor: SimulatedVendor, chip: SimulatedChip): Promise<SimulatedEndorsements> {
  const [intermediate, crl] = await Promise.all([vendor.issueIntermediate({ kind: chip.kind }), vendor.issueCrl()]);
  return {
    kind: 'SimulatedEndorsements',
    version: 1,
    rootSha256: vendor.rootSha256,
    certificates: [chip.certificate, intermediate, vendor.root].map(toBase64Url),
    crls: [toBase64Url(crl)],
  };
}

/** @throws WardroundError `simulated-file-invalid` */
export function parseSimulatedEndorsements(value: unknown): SimulatedEndorsements {
  return readSimulatedFile(simulatedEndorsementsSchema, value);
}
