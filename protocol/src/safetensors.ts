// The safetensors file layout: 8-byte header length, JSON header, raw little-endian data. Read strictly, written one way only.
import { z } from 'zod';
import { type Bytes, concatBytes, utf8 } from './bytes.ts';
import { parseLimitedJson } from './canonical-json.ts';
import { WardroundError } from './errors.ts';
import type { JsonValue } from './json-scanner.ts';
import { littleEndianBytes, requireLittleEndian } from './little-endian.ts';

interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}
/** A named array in row-major order; `data` has exactly as many elements as `shape` says. */
export type Tensor =
  | (TensorShape & { readonly dtype: 'F32'; readonly data: Float32Array<ArrayBuffer> })
  | (TensorShape & { readonly dtype: 'F64'; readonly data: Float64Array<ArrayBuffer> })
  | (TensorShape & { readonly dtype: 'I32'; readonly data: Int32Array<ArrayBuffer> })
  | (TensorShape & { readonly dtype: 'I64'; readonly data: BigInt64Array<ArrayBuffer> })
  | (TensorShape & { readonly dtype: 'U8'; readonly data: Uint8Array<ArrayBuffer> });
export type Dtype = Tensor['dtype'];

export interface TensorFile {
  /** In the order of their data. */
  readonly tensors: readonly Tensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const maxHeaderBytes = 1024 * 1024;
const maxTensors = 10_000;
const maxDimensions = 8;
const alignment = 8;
const bytesPerElement: Readonly<Record<Dtype, number>> = { F32: 4, F64: 8, I32: 4, I64: 8, U8: 1 };

const nameSchema = z.string().regex(/^[A-Za-z0-9_./:-]{1,256}$/);
const metadataSchema = z.record(z.string().max(256), z.string());
const extent = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.enum(['F32', 'F64', 'I32', 'I64', 'U8']),
  shape: z.array(extent).max(maxDimensions),
  data_offsets: z.tuple([extent, extent]),
});
type Entry = z.infer<typeof entrySchema> & { readonly name: string };

/**
 * Writes tensors in the order given. Equal tensors and metadata give equal bytes, so the file can be hashed.
 *
 * @throws WardroundError `safetensors-name`, `safetensors-shape`, `safetensors-limit`, `safetensors-header` (metadata)
 */
export function encodeSafetensors(tensors: readonly Tensor[], metadata: Readonly<Record<string, string>> = {}): Bytes {
  const header = paddedHeader(headerText(tensors, metadata));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  return concatBytes(length, header, ...tensors.map((tensor) => littleEndianBytes(tensor.data)));
}

/**
 * Reads a file that anybody may have written. Every bound is checked before anything is allocated for it; the tensors are copies.
 *
 * @throws WardroundError `safetensors-truncated`, `safetensors-limit`, `safetensors-header`, `safetensors-name`, `safetensors-dtype`,
 * `safetensors-shape`, `safetensors-offsets`, `json-*`
 */
export function decodeSafetensors(bytes: Uint8Array): TensorFile {
  requireLittleEndian();
  const { header, data } = splitFile(bytes);
  const { entries, metadata } = readHeader(header);
  requireContiguous(entries, data.byteLength);
  return { tensors: entries.map((entry) => readTensor(entry, data)), metadata };
}

