// What a TPM signs when it quotes: TPMS_ATTEST (TPM 2.0 Library, part 2, section 10.12.8), big-endian, taken apart without believing any of it.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { ByteReader } from '../byte-reader.ts';

export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly algorithm: number;
  /** In ascending order: the order in which the values were hashed. */
  readonly pcrs: readonly number[];
}

export interface TpmQuote {
  /** Name of the key and of its parents; it cannot be recomputed from the key alone, so it is only shown. */
  readonly qualifiedSigner: Bytes;
  /** Qualifying data: what the verifier asked to be signed. */
  readonly extraData: Bytes;
  /** Milliseconds; meaningless across a reset unless `safe`. */
  readonly clock: bigint;
  /** Counts restarts of the machine: a quote with another count is of another boot. */
  readonly resetCount: number;
  /** Counts resumes from sleep. */
  readonly restartCount: number;
  readonly safe: boolean;
  readonly firmwareVersion: bigint;
  readonly selections: readonly PcrSelection[];
  readonly pcrDigest: Bytes;
  readonly signed: Bytes;
}

/** TPM_GENERATED_VALUE: a TPM never signs foreign bytes that begin so with a restricted key. */
const generated = 0xff54_4347;
const attestQuote = 0x8018;

/** The largest of each structure that a TPM can make (TPM2B_NAME, TPM2B_DATA, TPM2B_DIGEST with SHA-512). */
const limits = { bytes: 1_024, name: 66, extraData: 66, digest: 64, selections: 16 } as const;

/**
 * Takes a quote apart, whole: every counted part is bounded, and nothing may follow.
 * @throws WardroundError `tpm-quote-magic`, `tpm-quote-type`, `tpm-quote-malformed`
 */
export function parseTpmQuote(input: Uint8Array): TpmQuote {
  if (input.byteLength > limits.bytes) throw malformed(`${input.byteLength} bytes`, 0);
  const reader = new ByteReader(input, { littleEndian: false, refuse: malformed });
  requireMagic(reader.u32('magic'));
  requireQuote(reader.u16('type'));
  const quote = {
    qualifiedSigner: sized(reader, limits.name, 'qualified signer'),
    extraData: sized(reader, limits.extraData, 'extra data'),
    clock: reader.u64('clock'),
    resetCount: reader.u32('reset count'),
    restartCount: reader.u32('restart count'),
    safe: yesOrNo(reader),
    firmwareVersion: reader.u64('firmware version'),
    selections: readSelections(reader),
    pcrDigest: sized(reader, limits.digest, 'PCR digest'),
    signed: copyBytes(input),
  };
  reader.end('the quote');
  return quote;
}

function requireMagic(magic: number): void {
  if (magic === generated) return;
  throw new WardroundError('tpm-quote-magic', 'no TPM made these bytes', {
    expected: '0xff544347',
    got: `0x${magic.toString(16).padStart(8, '0')}`,
  });
}

function requireQuote(type: number): void {
  if (type === attestQuote) return;
  throw new WardroundError('tpm-quote-type', 'a TPM attests to something else here than to its registers', {
    expected: '0x8018 (TPM_ST_ATTEST_QUOTE)',
    got: `0x${type.toString(16)}`,
  });
}

function sized(reader: ByteReader, max: number, what: string): Bytes {
  const length = reader.u16(`size of the ${what}`);
  if (length > max) throw reader.refuse(`${what} of ${length} bytes`);
  return reader.bytes(length, what);
}

function yesOrNo(reader: ByteReader): boolean {
  const value = reader.u8('safe');
  if (value > 1) throw reader.refuse(`safe ${value}`);
  return value === 1;
}

function readSelections(reader: ByteReader): readonly PcrSelection[] {
  const count = reader.u32('number of selections');
  if (count > limits.selections) throw reader.refuse(`${count} selections`);
  return Array.from({ length: count }, () => {
    const algorithm = reader.u16('bank');
    const length = reader.u8('size of the bitmap');
    if (length < 1 || length > 4) throw reader.refuse(`a bitmap of ${length} bytes`);
    return { algorithm, pcrs: setBits(reader.bytes(length, 'bitmap')) };
  });
}

/** Bit n of byte m selects PCR 8m + n. */
export function setBits(bitmap: Uint8Array): readonly number[] {
  return [...bitmap].flatMap((byte, position) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => ((byte >> bit) & 1) === 1).map((bit) => 8 * position + bit),
  );
}

function malformed(problem: string, offset: number): WardroundError {
  return new WardroundError('tpm-quote-malformed', 'the quote cannot be read', {
    got: problem,
    where: `offset ${offset}`,
  });
}
