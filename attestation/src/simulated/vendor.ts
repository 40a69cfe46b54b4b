// A whole silicon vendor of our own: root, intermediates, revocation list, chips. It proves nothing about hardware, and no site
// trusts it unless its policy names this very root (`simulatedPlatform`). The demo and the tests run the genuine verifier on it.
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Bytes } from '@wardround/protocol/bytes';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { snpExtensions } from '../snp/leaf.ts';
import type { SnpKeyKind } from '../snp/leaf.ts';
import type { SnpProduct } from '../snp/product.ts';
import { snpProducts } from '../snp/product.ts';
import type { Tcb } from '../snp/tcb.ts';
import type { ExtraExtension, RsaKeyPair, SigningAlgorithm, Validity } from './certificates.ts';
import { authorityUsages, signCertificate, signCrl } from './certificates.ts';
import { derIa5String, derInteger } from './der-writer.ts';
import { SimulatedChip, generateChipKey } from './chip.ts';
import type { ChipKey } from './chip.ts';

const dayMs = 86_400_000;

/** The vendor's private keys. Whoever holds them can simulate any machine to sites that trust this vendor's root. */
export interface VendorKeys {
  readonly root: RsaKeyPair;
  readonly intermediate: RsaKeyPair;
}

/** RSA-4096 like AMD's; slow to make, so both at once. */
export async function generateVendorKeys(): Promise<VendorKeys> {
  const generate = promisify(generateKeyPair);
  const pair = (): Promise<RsaKeyPair> => generate('rsa', { modulusLength: 4096 });
  const [root, intermediate] = await Promise.all([pair(), pair()]);
  return { root, intermediate };
}

export interface VendorOptions {
  readonly product: SnpProduct;
  /** The vendor's founding: certificates are valid from an hour before it, for ten years. */
  readonly at: Date;
  readonly keys?: VendorKeys;
  /** Key usages of the root; certificate and CRL signing unless told otherwise. */
  readonly rootUsages?: number;
  readonly random?: (length: number) => Uint8Array;
}

/** Founds a vendor for one product line. Takes seconds where no keys are given. */
export async function createSimulatedVendor(options: VendorOptions): Promise<SimulatedVendor> {
  const keys = options.keys ?? (await generateVendorKeys());
  const root = await signCertificate({
    subject: `ARK-${options.product}`,
    issuer: `ARK-${options.product}`,
    serial: serialOf(options.product, '0000'),
    validity: yearsFrom(options.at, 10),
    publicKey: keys.root.publicKey,
    issuerKey: keys.root,
    authority: { usages: options.rootUsages ?? authorityUsages.root },
    extensions: [],
  });
  const { product, at } = options;
  return new SimulatedVendor({ product, at, keys, root, random: options.random ?? randomBytes });
}

/** Serials as AMD numbers them: 01, 02, 03 for the product lines. */
function serialOf(product: SnpProduct, rest: string): string {
  return `0${snpProducts.indexOf(product) + 1}${rest}`;
}

function yearsFrom(at: Date, years: number): Validity {
  return { notBefore: new Date(at.getTime() - 3_600_000), notAfter: new Date(at.getTime() + years * 365 * dayMs) };
}

export interface IntermediateOptions {
  readonly kind: SnpKeyKind;
  readonly subject?: string;
  readonly issuer?: string;
  readonly serial?: string;
  readonly validity?: Validity;
  readonly issuerKey?: RsaKeyPair;
  readonly publicKey?: RsaKeyPair['publicKey'];
  readonly usages?: number;
  /** False leaves out CA flag and key usage. */
  readonly authority?: boolean;
  readonly extensions?: readonly ExtraExtension[];
  readonly algorithm?: SigningAlgorithm;
}

export interface CrlOptions {
  readonly issuer?: string;
  readonly issuerKey?: RsaKeyPair;
  readonly thisUpdate?: Date;
  readonly nextUpdate?: Date;
  readonly revoked?: readonly string[];
  readonly extensions?: readonly ExtraExtension[];
  readonly algorithm?: SigningAlgorithm;
}

export interface ChipOptions {
  readonly kind?: SnpKeyKind;
  readonly chipId?: Uint8Array;
  readonly tcb?: Tcb;
  readonly provider?: string;
  readonly key?: ChipKey;
  readonly subject?: string;
  readonly validity?: Validity;
  readonly issuerKey?: RsaKeyPair;
  readonly publicKey?: RsaKeyPair['publicKey'];
  readonly authority?: boolean;
  /** Replaces the extension with the same identifier; a value of undefined leaves it out. */
  readonly replace?: Readonly<Record<string, Uint8Array | undefined>>;
  /** Added as they are, also a second time. */
  readonly add?: readonly ExtraExtension[];
  readonly algorithm?: SigningAlgorithm;
}

interface VendorParts {
  readonly product: SnpProduct;
  readonly at: Date;
  readonly keys: VendorKeys;
  readonly root: Bytes;
  readonly random: (length: number) => Uint8Array;
}

export class SimulatedVendor {
  readonly product: SnpProduct;
  readonly at: Date;
  /** DER of the root certificate. */
  readonly root: Bytes;
  /** What a site's policy must name for this vendor to be trusted. */
  readonly rootSha256: string;
  readonly #keys: VendorKeys;
  readonly #random: (length: number) => Uint8Array;

  constructor({ product, at, keys, root, random }: VendorParts) {
    this.product = product;
    this.at = at;
    this.root = root;
    this.rootSha256 = toHex(sha256(root));
    this.#keys = keys;
    this.#random = random;
  }