function headerText(tensors: readonly Tensor[], metadata: Readonly<Record<string, string>>): string {
  if (tensors.length > maxTensors) throw tooMuch(`at most ${maxTensors} tensors`, String(tensors.length));
  const members = Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${metadataText(metadata)}`];
  const names = new Set<string>();
  let offset = 0;
  for (const tensor of tensors) {
    if (names.has(requireName(tensor.name))) throw badName(tensor.name);
    names.add(tensor.name);
    requireElements(tensor);
    const end = offset + tensor.data.byteLength;
    // Written member by member: a JavaScript object would move names such as "0" to the front.
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    members.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  return `{${members.join(',')}}`;
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success) throw new WardroundError('safetensors-header', 'metadata must be a map of strings');
  const sorted = Object.entries(parsed.data).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}

function paddedHeader(text: string): Bytes {
  const bytes = utf8(text);
  const header = new Uint8Array(Math.ceil(bytes.byteLength / alignment) * alignment).fill(0x20);
  header.set(bytes);
  if (header.byteLength > maxHeaderBytes)
    throw tooMuch(`a header of at most ${maxHeaderBytes} bytes`, String(header.byteLength));
  return header;
}

function requireElements(tensor: Tensor): void {
  if (tensor.shape.length > maxDimensions) throw badShape(tensor.name);
  const length = elementCount(tensor.name, tensor.shape) * bytesPerElement[tensor.dtype];
  if (tensor.data.byteLength !== length || tensor.data.BYTES_PER_ELEMENT !== bytesPerElement[tensor.dtype]) {
    throw badShape(tensor.name);
  }
}

function splitFile(bytes: Uint8Array): { header: Uint8Array; data: Uint8Array } {
  if (bytes.byteLength < 8) throw truncated('8 bytes of header length', bytes.byteLength);
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(maxHeaderBytes)) throw tooMuch(`a header of at most ${maxHeaderBytes} bytes`, String(claimed));
  const end = 8 + Number(claimed);
  if (end > bytes.byteLength) throw truncated(`a header of ${claimed} bytes`, bytes.byteLength - 8);
  // The format says that a header begins with a brace: no white space, no byte order mark.
  if (bytes[8] !== 0x7b || claimed === 0n)
    throw new WardroundError('safetensors-header', 'the header is not a JSON object');
  return { header: bytes.subarray(8, end), data: bytes.subarray(end) };
}

function readHeader(bytes: Uint8Array): { entries: readonly Entry[]; metadata: Readonly<Record<string, string>> } {
  const members = Object.entries(requireObject(parseLimitedJson(bytes, { maxBytes: maxHeaderBytes, maxDepth: 3 })));
  if (members.length > maxTensors + 1) throw tooMuch(`at most ${maxTensors} tensors`, String(members.length));
  const metadata = metadataSchema.safeParse(members.find(([name]) => name === '__metadata__')?.[1] ?? {});
  if (!metadata.success) throw new WardroundError('safetensors-header', 'metadata must be a map of strings');
  const entries = members.filter(([name]) => name !== '__metadata__').map(([name, value]) => readEntry(name, value));
  // Stable: tensors without elements stay where the header had them.
  return { entries: entries.toSorted((a, b) => a.data_offsets[0] - b.data_offsets[0]), metadata: metadata.data };
}

function requireObject(value: JsonValue): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WardroundError('safetensors-header', 'the header is not a JSON object');
  }
  return value;
}

function readEntry(name: string, value: unknown): Entry {
  requireName(name);
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) throw badEntry(name, parsed.error);
  const {
    dtype,
    shape,
    data_offsets: [begin, end],
  } = parsed.data;
  if (elementCount(name, shape) * bytesPerElement[dtype] !== end - begin) throw badShape(name);
  return { name, ...parsed.data };
}

function badEntry(name: string, error: z.ZodError): WardroundError {
  const member = error.issues[0]?.path[0];
  const code = member === 'dtype' || member === 'shape' ? `safetensors-${member}` : 'safetensors-header';
  return new WardroundError(code, 'not the entry of a tensor that we read', {
    expected: `dtype ${Object.keys(bytesPerElement).join(', ')}; up to ${maxDimensions} dimensions; two offsets`,
    where: name,
    cause: error,
  });
}

/** No overlap, no gap, nothing after the last: every byte of the file means exactly one thing. */
function requireContiguous(entries: readonly Entry[], dataLength: number): void {
  let cursor = 0;
  for (const {
    name,
    data_offsets: [begin, end],
  } of entries) {
    if (begin !== cursor) throw badOffsets(name);
    cursor = end;
  }
  if (cursor > dataLength) throw truncated(`${cursor} bytes of data`, dataLength);
  if (cursor < dataLength) throw badOffsets('the end of the file');
}

function readTensor({ name, dtype, shape, data_offsets: [begin, end] }: Entry, data: Uint8Array): Tensor {
  // A copy: aligned for its element type, and not shared with whoever gave us the bytes.
  const { buffer } = new Uint8Array(data.subarray(begin, end));
  switch (dtype) {
    case 'F32':
      return { name, shape, dtype, data: new Float32Array(buffer) };
    case 'F64':
      return { name, shape, dtype, data: new Float64Array(buffer) };
    case 'I32':
      return { name, shape, dtype, data: new Int32Array(buffer) };
    case 'I64':
      return { name, shape, dtype, data: new BigInt64Array(buffer) };
    case 'U8':
      return { name, shape, dtype, data: new Uint8Array(buffer) };
  }
}

function elementCount(name: string, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw badShape(name);
    count *= size;
    // 2⁴⁹ elements of 8 bytes are beyond any file, and below where doubles stop counting.
    if (count > 2 ** 49) throw badShape(name);
  }
  return count;
}

function requireName(name: string): string {
  if (name === '__metadata__' || !nameSchema.safeParse(name).success) throw badName(name);
  return name;
}

function badName(name: string): WardroundError {
  return new WardroundError('safetensors-name', 'not a tensor name, or used twice', {
    expected: '1 to 256 letters, digits, _ . / : -',
    got: name,
  });
}

function badShape(where: string): WardroundError {
  return new WardroundError('safetensors-shape', 'the shape does not match the data', { where });
}

function badOffsets(where: string): WardroundError {
  return new WardroundError('safetensors-offsets', 'data overlaps, has a gap, or belongs to no tensor', { where });
}

function truncated(expected: string, got: number): WardroundError {
  return new WardroundError('safetensors-truncated', 'the file ends early', { expected, got: `${got} bytes` });
}

function tooMuch(expected: string, got: string): WardroundError {
  return new WardroundError('safetensors-limit', 'larger than we read', { expected, got });
}
