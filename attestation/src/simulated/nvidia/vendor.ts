// A whole NVIDIA of our own: root, product line, devices, manifests, OCSP. It proves nothing about hardware, and no site trusts it unless
// its policy names this very root. The demo and the tests run the genuine verifier on it.
import { randomBytes } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, fromHex, sha256, toHex } from '@wardround/protocol/bytes';
import type { NvidiaKind } from '../../nvidia/device.ts';
import { leafSerialOf } from '../../nvidia/device.ts';
import { fwidExtensions } from '../../nvidia/fwid.ts';
import type { ExtraExtension, Validity } from '../certificates.ts';
import { derElement, derInteger, derSequence } from '../der-writer.ts';
import type { EcCertificateRequest } from './certificates.ts';
import type { EcKeyPair } from '../ec-certificates.ts';
import { ecUsages, generateEcKey, signEcCertificate } from './certificates.ts';
import { SimulatedNvidiaDevice } from './device.ts';
import type { OcspFields } from './ocsp.ts';
import { signOcsp } from './ocsp.ts';
import type { RimFields } from './rim.ts';
import { signRim, simulatedGolden } from './rim.ts';

const dayMs = 86_400_000;

/** A certificate authority of the vendor's: its key and its certificate. */
export interface Authority {
  readonly key: EcKeyPair;
  readonly certificate: Bytes;
  readonly name: string;
}

/** The vendor's authorities. Whoever holds their keys can simulate any device to sites that trust this root. */
export interface NvidiaAuthorities {
  readonly root: Authority;
  /** Of devices: product line and provisioner. */
  readonly identity: Authority;
  readonly provisioner: Authority;
  /** Of manifests: two levels above the signer. */
  readonly rimLine: Authority;
  readonly rimIssuer: Authority;
}

/** What a site's policy may accept of this vendor's devices unless told otherwise. */
export const simulatedVersions = {
  driver: '570.124.03',
  vbios: '96.00.9F.00.01',
  switchVbios: '96.10.55.00.01',
} as const;

/** Which golden measurements the two manifests of a GPU speak for. */
export const simulatedActive = { driver: [8, 9, 10, 20, 30, 35], vbios: [0, 1, 2, 3, 5, 63] } as const;

/** Founds a vendor: certificates are valid from an hour before `at`, for ten years. */
export async function createSimulatedNvidia(at: Date): Promise<SimulatedNvidia> {
  const root = await selfSigned('NVIDIA Device Identity CA', at);
  const below = async (issuer: Authority, name: string): Promise<Authority> => {
    const key = generateEcKey();
    const certificate = await signEcCertificate(authorityRequest(name, key, { issuer, at }));
    return { key, certificate, name };
  };
  const identity = await below(root, 'NVIDIA GH100 Identity');
  const provisioner = await below(identity, 'NVIDIA GH100 Provisioner ICA 1');
  const rimLine = await below(root, 'NVIDIA Reference Value GH100 CA');
  const rimIssuer = await below(rimLine, 'NVIDIA Reference Value L3 GH100 001');
  return new SimulatedNvidia(at, { root, identity, provisioner, rimLine, rimIssuer });
}

async function selfSigned(name: string, at: Date): Promise<Authority> {
  const key = generateEcKey();
  const certificate = await signEcCertificate(authorityRequest(name, key, { issuer: { key, name }, at }));
  return { key, certificate, name };
}

function authorityRequest(
  subject: string,
  key: EcKeyPair,
  { issuer, at }: { readonly issuer: Pick<Authority, 'key' | 'name'>; readonly at: Date },
): EcCertificateRequest {
  return {
    subject,
    issuer: issuer.name,
    serial: `40${toHex(randomBytes(15))}`,
    validity: yearsFrom(at, 10),
    publicKey: key.publicKey,
    issuerKey: issuer.key,
    usages: ecUsages.authority,
    authority: true,
    extensions: [],
  };
}

function yearsFrom(at: Date, years: number): Validity {
  return { notBefore: new Date(at.getTime() - 3_600_000), notAfter: new Date(at.getTime() + years * 365 * dayMs) };
}

export interface DeviceOptions {
  readonly kind?: NvidiaKind;
  readonly architecture?: 'hopper' | 'blackwell';
  readonly driver?: string;
  readonly vbios?: string;
  /** 48 bytes that the leaf names as its firmware. */
  readonly fwid?: Uint8Array;
  /** Overrides of the leaf's certificate, for the verifier's tests. */
  readonly leaf?: Partial<EcCertificateRequest>;
  /** Overrides of the factory identity's. */
  readonly brom?: Partial<EcCertificateRequest>;
}

export interface SignRimOptions {
  readonly validity?: Validity;
  readonly signer?: Partial<EcCertificateRequest>;
  readonly certificates?: (chain: readonly Bytes[]) => readonly Bytes[];
}

/** Overrides of an answer; what is left out is the good one of today. */
export type OcspOptions = Partial<OcspFields>;

export class SimulatedNvidia {
  readonly at: Date;
  /** What a site's policy must name for this vendor to be trusted: it signs devices and manifests. */
  readonly rootSha256: string;
  readonly #authorities: NvidiaAuthorities;
  /** Keys of the devices' factory identities, by certificate: they issue the leaves. */
  readonly #identities = new Map<string, EcKeyPair>();

  constructor(at: Date, authorities: NvidiaAuthorities) {
    this.at = at;
    this.rootSha256 = toHex(sha256(authorities.root.certificate));
    this.#authorities = authorities;
  }

  /** With the private keys, for storage apart from everything public. */
  get secrets(): NvidiaAuthorities {
    return this.#authorities;
  }

