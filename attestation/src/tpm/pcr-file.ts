// Files of register values, as tpm2-tools and people write them. Nothing in them is believed: the quote's digest decides.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, fromHex } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { ByteReader } from '../byte-reader.ts';
import type { Bank } from '../event-log/algorithms.ts';
import { bankAlgorithms, bankOfAlgorithm } from '../event-log/algorithms.ts';
import type { TpmQuote } from './attest.ts';
import { setBits } from './attest.ts';
import type { GivenPcrs } from './pcrs.ts';

const hex = z.string().regex(/^(?:0x)?(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96})$/, 'expected a register value in hex');
const byIndex = z.record(z.string().regex(/^(?:[0-9]|1[0-9]|2[0-3])$/), hex);
const jsonSchema = z.union([
  z.array(hex).min(1).max(24),
  z.strictObject({ sha256: byIndex }),
  z.strictObject({ sha384: byIndex }),
]);
const maxBytes = 65_536;

/**
 * Three forms: JSON, `{"sha256": {"0": "hex", …}}` or a list of hex values in the order of the quote's selection; what `tpm2_quote -o` writes
 * (a selection and values, as C structures); what `tpm2_pcrread -o` and `tpm2_quote -F values` write (values alone, one after the other).
 * @throws WardroundError `tpm-pcr-file`
 */
export function parsePcrFile(bytes: Uint8Array, quote: Pick<TpmQuote, 'selections'>): GivenPcrs {
  if (bytes.byteLength === 0 || bytes.byteLength > maxBytes) throw malformed(`${bytes.byteLength} bytes`);
  const first = Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart()[0];
  if (first === '{' || first === '[') {
    const fromJson = tryJson(bytes);
    if (fromJson !== undefined) return fromJson;
  }
  return bytes.byteLength === serializedBytes(bytes) ? parseSerialized(bytes) : parseValues(bytes, quote);
}

function tryJson(bytes: Uint8Array): GivenPcrs | undefined {
  let value: unknown;
  try {
    value = parseLimitedJson(bytes, { maxBytes, maxDepth: 3 });
  } catch {
    return undefined;
  }
  const parsed = jsonSchema.safeParse(value);
  if (!parsed.success) throw malformed('JSON that is no list of register values');
  if (Array.isArray(parsed.data)) return { form: 'ordered', values: parsed.data.map(bytesOf) };
  const [bank, values] =
    'sha256' in parsed.data ? (['sha256', parsed.data.sha256] as const) : (['sha384', parsed.data.sha384] as const);
  return indexed(
    bank,
    Object.entries(values).map(([index, text]) => [Number(index), bytesOf(text)] as const),
  );
}

function bytesOf(text: string): Bytes {
  return fromHex(text.replace(/^0x/, '').toLowerCase());
}

/** A value of another length than its bank's is caught where it is matched. */
function indexed(bank: Bank, values: readonly (readonly [number, Bytes])[]): GivenPcrs {
  return { form: 'indexed', bank, values: new Map(values) };
}

/** tpm2-tools writes TPML_PCR_SELECTION (16 slots of 8 bytes) and then lists of 8 values (slots of 66 bytes), little-endian. */
const layout = { selectionSlots: 16, selectionSlotBytes: 8, digestSlots: 8, digestSlotBytes: 64 } as const;
const selectionBytes = 4 + layout.selectionSlots * layout.selectionSlotBytes;
const listBytes = 4 + layout.digestSlots * (2 + layout.digestSlotBytes);

function serializedBytes(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < selectionBytes + 4) return undefined;
  const lists = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(selectionBytes, true);
  return selectionBytes + 4 + lists * listBytes;
}

function parseSerialized(bytes: Uint8Array): GivenPcrs {
  const reader = new ByteReader(bytes, { littleEndian: true, refuse: (problem) => malformed(problem) });
  const count = reader.u32('number of selections');
  if (count !== 1) throw malformed(`${count} banks where one was expected`);
  const bank = bankOfAlgorithm(reader.u16('bank'));
  if (bank === undefined) throw malformed('a bank other than SHA-256 and SHA-384');
  const used = reader.u8('size of the bitmap');
  if (used < 1 || used > 4) throw malformed(`a bitmap of ${used} bytes`);
  const indexes = setBits(reader.bytes(4, 'bitmap').subarray(0, used));
  reader.bytes(selectionBytes - reader.offset, 'unused selections');
  const values: Bytes[] = [];
  const lists = reader.u32('number of lists');
  for (let list = 0; list < lists; list += 1) values.push(...readList(reader));
  reader.end('the values');
  if (values.length !== indexes.length) throw malformed(`${values.length} values for ${indexes.length} registers`);
  return indexed(
    bank,
    indexes.flatMap((index, position) => pair(index, values[position])),
  );
}

function pair(index: number, value: Bytes | undefined): readonly (readonly [number, Bytes])[] {
  return value === undefined ? [] : [[index, value]];
}

function readList(reader: ByteReader): readonly Bytes[] {
  const count = reader.u32('number of values');
  if (count > layout.digestSlots) throw malformed(`${count} values in a list of ${layout.digestSlots}`);
  const slots = Array.from({ length: layout.digestSlots }, () => {
    const length = reader.u16('size of a value');
    if (length > layout.digestSlotBytes) throw malformed(`a value of ${length} bytes`);
    return reader.bytes(layout.digestSlotBytes, 'value').slice(0, length);
  });
  return slots.slice(0, count);
}

/** Nothing but values: which registers they are only the quote says. */
function parseValues(bytes: Uint8Array, { selections }: Pick<TpmQuote, 'selections'>): GivenPcrs {
  const bank = bankOfAlgorithm(selections[0]?.algorithm ?? 0) ?? 'sha256';
  const size = bankAlgorithms[bank].bytes;
  if (bytes.byteLength % size !== 0 || bytes.byteLength > 24 * size) throw malformed(`${bytes.byteLength} bytes`);
  const values = Array.from({ length: bytes.byteLength / size }, (_, position) =>
    copyBytes(bytes.subarray(position * size, (position + 1) * size)),
  );
  return { form: 'ordered', values };
}

function malformed(got: string): WardroundError {
  return new WardroundError('tpm-pcr-file', 'the file of register values cannot be read', {
    expected: 'JSON such as {"sha256": {"0": "…"}}, or what tpm2_quote -o or tpm2_pcrread -o writes',
    got,
  });
}
