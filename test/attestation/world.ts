// A whole fake world for the verifier: one simulated vendor for each product (with the same keys, made once), a chip, a policy.
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url, toHex } from '@wardround/protocol/bytes';
import { reportDataFor } from '@wardround/attestation/binding';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Evidence } from '@wardround/attestation/evidence';
import type { Policy } from '@wardround/attestation/policy/policy';
import type { SnpRules } from '@wardround/attestation/policy/snp-rules';
import { trustedRoots } from '@wardround/attestation/roots';
import type { ReportRequest, SimulatedChip } from '@wardround/attestation/simulated/chip';
import type { SimulatedVendor, VendorKeys } from '@wardround/attestation/simulated/vendor';
import { createSimulatedVendor, generateVendorKeys } from '@wardround/attestation/simulated/vendor';
import type { SnpInspection } from '@wardround/attestation/snp/inspect';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import type { SnpKeyKind } from '@wardround/attestation/snp/leaf';
import type { SnpProduct } from '@wardround/attestation/snp/product';
import type { Step } from '@wardround/attestation/steps';

export const at = new Date('2026-11-23T08:00:00.000Z');
export const dayMs = 86_400_000;
export const nonce = '0b'.repeat(32);
export const sessionOpen = '5e'.repeat(32);
export const measurement = 'c0de'.repeat(24);

let keys: VendorKeys | undefined;

/** RSA-4096 is slow to make: once for each test file. */
export async function vendorKeys(): Promise<VendorKeys> {
  keys ??= await generateVendorKeys();
  return keys;
}

export interface World {
  readonly vendor: SimulatedVendor;
  readonly chip: SimulatedChip;
  readonly intermediate: Bytes;
  readonly crl: Bytes;
}

export async function makeWorld(product: SnpProduct, kind: SnpKeyKind = 'VCEK'): Promise<World> {
  return worldOf(await createSimulatedVendor({ product, at, keys: await vendorKeys() }), kind);
}

export async function worldOf(vendor: SimulatedVendor, kind: SnpKeyKind): Promise<World> {
  const [chip, intermediate, crl] = await Promise.all([
    vendor.issueChip({ kind }),
    vendor.issueIntermediate({ kind }),
    vendor.issueCrl(),
  ]);
  return { vendor, chip, intermediate, crl };
}

/** The report of a guest that did everything right, with the fields given. */
export function reportOf({ chip }: World, fields: Partial<ReportRequest> = {}): Bytes {
  const reportData = reportDataFor({ nonce, sessionOpen, gpuEvidence: 'none' });
  return chip.makeReport({ reportData, measurement: Buffer.from(measurement, 'hex'), ...fields });
}

export interface Presented {
  readonly report?: Uint8Array;
  readonly certificates?: readonly Uint8Array[];
  readonly crls?: readonly Uint8Array[];
  readonly at?: Date;
  readonly rootSha256?: string | undefined;
}

export function inspect(world: World, presented: Presented = {}): SnpInspection {
  return inspectSnp({
    report: presented.report ?? reportOf(world),
    certificates: presented.certificates ?? [world.chip.certificate, world.intermediate, world.vendor.root],
    crls: presented.crls ?? [world.crl],
    at: presented.at ?? at,
    trustedRoots: trustedRoots(
      'rootSha256' in presented
        ? presented.rootSha256 === undefined
          ? []
          : [presented.rootSha256]
        : [world.vendor.rootSha256],
    ),
  });
}

/** `step: code` of every failed step. */
export function failuresOf({ steps }: { readonly steps: readonly Step[] }): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

export function evidenceOf(world: World, report: Uint8Array = reportOf(world)): Evidence {
  const certificates = [world.chip.certificate, world.intermediate, world.vendor.root];
  return {
    kind: 'Evidence',
    version: 1,
    binding: { nonce, sessionOpen, gpuEvidence: 'none', carriedBy: 'cpu' },
    evidence: [
      { type: 'sevSnp', report: toBase64Url(report) },
      { type: 'none', of: 'gpu' },
    ],
    endorsements: [
      ...certificates.map((der) => ({ type: 'certificate' as const, der: toBase64Url(der) })),
      { type: 'crl', der: toBase64Url(world.crl) },
    ],
  };
}

const olderFloor = { bootLoader: 10, tee: 0, snp: 23, microcode: 219 };
const turinFloor = { fmc: 1, bootLoader: 1, tee: 1, snp: 4, microcode: 81 };
const minimumFirmware = { major: 1, minor: 55, build: 40 };

/** A policy as strict as the fake world's usual machine lets it be, with nothing waived but what Milan needs. */
export function policyFor(world: World): Policy {
  return {
    kind: 'AttestationPolicy',
    version: 1,
    platforms: {
      tdx: 'refused',
      azureSnpVtpm: 'refused',
      azureTdxVtpm: 'refused',
      sevSnp: {
        products: {
          Milan: 'refused',
          Genoa: { minimumTcb: { reported: olderFloor, committed: olderFloor, launch: olderFloor }, minimumFirmware },
          Turin: { minimumTcb: { reported: turinFloor, committed: turinFloor, launch: turinFloor }, minimumFirmware },
        },
        signedBy: { vcek: 'allowed', vlek: 'refused' },
        chipIds: [toHex(world.chip.chipId)],
        guestPolicy: {
          minimumAbi: { major: 1, minor: 55 },
          smt: 'allowed',
          cxl: 'refused',
          singleSocket: 'notRequired',
          memoryAes256Xts: 'notRequired',
          raplDisabled: 'notRequired',
          ciphertextHiding: 'notRequired',
          pageSwapDisabled: 'notRequired',
        },
        platformInfo: {
          smt: 'allowed',
          transparentEncryption: 'notRequired',
          ecc: 'required',
          raplDisabled: 'notRequired',
          ciphertextHiding: 'notRequired',
          aliasCheckComplete: 'required',
          acceptedUnknownBits: [],
        },
        requiredMitigations: '0x0',
      },
    },
    measurements: [
      {
        platform: 'sevSnp',
        vendor: 'simulated',
        measurement,
        vmpl: 0,
        minimumGuestSvn: 1,
        hostData: 'unused',
        familyId: 'unused',
        imageId: 'unused',
        idKeyDigest: 'unused',
        authorKeyDigest: 'unused',
      },
    ],
    collateral: { maxCrlAgeSeconds: 7 * 86_400 },
    maxEvidenceAgeSeconds: 3600,
    gpu: 'unused',
    machines: 'processorAlone',
    secondPath: 'notRequired',
    simulatedPlatform: { roots: [world.vendor.rootSha256] },
  };
}

/** The rules for SEV-SNP of a policy that has some. */
export function snpRulesOf({ platforms }: Policy): SnpRules {
  if (platforms.sevSnp === 'refused') throw new Error('no rules');
  return platforms.sevSnp;
}

/** Revocation lists of the site's own mirror. */
export function mirrorOf(...crls: readonly Bytes[]): readonly MirroredEndorsement[] {
  return crls.map((der) => ({ endorsement: { type: 'crl', der: toBase64Url(der) }, mirroredAt: at }));
}
