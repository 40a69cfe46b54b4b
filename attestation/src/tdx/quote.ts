// A TDX quote, versions 4 and 5, taken apart by its own lengths without believing any of it (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4).
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import { ByteReader } from '../byte-reader.ts';
import type { QeReport } from './qe-report.ts';
import { qeReportBytes, readQeReport } from './qe-report.ts';
import type { TdKind, TdReport } from './td-report.ts';
import { readTdReport, tdBodyBytes } from './td-report.ts';

/** Genuine quotes have about 5,000 bytes, and up to 8,000 with the padding of a platform's fixed buffer. */
export const maxQuoteBytes = 32_768;

export const quoteConstants = {
  attestationKeyP256: 2,
  teeTdx: 0x81,
  intelVendorId: '939a7233f79c4ca9940a0db3957f0607',
  bodyTypes: { 2: 'TD 1.0', 3: 'TD 1.5' },
  certifiedByQe: 6,
  pckChain: 5,
} as const;

export interface TdxQuote {
  readonly version: 4 | 5;
  /** 20 bytes; the quoting enclave puts the platform's id there. */
  readonly userData: Bytes;
  readonly td: TdReport;
  /** Header and body, which the attestation key signs. */
  readonly signed: Bytes;
  /** r ‖ s, 32 big-endian bytes each. */
  readonly signature: Bytes;
  /** x ‖ y, 32 big-endian bytes each. */
  readonly attestationKey: Bytes;
  readonly qe: QeReport;
  /** By the PCK, over the quoting enclave's report: r ‖ s. */
  readonly qeSignature: Bytes;
  readonly authData: Bytes;
  /** PEM, without a closing NUL. */
  readonly pckChain: Bytes;
  /** What follows the declared length; see {@link requireZeroPadding}. */
  readonly padding: Bytes;
}

/**
 * Takes a quote apart. Every length in it must be exactly that of what it holds; nothing is taken by a length before it is checked.
 * @throws WardroundError `tdx-quote-size`, `tdx-quote-truncated`, `tdx-quote-version`, `tdx-quote-algorithm`, `tdx-quote-tee`,
 * `tdx-quote-vendor`, `tdx-quote-body`, `tdx-quote-certification`, `tdx-quote-length`, `tdx-quote-reserved`
 */
export function parseTdxQuote(input: Uint8Array): TdxQuote {
  if (input.byteLength > maxQuoteBytes) {
    throw new WardroundError('tdx-quote-size', 'larger than any quote', {
      expected: `at most ${maxQuoteBytes} bytes`,
      got: `${input.byteLength} bytes`,
    });
  }
  const reader = readerOf(input);
  const { version, userData } = readHeader(reader);
  const td = readTdReport(reader, version === 4 ? 'TD 1.0' : readBodyDescriptor(reader));
  const signed = copyBytes(input.subarray(0, reader.offset));
  const block = readerOf(reader.bytes(reader.u32('signature length'), 'signature data'));
  const signatureData = readSignatureData(block);
  return { version, userData, td, signed, ...signatureData, padding: reader.bytes(reader.remaining, 'padding') };
}

function readerOf(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, {
    littleEndian: true,
    refuse: (got, offset) =>
      new WardroundError('tdx-quote-truncated', 'the quote ends too early', { got, where: `byte ${offset}` }),
  });
}

