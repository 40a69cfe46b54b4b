// A TPM's words, written by keys of the test: quotes, signatures and register values, with anything in them wrong that a test asks for.
import type { KeyObject } from 'node:crypto';
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, utf8 } from '@wardround/protocol/bytes';
import { StepLog } from '@wardround/attestation/steps';
import type { GivenPcrs } from '@wardround/attestation/tpm/pcrs';
import type { TpmAppraisal, TpmEvidence } from '@wardround/attestation/tpm/verify';
import { verifyTpmQuote } from '@wardround/attestation/tpm/verify';

export const at = new Date('2026-11-23T12:00:00.000Z');
export const nonce = utf8('the nonce of this very appraisal');

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
export const rsaKey: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const p256Key: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const p384Key: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-384' });

export const pemOf = (key: KeyObject): Bytes => utf8(key.export({ type: 'spki', format: 'pem' }).toString());

export const u8 = (value: number): Bytes => Uint8Array.of(value);
export const u16 = (value: number): Bytes => Uint8Array.of(value >> 8, value & 0xff);
export const u32 = (value: number): Bytes => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};
export const sized = (bytes: Uint8Array, length = bytes.byteLength): Bytes => concatBytes(u16(length), bytes);

/** Registers as they stand in most tests: 0, 4, 7 and 8 are quoted. */
export const registers: ReadonlyMap<number, Bytes> = new Map(
  [0, 4, 7, 8].map((index) => [index, copyBytes(createHash('sha256').update(`PCR ${index}`).digest())]),
);
export const sha384Registers: ReadonlyMap<number, Bytes> = new Map(
  [0, 7].map((index) => [index, copyBytes(createHash('sha384').update(`PCR ${index}`).digest())]),
);

export function bitmapOf(indexes: Iterable<number>, length = 3): Bytes {
  const bitmap = new Uint8Array(length);
  for (const index of indexes) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  return bitmap;
}

export function digestOf(hash: 'sha256' | 'sha384', values: ReadonlyMap<number, Bytes>): Bytes {
  const ordered = [...values].toSorted(([left], [right]) => left - right).map(([, value]) => value);
  return copyBytes(
    createHash(hash)
      .update(concatBytes(...ordered))
      .digest(),
  );
}

export interface QuoteParts {
  readonly magic?: number;
  readonly type?: number;
  readonly signer?: Uint8Array;
  readonly extraData?: Uint8Array;
  readonly extraDataLength?: number;
  readonly resetCount?: number;
  readonly safe?: number;
  readonly selectionCount?: number;
  /** TPMS_PCR_SELECTION, each whole. */
  readonly selections?: readonly Uint8Array[];
  readonly pcrDigest?: Uint8Array;
  readonly pcrDigestLength?: number;
  readonly tail?: Uint8Array;
}

export const selectionOf = (algorithm: number, bitmap: Uint8Array, length = bitmap.byteLength): Bytes =>
  concatBytes(u16(algorithm), u8(length), bitmap);

export function quoteOf(parts: QuoteParts = {}): Bytes {
  const selections = parts.selections ?? [selectionOf(0x0b, bitmapOf(registers.keys()))];
  const pcrDigest = parts.pcrDigest ?? digestOf('sha256', registers);
  return concatBytes(
    u32(parts.magic ?? 0xff54_4347),
    u16(parts.type ?? 0x8018),
    sized(parts.signer ?? new Uint8Array(34).fill(0x0b)),
    sized(parts.extraData ?? nonce, parts.extraDataLength),
    u32(0),
    u32(123_456),
    u32(parts.resetCount ?? 7),
    u32(2),
    u8(parts.safe ?? 1),
    u32(0x2026_0101),
    u32(0),
    u32(parts.selectionCount ?? selections.length),
    ...selections,
    sized(pcrDigest, parts.pcrDigestLength),
    parts.tail ?? new Uint8Array(),
  );
}

export type Form = 'rsassa' | 'rsapss' | 'ecdsa' | 'plain';
const schemeIds = { rsassa: 0x14, rsapss: 0x16, ecdsa: 0x18 } as const;
const hashIds = { sha256: 0x0b, sha384: 0x0c } as const;

/** TPMT_SIGNATURE, or the bare signature. */
export function signatureOf(
  quote: Uint8Array,
  key: KeyPair,
  form: Form = 'rsassa',
  hash: 'sha256' | 'sha384' = 'sha256',
): Bytes {
  const { privateKey } = key;
  if (form === 'plain') return copyBytes(sign(hash, quote, privateKey));
  const head = concatBytes(u16(schemeIds[form]), u16(hashIds[hash]));
  if (form === 'ecdsa') {
    const both = sign(hash, quote, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const half = both.byteLength / 2;
    return concatBytes(head, sized(both.subarray(0, half)), sized(both.subarray(half)));
  }
  const padding =
    form === 'rsapss' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hash === 'sha256' ? 32 : 48 } : {};
  return concatBytes(head, sized(sign(hash, quote, { key: privateKey, ...padding })));
}

export interface Appraised {
  readonly appraisal: TpmAppraisal;
  readonly log: StepLog;
}

export type Parts = Partial<Omit<TpmEvidence, 'key'>> & {
  readonly key?: Uint8Array;
  readonly certificates?: readonly Uint8Array[];
};

export const indexed = (bank: 'sha256' | 'sha384', values: ReadonlyMap<number, Bytes>): GivenPcrs => ({
  form: 'indexed',
  bank,
  values,
});

/** A good quote of the RSA key, but for what a test changes. */
export function appraise({ key, certificates, ...parts }: Parts = {}): Appraised {
  const quote = parts.quote ?? quoteOf();
  const log = new StepLog();
  const appraisal = verifyTpmQuote(
    {
      quote,
      signature: signatureOf(quote, rsaKey),
      pcrs: indexed('sha256', registers),
      nonce,
      eventLog: undefined,
      crls: [],
      roots: [],
      at,
      ...parts,
      key: {
        name: 'ak',
        held: true,
        value: { kind: 'given', key: key ?? pemOf(rsaKey.publicKey), certificates: certificates ?? [] },
      },
    },
    log,
  );
  return { appraisal, log };
}

export function failuresOf({ steps }: Pick<StepLog, 'steps'>): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}
