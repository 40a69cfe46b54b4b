// A whole Intel of our own: root, authorities, platforms, revocation lists, TCB info. It proves nothing about hardware, and no site trusts
// it unless its policy names this very root. The tests run the genuine verifier on it.
import { randomBytes } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, fromHex, sha256, toHex } from '@wardround/protocol/bytes';
import type { TdxCollateral } from '../../tdx/collateral.ts';
import { pckCommonName, sgxExtension } from '../../tdx/pck.ts';
import type { ExtraExtension, Validity } from '../certificates.ts';
import type { IntelCertificateRequest, IntelCrlRequest } from './certificates.ts';
import type { EcKeyPair } from '../ec-certificates.ts';
import { generateP256, intelUsages, signIntelCertificate, signIntelCrl } from './certificates.ts';
import { signBody, usualQeIdentity, usualTcbInfo } from './collateral.ts';
import type { PckExtensionRequest, PckValues } from './pck-extension.ts';
import { encodePckExtension } from './pck-extension.ts';
import { SimulatedPlatform } from './platform.ts';

const dayMs = 86_400_000;

export const intelNames = {
  root: 'Intel SGX Root CA',
  platformCa: 'Intel SGX PCK Platform CA',
  processorCa: 'Intel SGX PCK Processor CA',
  tcbSigning: 'Intel SGX TCB Signing',
} as const;

/** Whoever holds these can simulate any platform, and any verdict on it, to sites that trust this root. */
export interface IntelKeys {
  readonly root: EcKeyPair;
  readonly pckCa: EcKeyPair;
  readonly tcbSigning: EcKeyPair;
}

export function generateIntelKeys(): IntelKeys {
  return { root: generateP256(), pckCa: generateP256(), tcbSigning: generateP256() };
}

/** Any part of a certificate that a test wants otherwise. */
export type Wanted = Partial<IntelCertificateRequest>;

export interface PlatformOptions {
  readonly values?: Partial<PckValues>;
  readonly extension?: Partial<Pick<PckExtensionRequest, 'replace' | 'add'>>;
  /** In place of the SGX extension; none where the list is empty. */
  readonly extensions?: readonly ExtraExtension[];
  readonly key?: EcKeyPair;
  readonly leaf?: Wanted;
  readonly authority?: Wanted;
  /** Behind the leaf, in place of authority and root. */
  readonly above?: readonly Uint8Array[];
}

export interface CollateralOptions {
  readonly tcbInfo?: Record<string, unknown>;
  readonly qeIdentity?: Record<string, unknown>;
  readonly signer?: Wanted;
  readonly signerKey?: EcKeyPair;
  readonly pckCrl?: Partial<IntelCrlRequest>;
  readonly rootCrl?: Partial<IntelCrlRequest>;
}

/** Founds a vendor: certificates are valid from an hour before `at`, for ten years. */
export async function createSimulatedIntel(
  at: Date,
  keys = generateIntelKeys(),
  root: Wanted = {},
): Promise<SimulatedIntel> {
  const certificate = await signIntelCertificate({
    ...authorityRequest(intelNames.root, keys, at),
    publicKey: keys.root.publicKey,
    ...root,
  });
  return new SimulatedIntel({ at, keys, root: certificate });
}

function authorityRequest(subject: string, { root, pckCa }: IntelKeys, at: Date): IntelCertificateRequest {
  return {
    subject,
    issuer: intelNames.root,
    serial: `40${toHex(randomBytes(19))}`,
    validity: yearsFrom(at, 10),
    publicKey: pckCa.publicKey,
    issuerKey: root,
    usages: intelUsages.authority,
    authority: true,
    pathLength: subject === intelNames.root ? 1 : 0,
    extensions: [],
    hash: 'SHA-256',
  };
}

function yearsFrom(at: Date, years: number): Validity {
  return { notBefore: new Date(at.getTime() - 3_600_000), notAfter: new Date(at.getTime() + years * 365 * dayMs) };
}

interface IntelParts {
  readonly at: Date;
  readonly keys: IntelKeys;
  readonly root: Bytes;
}