  async issueDevice(options: DeviceOptions = {}): Promise<SimulatedNvidiaDevice> {
    const kind = options.kind ?? 'gpu';
    const chip = kind === 'switch' ? 'LS_10' : options.architecture === 'blackwell' ? 'GB100' : 'GH100';
    const part = kind === 'switch' ? 'FSP' : 'GSP';
    const { root, identity, provisioner } = this.#authorities;
    const bromKey = generateEcKey();
    const bromName = `${chip} A01 ${part} BROM`;
    const brom = await signEcCertificate({
      ...authorityRequest(bromName, bromKey, { issuer: provisioner, at: this.at }),
      ...options.brom,
    });
    this.#identities.set(toHex(brom), bromKey);
    const key = generateEcKey();
    const fwid = options.fwid ?? randomBytes(48);
    const leaf = await signEcCertificate({
      ...authorityRequest(`${chip} A01 ${part} FMC LF`, key, { issuer: { key: bromKey, name: bromName }, at: this.at }),
      serial: leafSerialOf(options.leaf?.publicKey ?? key.publicKey),
      usages: ecUsages.signer,
      authority: false,
      extensions: [fwidExtension(fwid, { key, blackwell: options.architecture === 'blackwell' })],
      ...options.leaf,
    });
    return new SimulatedNvidiaDevice({
      kind,
      driver: options.driver ?? simulatedVersions.driver,
      vbios: options.vbios ?? (kind === 'switch' ? simulatedVersions.switchVbios : simulatedVersions.vbios),
      fwid,
      certificates: [leaf, brom, provisioner.certificate, identity.certificate, root.certificate],
      key,
    });
  }

  /** The manifest of a GPU's driver or VBIOS, or of a switch, with any field replaced. */
  async issueRim(
    role: 'driver' | 'vbios' | 'switch',
    fields: Partial<RimFields> = {},
    options: SignRimOptions = {},
  ): Promise<Bytes> {
    const { root, rimLine, rimIssuer } = this.#authorities;
    const key = generateEcKey();
    const signer = await signEcCertificate({
      ...authorityRequest('HCC RIM L4 Signer', key, { issuer: rimIssuer, at: this.at }),
      validity: options.validity ?? yearsFrom(this.at, 2),
      usages: ecUsages.signer,
      authority: false,
      ...options.signer,
    });
    const chain = [signer, rimIssuer.certificate, rimLine.certificate, root.certificate];
    const certificates = options.certificates?.(chain) ?? chain;
    return signRim({ ...usualRim(role), ...fields }, { key, certificates });
  }

  /** A good answer of today about certificate number `index` of a chain whose issuers this vendor is, with any field replaced. */
  answer(chain: readonly Uint8Array[], index: number, options: OcspOptions = {}): Bytes {
    const [certificate, issuer] = [chain[index], chain[index + 1]];
    if (certificate === undefined || issuer === undefined)
      throw new RangeError(`no certificate ${index} below another`);
    const authority = Object.values(this.#authorities).find(
      ({ certificate: own }: Authority) => toHex(own) === toHex(issuer),
    );
    return signOcsp({
      certificate,
      issuer,
      key: authority?.key ?? this.#identities.get(toHex(issuer)) ?? generateEcKey(),
      responder: issuer,
      thisUpdate: new Date(this.at.getTime() - 3_600_000),
      nextUpdate: new Date(this.at.getTime() + 7 * dayMs),
      ...options,
    });
  }

  /** A delegate of one of the vendor's authorities, for signing OCSP answers. */
  async issueResponder(
    name: keyof NvidiaAuthorities,
    overrides: Partial<EcCertificateRequest> = {},
  ): Promise<{ readonly key: EcKeyPair; readonly certificate: Bytes }> {
    const key = generateEcKey();
    const certificate = await signEcCertificate({
      ...authorityRequest('NVIDIA OCSP Responder', key, { issuer: this.#authorities[name], at: this.at }),
      usages: ecUsages.signer,
      authority: false,
      extensions: [{ oid: '2.5.29.37', value: derSequence(fromHex('06082b06010505070309')) }],
      ...overrides,
    });
    return { key, certificate };
  }
}

function usualRim(role: 'driver' | 'vbios' | 'switch'): RimFields {
  if (role === 'switch') {
    const everything = Array.from({ length: 31 }, (_, index) => index);
    return {
      chip: 'LS10',
      edition: 'SWITCH',
      version: simulatedVersions.switchVbios,
      measurements: simulatedGolden(everything, 31),
    };
  }
  return {
    chip: 'GH100',
    edition: 'GPU',
    version: simulatedVersions[role],
    measurements: simulatedGolden(simulatedActive[role]),
  };
}

/** As Hopper's leaves name their firmware (CompositeDeviceID), or Blackwell's (DiceTcbInfo). */
export function fwidExtension(
  fwid: Uint8Array,
  { key, blackwell }: { readonly key: EcKeyPair; readonly blackwell: boolean },
): ExtraExtension {
  const entry = (digest: Uint8Array): Bytes => derSequence(fromHex('0609608648016503040202'), derElement(0x04, digest));
  if (blackwell) {
    const members = [
      derElement(0x83, Uint8Array.of(1)),
      derElement(0xa6, concatBytes(entry(fwid), entry(new Uint8Array(48)))),
    ];
    return { oid: fwidExtensions.diceTcbInfo, value: derSequence(...members) };
  }
  const spki = copyBytes(key.publicKey.export({ type: 'spki', format: 'der' }));
  return { oid: fwidExtensions.compositeDeviceId, value: derSequence(derInteger(1), spki, entry(fwid)) };
}
