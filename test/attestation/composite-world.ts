// Whole machines of fake vendors: processor, TPM, GPUs and switches in one bundle, and a policy as strict as they let it be.
import { randomBytes } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromHex, sha256, sha384, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { qualifyingDataFor, reportDataFor } from '@wardround/attestation/binding';
import type { Endorsement, Evidence, EvidenceItem } from '@wardround/attestation/evidence';
import { gpuEvidenceDigest, gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import type { NvidiaRules } from '@wardround/attestation/policy/nvidia-rules';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import type { TpmRules } from '@wardround/attestation/policy/tpm-rules';
import {
  generateP256,
  intelUsages,
  signIntelCertificate,
  signIntelCrl,
} from '@wardround/attestation/simulated/intel/certificates';
import type { IntelCrlRequest } from '@wardround/attestation/simulated/intel/certificates';
import type { QuoteRequest } from '@wardround/attestation/simulated/intel/platform';
import type { SimulatedNvidiaDevice } from '@wardround/attestation/simulated/nvidia/device';
import { entry } from '@wardround/attestation/simulated/nvidia/report';
import type { OpaqueEntry } from '@wardround/attestation/simulated/nvidia/report';
import type { SimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import type { TdxCollateral } from '@wardround/attestation/tdx/collateral';
import type { AppraisalInput, VerificationReport } from '@wardround/attestation/verifier';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { claimsOf, hclOf, snpReportOver } from './azure-writer.ts';
import { answersFor, chainOf, ueidOf } from './nvidia-world.ts';
import type { TdxWorld } from './tdx-world.ts';
import { makeTdxWorld, rulesFor as tdxRulesFor, usualImage } from './tdx-world.ts';
import { quoteOf, registers, rsaKey, signatureOf } from './tpm-writer.ts';
import type { World } from './world.ts';
import { at, dayMs, makeWorld, measurement, nonce, policyFor, sessionOpen, snpRulesOf } from './world.ts';

export const sorts = ['sevSnp', 'tdx4', 'tdx5', 'azureSnp', 'azureTdx', 'sevSnpTpm', 'tdxTpm'] as const;
export type Sort = (typeof sorts)[number];

export const waived = { waived: { reason: 'tried here', until: '2027-01-01T00:00:00.000Z' } };

export interface Ak {
  /** Leaf first. */
  readonly certificates: readonly Bytes[];
  readonly rootSha256: string;
  readonly crl: (wanted?: Partial<IntelCrlRequest>) => Promise<Bytes>;
  readonly serial: string;
  readonly goodCrl: Bytes;
}

export interface Composite {
  readonly snp: World;
  readonly intel: TdxWorld;
  readonly nvidia: SimulatedNvidia;
  readonly gpus: readonly [SimulatedNvidiaDevice, SimulatedNvidiaDevice];
  readonly switches: readonly [SimulatedNvidiaDevice, SimulatedNvidiaDevice];
  readonly rims: readonly Bytes[];
  readonly ocsp: readonly Uint8Array[];
  readonly ak: Ak;
}

export async function makeComposite(): Promise<Composite> {
  const [snp, intel, nvidia, ak] = await Promise.all([
    makeWorld('Genoa'),
    makeTdxWorld(),
    createSimulatedNvidia(at),
    makeAk(),
  ]);
  const device = async (kind: 'gpu' | 'switch'): Promise<SimulatedNvidiaDevice> => await nvidia.issueDevice({ kind });
  const gpus = [await device('gpu'), await device('gpu')] as const;
  const switches = [await device('switch'), await device('switch')] as const;
  const rims = await Promise.all((['driver', 'vbios', 'switch'] as const).map((role) => nvidia.issueRim(role)));
  const chains = [...[...gpus, ...switches].map(({ certificates }) => certificates), ...rims.map(chainOf)];
  return { snp, intel, nvidia, gpus, switches, rims, ocsp: answersFor(nvidia, chains), ak };
}

async function makeAk(): Promise<Ak> {
  const root = generateP256();
  const validity = { notBefore: new Date(at.getTime() - dayMs), notAfter: new Date(at.getTime() + 365 * dayMs) };
  const serial = '4011223344556677';
  const usual = {
    issuer: 'Simulated AK Root',
    issuerKey: root,
    validity,
    pathLength: undefined,
    extensions: [],
    hash: 'SHA-256',
  } as const;
  const authority = await signIntelCertificate({
    ...usual,
    subject: 'Simulated AK Root',
    serial: '4001',
    publicKey: root.publicKey,
    usages: intelUsages.authority,
    authority: true,
  });
  const leaf = await signIntelCertificate({
    ...usual,
    subject: 'Simulated AK',
    serial,
    publicKey: rsaKey.publicKey,
    usages: intelUsages.signer,
    authority: false,
  });
  const crl = async (wanted: Partial<IntelCrlRequest> = {}): Promise<Bytes> =>
    await signIntelCrl({
      issuer: 'Simulated AK Root',
      issuerKey: root,
      thisUpdate: new Date(at.getTime() - 3_600_000),
      nextUpdate: new Date(at.getTime() + 30 * dayMs),
      revoked: [],
      extensions: [],
      hash: 'SHA-256',
      ...wanted,
    });
  return { certificates: [leaf, authority], rootSha256: toHex(sha256(authority)), crl, serial, goodCrl: await crl() };
}

export interface DeviceRequest {
  readonly device: SimulatedNvidiaDevice;
  readonly nonce?: string;
  readonly opaque?: readonly OpaqueEntry[];
}

export function deviceItem({ device, nonce: asked, opaque }: DeviceRequest): EvidenceItem {
  const report = device.makeReport({ nonce: asked ?? gpuNonceFor(nonce), ...(opaque === undefined ? {} : { opaque }) });
  return {
    type: device.kind === 'gpu' ? 'nvidiaGpu' : 'nvSwitch',
    report: toBase64Url(report),
    certificates: device.certificates.map(toBase64Url),
  };
}

const pdi = (value: number): Bytes => Uint8Array.from({ length: 8 }, (_, index) => value + index);

/** Two GPUs and two switches in protected PCIe mode, that name each other. */
export function protectedFleet({ gpus, switches }: Composite): readonly EvidenceItem[] {
  const own = [pdi(0x10), pdi(0x20)];
  const links = concatBytes(...own.map((name) => name.toReversed()));
  const gpuPdis = concatBytes(pdi(0x30), pdi(0x40), new Uint8Array(112));
  return [
    ...gpus.map((device) => {
      const usual = device.usualOpaque.filter(({ type }) => type !== entry('protectedPcie', new Uint8Array()).type);
      const opaque = [...usual, entry('protectedPcie', Uint8Array.of(0xaa)), entry('switchPdis', links)];
      return deviceItem({ device, opaque });
    }),
    ...switches.map((device, index) => {
      const kept = device.usualOpaque.slice(0, 1);
      const opaque = [...kept, entry('switchPdis', own[index] ?? pdi(0)), entry('switchGpuPdis', gpuPdis)];
      return deviceItem({ device, opaque });
    }),
  ];
}

export interface BundleRequest {
  readonly sort: Sort;
  readonly devices?: readonly EvidenceItem[];
  /** What the processor vouches for, where it is not what the bundle says. */
  readonly bound?: Partial<Evidence['binding']>;
  /** The quote's qualifying data, where it is not the right one. */
  readonly extraData?: (reportData: Bytes) => Uint8Array;
  readonly claims?: Uint8Array;
  readonly td?: QuoteRequest;
}

export function bundleOf(world: Composite, request: BundleRequest): Evidence {
  const { sort, devices = [] } = request;
  const said = { nonce, sessionOpen, gpuEvidence: devices.length === 0 ? 'none' : gpuEvidenceDigest(devices) };
  const reportData = reportDataFor({ ...said, ...request.bound });
  const carriedBy = sort.startsWith('azure') ? 'tpm' : 'cpu';
  const absent: EvidenceItem[] = devices.length === 0 ? [{ type: 'none', of: 'gpu' }] : [];
  return {
    kind: 'Evidence',
    version: 1,
    binding: { ...said, carriedBy },
    evidence: [...processorItems(world, request, reportData), ...devices, ...absent],
    endorsements: [...processorEndorsements(world, sort), ...(devices.length === 0 ? [] : deviceEndorsements(world))],
  };
}

function processorItems(world: Composite, request: BundleRequest, reportData: Bytes): EvidenceItem[] {
  const { sort, td = {} } = request;
  const claims = request.claims ?? claimsOf();
  const extraData = request.extraData?.(reportData) ?? qualifyingDataFor(reportData);
  switch (sort) {
    case 'sevSnp':
    case 'sevSnpTpm': {
      const report = world.snp.chip.makeReport({ reportData, measurement: fromHex(measurement, 48) });
      const item: EvidenceItem = { type: 'sevSnp', report: toBase64Url(report) };
      return sort === 'sevSnp' ? [item] : [item, quoteItem(extraData, { certificates: world.ak.certificates })];
    }
    case 'tdx4':
    case 'tdx5':
    case 'tdxTpm': {
      const version = sort === 'tdx4' ? 4 : 5;
      const quote = world.intel.platform.makeQuote({ version, ...td, td: { reportData, ...td.td } });
      const item: EvidenceItem = { type: 'tdx', quote: toBase64Url(quote), eventLog: 'none' };
      return sort === 'tdxTpm' ? [item, quoteItem(extraData, { certificates: world.ak.certificates })] : [item];
    }
    case 'azureSnp': {
      const hardwareReport = snpReportOver(world.snp.chip, claims);
      return [quoteItem(extraData, { hclReport: hclOf({ hardwareReport, claims }) })];
    }
    case 'azureTdx': {
      const bound = concatBytes(sha256(claims), new Uint8Array(32));
      const quote = world.intel.platform.makeQuote({ ...td, td: { reportData: bound, ...td.td } });
      const hclReport = hclOf({ hardwareReport: tdReportOf(quote), claims, reportType: 4 });
      return [{ type: 'tdx', quote: toBase64Url(quote), eventLog: 'none' }, quoteItem(extraData, { hclReport })];
    }
  }
}

/** The TDREPORT that a quote of version 5 was made from. */
function tdReportOf(quote: Bytes): Bytes {
  const body = quote.subarray(54);
  const report = new Uint8Array(1024);
  report[0] = 0x81;
  report.set(body.subarray(0, 120), 264);
  report.set(body.subarray(120, 520), 512);
  report.set(sha384(report.subarray(256, 495)), 32);
  report.set(sha384(report.subarray(512)), 80);
  report.set(body.subarray(520, 584), 128);
  return report;
}

interface KeyOfQuote {
  readonly hclReport?: Uint8Array;
  readonly certificates?: readonly Bytes[];
}

export function quoteItem(extraData: Uint8Array, { hclReport, certificates = [] }: KeyOfQuote): EvidenceItem {
  const quote = quoteOf({ extraData });
  return {
    type: 'tpmQuote',
    hclReport: hclReport === undefined ? 'none' : toBase64Url(hclReport),
    certificates: certificates.map(toBase64Url),
    quote: toBase64Url(quote),
    signature: toBase64Url(signatureOf(quote, rsaKey)),
    bank: 'sha256',
    pcrs: [...registers].map(([index, value]) => ({ index, value: toHex(value) })),
    eventLog: 'none',
  };
}

function processorEndorsements({ snp, intel, ak }: Composite, sort: Sort): Endorsement[] {
  const tpm: Endorsement[] = sort.endsWith('Tpm') ? [{ type: 'crl', der: toBase64Url(ak.goodCrl) }] : [];
  if (!isSnp(sort)) return [tdxCollateralItem(intel.collateral), ...tpm];
  const certificates = [snp.chip.certificate, snp.intermediate, snp.vendor.root];
  return [
    ...certificates.map((der) => ({ type: 'certificate' as const, der: toBase64Url(der) })),
    { type: 'crl', der: toBase64Url(snp.crl) },
    ...tpm,
  ];
}

const isSnp = (sort: Sort): boolean => sort === 'sevSnp' || sort === 'azureSnp' || sort === 'sevSnpTpm';

export function tdxCollateralItem(collateral: TdxCollateral): Endorsement {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
  const der = (bytes: Uint8Array | undefined): string => toBase64Url(bytes ?? new Uint8Array());
  return {
    type: 'tdxCollateral',
    tcbInfo: text(collateral.tcbInfo),
    tcbInfoIssuerChain: collateral.tcbInfoIssuerChain.map(toBase64Url),
    qeIdentity: text(collateral.qeIdentity),
    qeIdentityIssuerChain: collateral.qeIdentityIssuerChain.map(toBase64Url),
    pckCrl: der(collateral.pckCrl),
    pckCrlIssuerChain: collateral.pckCrlIssuerChain.map(toBase64Url),
    rootCrl: der(collateral.rootCrl),
  };
}

export function rimItem(xml: Uint8Array, id = 'some'): Endorsement {
  return { type: 'rim', id, xml: Buffer.from(xml).toString('utf8') };
}

export function ocspItem(response: Uint8Array): Endorsement {
  return { type: 'ocsp', response: toBase64Url(response) };
}

export function deviceEndorsements({ rims, ocsp }: Pick<Composite, 'rims' | 'ocsp'>): Endorsement[] {
  const named = ['NV_GPU_DRIVER_GH100_570.124.03', 'NV_GPU_VBIOS_1010_0200_882_96009F0001'];
  return [
    ...rims.map((xml, index) => rimItem(xml, named[index] ?? 'NV_SWITCH_BIOS_5612_0002_890_9610550001')),
    ...ocsp.map(ocspItem),
  ];
}

const hexOf = (index: number): string => toHex(registers.get(index) ?? new Uint8Array());
const pcrImage = { pcrs: { '0': hexOf(0), '4': hexOf(4), '7': hexOf(7), '8': hexOf(8) } };

export const vtpmRules: TpmRules = {
  bank: 'sha256',
  attestationKey: { origin: 'attested', rsa: { minimumBits: 2048 }, ec: 'refused' },
  images: [pcrImage],
  secureBoot: 'required',
  consoleDisabled: 'required',
};

/** Of a key with a certificate; nothing attests to the configuration there. */
export const certifiedTpmRules: TpmRules = {
  ...vtpmRules,
  attestationKey: { ...vtpmRules.attestationKey, origin: { certificate: { revocation: 'required' } } },
  secureBoot: waived,
  consoleDisabled: waived,
};

export function nvidiaRulesOf(devices: readonly SimulatedNvidiaDevice[]): NvidiaRules {
  const gpus = devices.filter(({ kind }) => kind === 'gpu');
  const switches = devices.filter(({ kind }) => kind === 'switch');
  const protectedPcie = switches.length > 0 ? 'required' : 'refused';
  return {
    gpus: {
      count: gpus.length,
      architectures: { hopper: 'accepted', blackwell: 'refused' },
      models: ['GH100 A01 GSP BROM'],
      ueids: gpus.map(ueidOf),
      driver: { minimum: '570.124.03', allowed: ['570.124.03'] },
      vbios: { allowed: ['96.00.9F.00.01'] },
      mode: { featureFlags: [0], missingFeatureFlag: 'refused', protectedPcie },
      missingFirmwareIdentity: 'refused',
      acceptedUnknownFields: [],
    },
    switches:
      switches.length === 0
        ? 'none'
        : {
            count: switches.length,
            models: ['LS_10 A01 FSP BROM'],
            ueids: switches.map(ueidOf),
            vbios: { allowed: ['96.10.55.00.01'] },
            missingFirmwareIdentity: waived,
            acceptedUnknownFields: [],
          },
    rimValidity: 'now',
    ocsp: { maxAgeSeconds: 86_400, nonce: 'notRequired', deviceLeaf: 'required' },
    nras: 'notUsed',
  };
}

/** Accepts exactly this sort of machine, with exactly these devices. */
export function policyOf(world: Composite, sort: Sort, devices: readonly SimulatedNvidiaDevice[] = []): Policy {
  const base = policyFor(world.snp);
  const sevSnp = snpRulesOf(base);
  const tdx = tdxRulesFor(world.intel);
  const [snpImage] = base.measurements;
  const azureImage = { ...snpImage, platform: 'sevSnp', measurement: 'c0'.repeat(48) };
  const platforms = { sevSnp: 'refused', tdx: 'refused', azureSnpVtpm: 'refused', azureTdxVtpm: 'refused' } as const;
  const accepted =
    sort === 'azureSnp'
      ? { azureSnpVtpm: { sevSnp, paravisors: [azureImage], vtpm: vtpmRules } }
      : sort === 'azureTdx'
        ? { azureTdxVtpm: { tdx, paravisors: [usualImage], vtpm: vtpmRules } }
        : isSnp(sort)
          ? { sevSnp }
          : { tdx };
  const processor = isSnp(sort) ? toHex(world.snp.chip.chipId) : toHex(world.intel.platform.values.ppid);
  return parsePolicy({
    ...base,
    platforms: { ...platforms, ...accepted },
    measurements: sort.startsWith('azure') ? [] : [isSnp(sort) ? snpImage : usualImage],
    secondPath: sort.endsWith('Tpm') ? { vtpm: certifiedTpmRules } : 'notRequired',
    gpu: devices.length === 0 ? 'unused' : { nvidia: nvidiaRulesOf(devices) },
    machines: devices.length === 0 ? 'processorAlone' : [{ processor, devices: devices.map(ueidOf) }],
    simulatedPlatform: {
      roots: [world.snp.vendor.rootSha256, world.intel.vendor.rootSha256, world.nvidia.rootSha256, world.ak.rootSha256],
    },
  });
}

export function appraise(
  evidence: Evidence,
  policy: Policy,
  changes: Partial<Pick<AppraisalInput, 'mirror' | 'at' | 'expected'>> = {},
): VerificationReport {
  const expected = { nonce, sessionOpenDigest: sessionOpen };
  return verifyEnclave({ evidence, policy, expected, at, mirror: [], ...changes });
}

/** A nonce of somebody else's. */
export const otherNonce = toHex(randomBytes(32));
