// The platform certification key's certificate (PCK): which platform, and at which TCB its key was derived (Intel SGX PCK Certificate and
// CRL Profile Specification, section 1.3.5).
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';
import type { DerElement } from '../x509/der.ts';
import { derTags, readAll, readSingle } from '../x509/der.ts';
import { ecdsaP256Sha256 } from '../x509/signature-scheme.ts';

/** Intel's SGX extension: a SEQUENCE of (identifier, value) pairs under this arc. */
export const sgxExtension = '1.2.840.113741.1.13.1';
/** The arc's DER contents; members add one byte, members of the TCB two. */
const arc = '2a864886f84d010d01';

const tags = {
  boolean: 0x01,
  integer: derTags.integer,
  octetString: derTags.octetString,
  oid: 0x06,
  enumerated: 0x0a,
  sequence: derTags.sequence,
} as const;

export const pckCommonName = 'Intel SGX PCK Certificate';

export interface PckTcb {
  /** 16 security versions. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly cpuSvn: Bytes;
}

export interface Pck {
  readonly certificate: Certificate;
  /** The platform provisioning id: one processor, or, on servers of several, one platform. */
  readonly ppid: Bytes;
  readonly tcb: PckTcb;
  readonly pceId: Bytes;
  /** Family, model, stepping, platform and customised SKU. */
  readonly fmspc: Bytes;
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  readonly sgxType: number;
  /** On platforms of several processors only. */
  readonly platformInstanceId: Bytes | undefined;
}

/** @throws WardroundError `tdx-pck-name`, `tdx-pck-key`, `tdx-pck-extension` */
export function readPck(certificate: Certificate): Pck {
  if (certificate.commonName !== pckCommonName) {
    throw new WardroundError('tdx-pck-name', 'the first certificate is none of a platform certification key', {
      expected: pckCommonName,
      got: certificate.commonName,
    });
  }
  if (!ecdsaP256Sha256.fits(certificate.publicKey) || certificate.authority.mayIssue)
    throw new WardroundError('tdx-pck-key', 'the platform certification key is no P-256 signing key');
  try {
    return { certificate, ...readExtension(certificate) };
  } catch (error) {
    if (!(error instanceof WardroundError) || error.code !== 'der-malformed') throw error;
    throw extensionError(error.message, error);
  }
}

function readExtension(certificate: Certificate): Omit<Pck, 'certificate'> {
  const extension = certificate.extensions.get(sgxExtension);
  if (extension === undefined) throw extensionError('none');
  const members = readMembers(readSingle(extension.value), arc);
  requireKnown(members, ['01', '02', '03', '04', '05', '06', '07']);
  if (members.has('07')) requireConfiguration(member(members, '07'));
  return {
    ppid: octets(member(members, '01'), 16),
    tcb: readTcb(member(members, '02')),
    pceId: octets(member(members, '03'), 2),
    fmspc: octets(member(members, '04'), 6),
    sgxType: readSgxType(member(members, '05')),
    platformInstanceId: members.has('06') ? octets(member(members, '06'), 16) : undefined,
  };
}

const componentKeys = Array.from({ length: 16 }, (_, index) => (index + 1).toString(16).padStart(2, '0'));

function readTcb(element: DerElement): PckTcb {
  const members = readMembers(element, `${arc}02`);
  requireKnown(members, [...componentKeys, '11', '12']);
  return {
    components: componentKeys.map((key) => unsigned(member(members, key), 0xff)),
    pceSvn: unsigned(member(members, '11'), 0xffff),
    cpuSvn: octets(member(members, '12'), 16),
  };
}

/** What the platform is configured as: informative here, but it must be what it says it is. */
function requireConfiguration(element: DerElement): void {
  const members = readMembers(element, `${arc}07`);
  requireKnown(members, ['01', '02', '03']);
  for (const [key, { tag, value }] of members) {
    const isBoolean = tag === tags.boolean && value.byteLength === 1 && (value[0] === 0 || value[0] === 0xff);
    if (!isBoolean) throw extensionError(`configuration ${key} that is no BOOLEAN`);
  }
}

/** By the last byte of their identifiers, in hex. A second member of one name would let two readers see two platforms. */
function readMembers(sequence: DerElement, prefix: string): ReadonlyMap<string, DerElement> {
  if (sequence.tag !== tags.sequence) throw extensionError('no SEQUENCE');
  const members = new Map<string, DerElement>();
  for (const pair of readAll(sequence.value)) {
    const [name, value, ...more] = pair.tag === tags.sequence ? readAll(pair.value) : [];
    if (name === undefined || value === undefined || more.length > 0 || name.tag !== tags.oid)
      throw extensionError('a member that is no pair of a name and a value');
    const text = toHex(name.value);
    if (!text.startsWith(prefix) || text.length !== prefix.length + 2) throw extensionError(`a foreign name ${text}`);
    const key = text.slice(prefix.length);
    if (members.has(key)) throw extensionError(`member ${key} twice`);
    members.set(key, value);
  }
  return members;
}

function requireKnown(members: ReadonlyMap<string, DerElement>, known: readonly string[]): void {
  const unknown = [...members.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) throw extensionError(`a member ${unknown} that is not known`);
}

function member(members: ReadonlyMap<string, DerElement>, key: string): DerElement {
  const found = members.get(key);
  if (found === undefined) throw extensionError(`no member ${key}`);
  return found;
}

function octets({ tag, value }: DerElement, length: number): Bytes {
  if (tag === tags.octetString && value.byteLength === length) return value;
  throw extensionError(`no OCTET STRING of ${length} bytes`);
}

function unsigned({ tag, value }: DerElement, maximum: number): number {
  const [first, second] = value;
  const shortest = first !== 0 || value.byteLength === 1 || (second !== undefined && second >= 0x80);
  const number = value.byteLength <= 3 ? Number.parseInt(toHex(value), 16) : Number.POSITIVE_INFINITY;
  if (tag === tags.integer && first !== undefined && first < 0x80 && shortest && number <= maximum) return number;
  throw extensionError(`no INTEGER from 0 to ${maximum} in its shortest form`);
}

function readSgxType({ tag, value }: DerElement): number {
  const [type] = value;
  if (tag === tags.enumerated && value.byteLength === 1 && type !== undefined && type <= 2) return type;
  throw extensionError('no SGX type that is known');
}

function extensionError(got: string, cause?: unknown): WardroundError {
  return new WardroundError('tdx-pck-extension', 'the SGX extension of the PCK certificate cannot be accepted', {
    got,
    ...(cause === undefined ? {} : { cause }),
  });
}
