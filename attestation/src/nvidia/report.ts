// The report of a GPU or NVSwitch: the SPDM 1.1 GET_MEASUREMENTS request, the MEASUREMENTS response, and the signature over both
// (DMTF DSP0274 1.1, sections 10.11.1 and 10.11.2). Taken apart by its own lengths: the signature is where the parser arrives.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import type { OpaqueData } from './opaque.ts';
import { parseOpaqueData } from './opaque.ts';

export const requestBytes = 37;
const blockBytes = 55;
const nonceBytes = 32;
export const signatureBytes = 96;
/** Larger than any report: 64 blocks and 4 KiB of opaque data. */
const maxReportBytes = 8_192;
const maxBlocks = 64;

export interface NvidiaReport {
  /** What the verifier asked with, 32 bytes of hex. */
  readonly nonce: string;
  readonly responderNonce: string;
  /** Block 1 first; 48 bytes each, lower-case hex. */
  readonly measurements: readonly string[];
  readonly opaque: OpaqueData;
  /** Everything before the signature. */
  readonly signed: Bytes;
  /** r ‖ s, 48 big-endian bytes each (IEEE P1363). */
  readonly signature: Bytes;
}

/**
 * Takes a report apart: exact message codes, blocks numbered 1, 2, 3 …, each a 48-byte DMTF digest, opaque data that fills its length, and
 * 96 bytes of signature after which nothing follows.
 * @throws WardroundError `nvidia-report-size`, `nvidia-report-header`, `nvidia-report-measurements`, and those of `parseOpaqueData`
 */
export function parseNvidiaReport(input: Uint8Array): NvidiaReport {
  if (input.byteLength > maxReportBytes) throw size(`at most ${maxReportBytes} bytes`, input.byteLength);
  const reader = new Cursor(copyBytes(input));
  // Version 1.1, GET_MEASUREMENTS, signature requested, all measurements.
  reader.expect('11e001ff', 'the request');
  const nonce = toHex(reader.take(nonceBytes));
  // Certificate slot 0: NVIDIA's own.
  reader.expect('00', 'the request’s slot');
  reader.expect('11600000', 'the response');
  const blocks = reader.integer(1);
  const measurements = readMeasurements(reader.take(reader.integer(3)), blocks);
  const responderNonce = toHex(reader.take(nonceBytes));
  const opaque = parseOpaqueData(reader.take(reader.integer(2)));
  const signed = reader.taken();
  const signature = reader.take(signatureBytes);
  if (reader.left > 0) throw size('nothing after the signature', input.byteLength);
  return { nonce, responderNonce, measurements, opaque, signed, signature };
}

/** Reads forwards and never past the end. */
class Cursor {
  readonly #bytes: Bytes;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  take(length: number): Bytes {
    if (length > this.left) throw size('as many bytes as its lengths say', this.#bytes.byteLength);
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  /** Little-endian, at most 4 bytes. */
  integer(length: number): number {
    return this.take(length).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  expect(hex: string, where: string): void {
    const got = toHex(this.take(hex.length / 2));
    if (got === hex) return;
    throw new WardroundError('nvidia-report-header', 'not the messages of an NVIDIA report', {
      where,
      expected: hex,
      got,
    });
  }

  taken(): Bytes {
    return this.#bytes.slice(0, this.#at);
  }
}

function size(expected: string, got: number): WardroundError {
  return new WardroundError('nvidia-report-size', 'not the size of an NVIDIA report', {
    expected,
    got: `${got} bytes`,
  });
}

function readMeasurements(record: Bytes, blocks: number): readonly string[] {
  if (blocks === 0 || blocks > maxBlocks || record.byteLength !== blocks * blockBytes) {
    throw wrong(`1 to ${maxBlocks} blocks of ${blockBytes} bytes`, `${blocks} in ${record.byteLength} bytes`);
  }
  return Array.from({ length: blocks }, (_, index) => {
    const block = record.subarray(index * blockBytes, (index + 1) * blockBytes);
    // Index; specification 1 (DMTF) of 51 bytes; value type 1 (firmware, as a digest) of 48 bytes.
    const header = toHex(Uint8Array.of(index + 1, 1, 51, 0, 1, 48, 0));
    const got = toHex(block.subarray(0, 7));
    if (got !== header) throw wrong(`block ${index + 1} to begin with ${header}`, got);
    return toHex(block.subarray(7));
  });
}

function wrong(expected: string, got: string): WardroundError {
  return new WardroundError('nvidia-report-measurements', 'the measurement record cannot be read', { expected, got });
}
