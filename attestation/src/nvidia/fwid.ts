// The firmware identity (TCG DICE): the leaf was made for the firmware that runs now, and the report names the same. Without this binding an
// older firmware's key could sign for a newer one.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';
import { derTags, readAll, readSingle } from '../x509/der.ts';
import { NotEvaluated } from '../steps.ts';

/** TCG DICE attestation architecture: CompositeDeviceID (Hopper, LS10) and DiceTcbInfo (Blackwell). */
export const fwidExtensions = { compositeDeviceId: '2.23.133.5.4.1', diceTcbInfo: '2.23.133.5.4.1.1' } as const;
const sha384Oid = '0609608648016503040202';
/** [6] IMPLICIT fwids, constructed. */
const fwidsTag = 0xa6;

/**
 * The report's FWID is the leaf's. A report without one (early drivers; every switch seen) is not evaluated: whether that is
 * accepted, a policy says.
 * @throws WardroundError `nvidia-fwid`, `nvidia-fwid-extension`
 */
export function requireFwid(leaf: Certificate, reported: Bytes | undefined): string {
  const certified = readLeafFwid(leaf);
  if (reported === undefined) throw new NotEvaluated('the report names no firmware identity');
  if (equalBytes(reported, certified)) return toHex(certified);
  throw new WardroundError('nvidia-fwid', 'the report comes from other firmware than the device’s key was made for', {
    expected: toHex(certified),
    got: toHex(reported),
    action: 'stop',
  });
}

/** @throws WardroundError `nvidia-fwid-extension` */
export function readLeafFwid({ extensions, commonName }: Certificate): Bytes {
  const composite = extensions.get(fwidExtensions.compositeDeviceId);
  const tcbInfo = extensions.get(fwidExtensions.diceTcbInfo);
  if ((composite === undefined) === (tcbInfo === undefined)) {
    throw odd(`exactly one firmware identity in ${commonName}`);
  }
  try {
    return composite === undefined ? fromTcbInfo(tcbInfo?.value) : fromComposite(composite.value);
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'der-malformed') throw odd('strict DER', error);
    throw error;
  }
}

/** SEQUENCE { version INTEGER, deviceID SubjectPublicKeyInfo, fwid FWID }. */
function fromComposite(bytes: Bytes): Bytes {
  const { tag, value } = readSingle(bytes);
  const [version, key, fwid, ...rest] = readAll(value);
  if (tag !== derTags.sequence || version?.tag !== derTags.integer || key?.tag !== derTags.sequence) {
    throw odd('a CompositeDeviceID');
  }
  if (fwid?.tag !== derTags.sequence || rest.length > 0) throw odd('one FWID at the end');
  return readFwid(fwid.value);
}

/** SEQUENCE of optional members [0] to [9] in ascending order; [6] holds the FWIDs, of which the first is this layer's. */
function fromTcbInfo(bytes: Bytes | undefined): Bytes {
  const { tag, value } = readSingle(bytes ?? new Uint8Array());
  const members = readAll(value);
  const numbers = members.map((member) => member.tag & 0x1f);
  const ordered = numbers.every((number, index) => index === 0 || (numbers[index - 1] ?? 0) < number);
  if (tag !== derTags.sequence || !ordered || members.some((member) => (member.tag & 0xc0) !== 0x80)) {
    throw odd('a DiceTcbInfo');
  }
  const fwids = members.find((member) => member.tag === fwidsTag);
  if (fwids === undefined) throw odd('a list of FWIDs');
  const list = readAll(fwids.value);
  const [first] = list;
  if (first === undefined || list.some((fwid) => fwid.tag !== derTags.sequence)) throw odd('FWIDs');
  return readFwid(first.value);
}

/** FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING } */
function readFwid(contents: Bytes): Bytes {
  const [algorithm, digest, ...rest] = readAll(contents);
  const whole = algorithm !== undefined && toHex(algorithm.encoded) === sha384Oid && rest.length === 0;
  if (!whole || digest?.tag !== derTags.octetString || digest.value.byteLength !== 48) throw odd('a SHA-384 digest');
  return digest.value;
}

function odd(expected: string, cause?: unknown): WardroundError {
  return new WardroundError('nvidia-fwid-extension', 'the leaf does not name its firmware in a known form', {
    expected,
    cause,
  });
}