export class SimulatedIntel {
  readonly at: Date;
  /** DER of the root certificate. */
  readonly root: Bytes;
  /** What a site's policy must name for this vendor to be trusted. */
  readonly rootSha256: string;
  readonly #keys: IntelKeys;

  constructor({ at, keys, root }: IntelParts) {
    this.at = at;
    this.root = root;
    this.rootSha256 = toHex(sha256(root));
    this.#keys = keys;
  }

  /** The private keys, for storage apart from everything public. */
  get secretKeys(): IntelKeys {
    return this.#keys;
  }

  /** The authority that certifies platforms. DER. */
  async issuePckAuthority(wanted: Wanted = {}): Promise<Bytes> {
    return await signIntelCertificate({ ...authorityRequest(intelNames.platformCa, this.#keys, this.at), ...wanted });
  }

  /** Who signs TCB info and identities. DER. */
  async issueTcbSigner(wanted: Wanted = {}): Promise<Bytes> {
    return await signIntelCertificate({
      ...authorityRequest(intelNames.tcbSigning, this.#keys, this.at),
      publicKey: this.#keys.tcbSigning.publicKey,
      usages: intelUsages.signer,
      authority: false,
      ...wanted,
    });
  }

  /** Makes a platform and certifies its key. */
  async issuePlatform(options: PlatformOptions = {}): Promise<SimulatedPlatform> {
    const values = { ...usualPlatform(), ...options.values };
    const key = options.key ?? generateP256();
    const authority = await this.issuePckAuthority(options.authority);
    const extension = encodePckExtension({ values, replace: {}, add: [], ...options.extension });
    const leaf = await signIntelCertificate({
      ...authorityRequest(pckCommonName, this.#keys, this.at),
      issuer: intelNames.platformCa,
      publicKey: key.publicKey,
      issuerKey: this.#keys.pckCa,
      usages: intelUsages.signer,
      authority: false,
      extensions: options.extensions ?? [{ oid: sgxExtension, value: extension }],
      ...options.leaf,
    });
    return new SimulatedPlatform({ values, chain: [leaf, ...(options.above ?? [authority, this.root])], key });
  }

  /** A revocation list, empty and valid for 30 days unless told otherwise. DER. */
  async issueCrl(of: 'pck' | 'root', wanted: Partial<IntelCrlRequest> = {}): Promise<Bytes> {
    return await signIntelCrl({
      issuer: of === 'pck' ? intelNames.platformCa : intelNames.root,
      issuerKey: of === 'pck' ? this.#keys.pckCa : this.#keys.root,
      thisUpdate: new Date(this.at.getTime() - 3_600_000),
      nextUpdate: new Date(this.at.getTime() + 30 * dayMs),
      revoked: [],
      extensions: [],
      hash: 'SHA-256',
      ...wanted,
    });
  }

  /** Everything that this vendor has to say of a platform. Members of TCB info and identity may be replaced. */
  async collateralFor({ values, chain }: SimulatedPlatform, options: CollateralOptions = {}): Promise<TdxCollateral> {
    const key = (options.signerKey ?? this.#keys.tcbSigning).privateKey;
    const [signer, pckCrl, rootCrl] = await Promise.all([
      this.issueTcbSigner(options.signer),
      this.issueCrl('pck', options.pckCrl),
      this.issueCrl('root', options.rootCrl),
    ]);
    const tcbInfo = { ...usualTcbInfo(values, this.at), ...options.tcbInfo };
    const qeIdentity = { ...usualQeIdentity(this.at), ...options.qeIdentity };
    return {
      tcbInfo: signBody('tcbInfo', JSON.stringify(tcbInfo), key),
      tcbInfoIssuerChain: [signer, this.root],
      qeIdentity: signBody('enclaveIdentity', JSON.stringify(qeIdentity), key),
      qeIdentityIssuerChain: [signer, this.root],
      pckCrl,
      pckCrlIssuerChain: chain.slice(1),
      rootCrl,
    };
  }
}

function usualPlatform(): PckValues {
  return {
    ppid: copyBytes(randomBytes(16)),
    components: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
    pceSvn: 13,
    pceId: fromHex('0000'),
    fmspc: fromHex('f0c06f000000'),
    sgxType: 1,
    platformInstanceId: copyBytes(randomBytes(16)),
  };
}