  /** The private keys, for storage apart from everything public. */
  get secretKeys(): VendorKeys {
    return this.#keys;
  }

  intermediateSerial(kind: SnpKeyKind): string {
    return serialOf(this.product, kind === 'VCEK' ? '0001' : '0101');
  }

  /** The issuer of VCEKs or of VLEKs (both with the vendor's one intermediate key). DER. */
  async issueIntermediate(options: IntermediateOptions): Promise<Bytes> {
    const { kind } = options;
    const authority = { authority: { pathLength: 0, usages: options.usages ?? authorityUsages.intermediate } };
    return signCertificate({
      subject: options.subject ?? intermediateName(kind, this.product),
      issuer: options.issuer ?? `ARK-${this.product}`,
      serial: options.serial ?? this.intermediateSerial(kind),
      validity: options.validity ?? yearsFrom(this.at, 10),
      publicKey: options.publicKey ?? this.#keys.intermediate.publicKey,
      issuerKey: options.issuerKey ?? this.#keys.root,
      ...(options.authority === false ? {} : authority),
      extensions: options.extensions ?? [],
      ...algorithmOf(options),
    });
  }

  /** The root's revocation list, empty and valid for 90 days unless told otherwise. DER. */
  async issueCrl(options: CrlOptions = {}): Promise<Bytes> {
    return signCrl({
      issuer: options.issuer ?? `ARK-${this.product}`,
      issuerKey: options.issuerKey ?? this.#keys.root,
      thisUpdate: options.thisUpdate ?? new Date(this.at.getTime() - 3_600_000),
      nextUpdate: options.nextUpdate ?? new Date(this.at.getTime() + 90 * dayMs),
      revoked: options.revoked ?? [],
      extensions: options.extensions ?? [],
      ...algorithmOf(options),
    });
  }

  /** Makes a chip (or a provider's signing key) and certifies its key. */
  async issueChip(options: ChipOptions = {}): Promise<SimulatedChip> {
    const kind = options.kind ?? 'VCEK';
    const key = options.key ?? generateChipKey();
    const chipId = options.chipId ?? this.#random(this.product === 'Turin' ? 8 : 64);
    const tcb = options.tcb ?? usualTcb(this.product);
    const certificate = await signCertificate({
      subject: options.subject ?? `SEV-${kind}`,
      issuer: intermediateName(kind, this.product),
      serial: '00',
      validity: options.validity ?? yearsFrom(this.at, 7),
      publicKey: options.publicKey ?? key.publicKey,
      issuerKey: options.issuerKey ?? this.#keys.intermediate,
      ...(options.authority === true ? { authority: { usages: authorityUsages.root } } : {}),
      extensions: this.#leafExtensions(options, { kind, chipId, tcb }),
      ...algorithmOf(options),
    });
    const reported = new Uint8Array(64);
    if (kind === 'VCEK') reported.set(chipId);
    return new SimulatedChip({ product: this.product, kind, chipId: reported, tcb, key, certificate });
  }

  #leafExtensions(
    options: ChipOptions,
    chip: { kind: SnpKeyKind; chipId: Uint8Array; tcb: Tcb },
  ): readonly ExtraExtension[] {
    const values = new Map<string, Uint8Array | undefined>([
      ...tcbExtensions(this.product, chip.tcb),
      chip.kind === 'VCEK'
        ? [snpExtensions.hardwareId, chip.chipId]
        : [snpExtensions.provider, derIa5String(options.provider ?? 'CN=cloud.example')],
      ...Object.entries(options.replace ?? {}),
    ]);
    const kept = [...values].flatMap(([oid, value]) => (value === undefined ? [] : [{ oid, value }]));
    return [...kept, ...(options.add ?? [])];
  }
}

function algorithmOf({ algorithm }: { readonly algorithm?: SigningAlgorithm }): { algorithm?: SigningAlgorithm } {
  return algorithm === undefined ? {} : { algorithm };
}

function intermediateName(kind: SnpKeyKind, product: SnpProduct): string {
  return kind === 'VCEK' ? `SEV-${product}` : `SEV-VLEK-${product}`;
}

function usualTcb(product: SnpProduct): Tcb {
  if (product === 'Turin') return { fmc: 1, bootLoader: 1, tee: 1, snp: 4, microcode: 81 };
  return { bootLoader: 10, tee: 0, snp: 23, microcode: 219 };
}

function tcbExtensions(product: SnpProduct, tcb: Tcb): readonly (readonly [string, Uint8Array])[] {
  const turin = product === 'Turin';
  return [
    [snpExtensions.structureVersion, derInteger(turin ? 1 : 0)],
    [snpExtensions.productName, derIa5String(product === 'Milan' ? 'Milan-B0' : product)],
    ...(turin
      ? [[snpExtensions.fmc, derInteger(tcb.fmc ?? 0)] as const]
      : [[snpExtensions.reserved4, derInteger(0)] as const]),
    [snpExtensions.bootLoader, derInteger(tcb.bootLoader)],
    [snpExtensions.tee, derInteger(tcb.tee)],
    [snpExtensions.snp, derInteger(tcb.snp)],
    [snpExtensions.reserved5, derInteger(0)],
    [snpExtensions.reserved6, derInteger(0)],
    [snpExtensions.reserved7, derInteger(0)],
    [snpExtensions.microcode, derInteger(tcb.microcode)],
  ];
}
