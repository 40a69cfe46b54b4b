// The SGX extension of a platform's certificate, written member by member; a test may replace, leave out or add any of them.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromHex } from '@wardround/protocol/bytes';
import { derTags } from '../../x509/der.ts';
import { derElement, derSequence } from '../der-writer.ts';

export interface PckValues {
  readonly ppid: Uint8Array;
  /** 16 security versions. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly pceId: Uint8Array;
  readonly fmspc: Uint8Array;
  readonly sgxType: number;
  readonly platformInstanceId: Uint8Array | undefined;
}

/** DER values by name below Intel's arc, hex: `01`, `0203`, ... */
export type PckMembers = Readonly<Record<string, Uint8Array | undefined>>;

export interface PckExtensionRequest {
  readonly values: PckValues;
  /** In place of the usual member; a value of undefined leaves it out. */
  readonly replace: PckMembers;
  /** Behind the usual members of the whole extension, also a second time. */
  readonly add: readonly (readonly [string, Uint8Array])[];
}

const arc = '2a864886f84d010d01';
const enumerated = 0x0a;
const oid = 0x06;

/** The extension's value. */
export function encodePckExtension({ values, replace, add }: PckExtensionRequest): Bytes {
  const members = new Map<string, Uint8Array | undefined>([
    ['01', octets(values.ppid)],
    ['02', encodeTcb(values, replace)],
    ['03', octets(values.pceId)],
    ['04', octets(values.fmspc)],
    ['05', derElement(enumerated, Uint8Array.of(values.sgxType))],
    ['06', values.platformInstanceId === undefined ? undefined : octets(values.platformInstanceId)],
    ['07', configuration],
    ...Object.entries(replace).filter(([name]) => name.length === 2),
  ]);
  return derSequence(...pairs([...members]), ...pairs(add));
}

function encodeTcb({ components, pceSvn }: PckValues, replace: PckMembers): Bytes {
  const members = new Map<string, Uint8Array | undefined>([
    ...components.map((svn, index) => [name(index + 1), unsigned(svn)] as const),
    ['0211', unsigned(pceSvn)],
    ['0212', octets(Uint8Array.from(components))],
    ...Object.entries(replace).filter(([key]) => key.startsWith('02') && key.length === 4),
  ]);
  return derSequence(...pairs([...members]));
}

function name(component: number): string {
  return `02${component.toString(16).padStart(2, '0')}`;
}

/** Dynamic platform, cached keys, SMT enabled. */
const configuration = derSequence(
  ...pairs(['0701', '0702', '0703'].map((key) => [key, derElement(0x01, Uint8Array.of(0xff))] as const)),
);

function pairs(members: readonly (readonly [string, Uint8Array | undefined])[]): readonly Bytes[] {
  return members.flatMap(([key, value]) =>
    value === undefined ? [] : [derSequence(derElement(oid, fromHex(`${arc}${key}`)), value)],
  );
}

export function octets(bytes: Uint8Array): Bytes {
  return derElement(derTags.octetString, bytes);
}

/** 0 to 65535, in the shortest form. */
export function unsigned(value: number): Bytes {
  const bytes = value < 0x100 ? Uint8Array.of(value) : Uint8Array.of(value >> 8, value & 0xff);
  const first = bytes[0] ?? 0;
  return derElement(derTags.integer, first < 0x80 ? bytes : concatBytes(Uint8Array.of(0), bytes));
}
