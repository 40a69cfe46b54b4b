// Writes TDX quotes, every field at the caller's will, and signs them as a quoting enclave would.
import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, fromHex, sha256 } from '@wardround/protocol/bytes';
import { quoteConstants } from '../../tdx/quote.ts';

export interface TdFields {
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: Uint8Array;
  readonly mrSignerSeam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: bigint;
  readonly xfam: bigint;
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  readonly rtmrs: readonly Uint8Array[];
  readonly reportData: Uint8Array;
  /** TD 1.5 only. */
  readonly teeTcbSvn2: Uint8Array;
  readonly mrServiceTd: Uint8Array;
}

export interface QeFields {
  readonly cpuSvn: Uint8Array;
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly mrEnclave: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  /** Undefined: what vouches for the attestation key. */
  readonly reportData: Uint8Array | undefined;
}

export interface QuoteFields {
  readonly version: number;
  readonly attestationKeyType: number;
  readonly teeType: number;
  readonly reserved: number;
  readonly vendorId: Uint8Array;
  readonly userData: Uint8Array;
  /** Version 5: 2 for TD 1.0, 3 for TD 1.5. */
  readonly bodyType: number;
  readonly td: TdFields;
  readonly qe: QeFields;
  readonly authData: Uint8Array;
  readonly qeCertification: number;
  readonly pckCertification: number;
  /** PEM, leaf first. */
  readonly pckChain: Uint8Array;
  /** Behind the declared length. */
  readonly behind: Uint8Array;
}

export interface QuoteKeys {
  readonly attestation: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly pck: KeyObject;
}

export function encodeQuote(fields: QuoteFields, keys: QuoteKeys): Bytes {
  const body = encodeTd(fields.td, fields.version === 5 && fields.bodyType === 3);
  const descriptor = fields.version === 5 ? concatBytes(u16(fields.bodyType), u32(body.byteLength)) : new Uint8Array(0);
  const signed = concatBytes(encodeHeader(fields), descriptor, body);
  const point = pointOf(keys.attestation.publicKey);
  const qe = encodeQe(fields.qe, sha256(point, fields.authData));
  const chain = counted(fields.pckCertification, fields.pckChain);
  const auth = concatBytes(u16(fields.authData.byteLength), fields.authData);
  const certified = concatBytes(qe, signP256(qe, keys.pck), auth, chain);
  const block = concatBytes(
    signP256(signed, keys.attestation.privateKey),
    point,
    counted(fields.qeCertification, certified),
  );
  return concatBytes(signed, u32(block.byteLength), block, fields.behind);
}

function encodeHeader(fields: QuoteFields): Bytes {
  const { version, attestationKeyType, teeType, reserved, vendorId, userData } = fields;
  return concatBytes(u16(version), u16(attestationKeyType), u32(teeType), u32(reserved), vendorId, userData);
}

function encodeTd(td: TdFields, isTd15: boolean): Bytes {
  const module = [td.teeTcbSvn, td.mrSeam, td.mrSignerSeam, td.seamAttributes];
  const started = [u64(td.tdAttributes), u64(td.xfam), td.mrTd, td.mrConfigId, td.mrOwner, td.mrOwnerConfig];
  const later = isTd15 ? [td.teeTcbSvn2, td.mrServiceTd] : [];
  return concatBytes(...module, ...started, ...td.rtmrs, td.reportData, ...later);
}

function encodeQe(qe: QeFields, binding: Uint8Array): Bytes {
  const report = new Uint8Array(384);
  report.set(qe.cpuSvn, 0);
  report.set(qe.miscSelect, 16);
  report.set(qe.attributes, 48);
  report.set(qe.mrEnclave, 64);
  report.set(qe.mrSigner, 128);
  report.set(u16(qe.isvProdId), 256);
  report.set(u16(qe.isvSvn), 258);
  report.set(qe.reportData ?? binding, 320);
  return report;
}

/** x ‖ y: what follows the fixed head of an uncompressed P-256 key. */
function pointOf(key: KeyObject): Bytes {
  return copyBytes(key.export({ type: 'spki', format: 'der' }).subarray(-64));
}

/** r ‖ s. */
export function signP256(bytes: Uint8Array, key: KeyObject): Bytes {
  return copyBytes(sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }));
}

function counted(type: number, bytes: Uint8Array): Bytes {
  return concatBytes(u16(type), u32(bytes.byteLength), bytes);
}

function u16(value: number): Bytes {
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
}

function u32(value: number): Bytes {
  return concatBytes(u16(value & 0xffff), u16(value >>> 16));
}

function u64(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

export const zeros48: Bytes = new Uint8Array(48);
const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);

/** What a well-kept machine says. */
export const usualTd: TdFields = {
  teeTcbSvn: Uint8Array.of(6, 1, 3, ...new Uint8Array(13)),
  mrSeam: filled(48, 0x5e),
  mrSignerSeam: zeros48,
  seamAttributes: new Uint8Array(8),
  tdAttributes: 1n << 28n,
  xfam: 0x602e7n,
  mrTd: filled(48, 0xc0),
  mrConfigId: zeros48,
  mrOwner: zeros48,
  mrOwnerConfig: zeros48,
  rtmrs: [filled(48, 0xa0), filled(48, 0xa1), filled(48, 0xa2), zeros48],
  reportData: new Uint8Array(64),
  teeTcbSvn2: Uint8Array.of(6, 1, 3, ...new Uint8Array(13)),
  mrServiceTd: zeros48,
};

export const usualQe: QeFields = {
  cpuSvn: new Uint8Array(16),
  miscSelect: new Uint8Array(4),
  attributes: fromHex('1500000000000000e700000000000000'),
  mrEnclave: filled(32, 0xee),
  mrSigner: filled(32, 0x51),
  isvProdId: 2,
  isvSvn: 6,
  reportData: undefined,
};

export const usualHeader = {
  version: 5,
  attestationKeyType: quoteConstants.attestationKeyP256,
  teeType: quoteConstants.teeTdx,
  reserved: 0,
  vendorId: fromHex(quoteConstants.intelVendorId),
  userData: new Uint8Array(20),
  bodyType: 3,
  authData: Uint8Array.from({ length: 32 }, (_, index) => index),
  qeCertification: quoteConstants.certifiedByQe,
  pckCertification: quoteConstants.pckChain,
  behind: new Uint8Array(0),
} as const;