function readHeader(reader: ByteReader): Pick<TdxQuote, 'version' | 'userData'> {
  const version = reader.u16('version');
  if (version !== 4 && version !== 5)
    throw refused('tdx-quote-version', 'a quote version', { expected: '4 or 5', got: String(version) });
  const { attestationKeyP256, teeTdx, intelVendorId } = quoteConstants;
  const keyType = reader.u16('attestation key type');
  if (keyType !== attestationKeyP256)
    throw refused('tdx-quote-algorithm', 'an attestation key', {
      expected: '2, ECDSA with P-256',
      got: String(keyType),
    });
  const tee = reader.u32('TEE type');
  if (tee !== teeTdx)
    throw refused('tdx-quote-tee', 'a quote of a TEE', { expected: '0x81, TDX', got: `0x${tee.toString(16)}` });
  const reserved = reader.u32('reserved');
  if (reserved !== 0)
    throw refused('tdx-quote-reserved', 'a reserved field', { expected: '0', got: `0x${reserved.toString(16)}` });
  const vendor = toHex(reader.bytes(16, 'vendor'));
  if (vendor !== intelVendorId)
    throw refused('tdx-quote-vendor', 'a quoting enclave', { expected: intelVendorId, got: vendor });
  return { version, userData: reader.bytes(20, 'user data') };
}

/** Version 5 says which body follows, and the six bytes that say so are signed with it. */
function readBodyDescriptor(reader: ByteReader): TdKind {
  const type = reader.u16('body type');
  const kind = type === 2 || type === 3 ? quoteConstants.bodyTypes[type] : undefined;
  if (kind === undefined)
    throw refused('tdx-quote-body', 'a body', { expected: '2 (TD 1.0) or 3 (TD 1.5)', got: String(type) });
  const size = reader.u32('body size');
  if (size !== tdBodyBytes[kind])
    throw refused('tdx-quote-body', 'a body size', { expected: String(tdBodyBytes[kind]), got: String(size) });
  return kind;
}

type SignatureData = Pick<TdxQuote, 'signature' | 'attestationKey' | 'qe' | 'qeSignature' | 'authData' | 'pckChain'>;

function readSignatureData(block: ByteReader): SignatureData {
  const signature = block.bytes(64, 'signature');
  const attestationKey = block.bytes(64, 'attestation key');
  const outer = readCertification(block, quoteConstants.certifiedByQe);
  const qe = readQeReport(outer.bytes(qeReportBytes, 'QE report'));
  const qeSignature = outer.bytes(64, 'QE report signature');
  const authData = outer.bytes(outer.u16('authentication data length'), 'authentication data');
  const inner = readCertification(outer, quoteConstants.pckChain);
  const pckChain = inner.bytes(inner.remaining, 'PCK chain');
  return { signature, attestationKey, qe, qeSignature, authData, pckChain: withoutClosingNul(pckChain) };
}

/** Certification data is the last thing in what holds it: a length that leaves something over lies. */
function readCertification(reader: ByteReader, expected: number): ByteReader {
  const type = reader.u16('certification data type');
  if (type !== expected)
    throw refused('tdx-quote-certification', 'certification data', { expected: `type ${expected}`, got: String(type) });
  const length = reader.u32('certification data length');
  const inner = readerOf(reader.bytes(length, 'certification data'));
  if (reader.remaining > 0)
    throw refused('tdx-quote-length', 'a length', {
      expected: 'one that fills what holds it',
      got: `${reader.remaining} bytes over`,
    });
  return inner;
}

/** Intel's library writes the chain as a C string, with or without its end. */
function withoutClosingNul(text: Bytes): Bytes {
  return text.at(-1) === 0 ? text.slice(0, -1) : text;
}

/**
 * Platforms hand quotes over in buffers of fixed size, so that zeros may follow. They are not signed: anything but a zero there
 * would be a message that nobody vouches for.
 * @throws WardroundError `tdx-quote-trailing`
 */
export function requireZeroPadding({ padding }: TdxQuote): number {
  const at = padding.findIndex((byte) => byte !== 0);
  if (at === -1) return padding.byteLength;
  throw new WardroundError('tdx-quote-trailing', 'bytes follow the quote that are no padding', {
    expected: 'nothing, or zeros',
    got: `${padding.byteLength} bytes, the first that is not zero at ${at}`,
  });
}

function refused(code: string, what: string, detail: { expected: string; got: string }): WardroundError {
  return new WardroundError(code, `${what} that is not accepted`, detail);
}
