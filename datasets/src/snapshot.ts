// The frozen snapshot: one Arrow IPC file whose bytes are fixed by the table, named by its SHA-256, mode 0600, written durably.
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Data,
  DataType,
  Field,
  type TypeMap,
  type Vector,
  Float64,
  Precision,
  RecordBatch,
  Schema,
  Struct,
  Table as ArrowTable,
  Utf8,
  makeData,
  tableFromIPC,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import { type Bytes, copyBytes, fromHex, labelledSha256, sha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { writeDurably } from './durable-file.ts';
import { imagesOfArrow, imagesToArrow, isImageField } from './images/arrow.ts';
import { type Column, type Table, makeTable } from './table.ts';

const provenanceKey = 'wardround.provenance';
const formatKey = 'wardround.snapshot';
const format = 'v1';

export interface Snapshot {
  /** SHA-256 of the file's bytes, hex: what `sha256sum` prints. Never leaves the site; see {@link commitToSnapshot}. */
  readonly digest: string;
  readonly table: Table;
}

export interface FrozenSnapshot extends Snapshot {
  readonly path: string;
}

export const maxSnapshotBytes = 1024 ** 3;

/** The Arrow IPC file of a table: float64 and utf8 columns, pictures after them, one record batch, provenance in the schema's metadata. Equal tables, equal bytes. */
export function encodeSnapshot(table: Table): Bytes {
  const pictures = table.images === null ? [] : [imagesToArrow(table.images)];
  const children = [...table.columns.map(arrowData), ...pictures.map(({ data }) => data)];
  const fields = [
    ...table.columns.map(({ name, type }) =>
      Field.new({ name, type: type === 'number' ? new Float64() : new Utf8(), nullable: true }),
    ),
    ...pictures.map(({ field }) => field),
  ];
  const metadata = new Map([
    [formatKey, format],
    [provenanceKey, table.provenance],
  ]);
  const schema = new Schema<TypeMap>(fields, metadata);
  const data = makeData({ type: new Struct<TypeMap>(fields), length: table.rows, nullCount: 0, children });
  return copyBytes(tableToIPC(new ArrowTable(new RecordBatch(schema, data)), 'file'));
}

function arrowData(column: Column): Data {
  const vector: Vector =
    column.type === 'number'
      ? vectorFromArray(column.values, new Float64())
      : vectorFromArray(column.values, new Utf8());
  const [data] = vector.data;
  if (data === undefined) throw new WardroundError('snapshot-format', 'a column without data', { where: column.name });
  return data;
}

/**
 * @param digest what the bytes must hash to
 * @throws WardroundError `snapshot-digest` before anything is parsed; `snapshot-format` for bytes that {@link encodeSnapshot} does not write
 */
export function decodeSnapshot(bytes: Uint8Array, digest: string): Snapshot {
  const got = toHex(sha256(bytes));
  if (got !== digest) {
    throw new WardroundError('snapshot-digest', 'the snapshot is not the one that was frozen', {
      expected: digest,
      got,
      action: 'stop',
    });
  }
  return { digest, table: tableOfArrow(readArrow(bytes)) };
}

/** Freezes a table as `DIRECTORY/<digest>.arrow`, durable when this returns; freezing it again changes nothing. */
export async function freezeSnapshot(table: Table, directory: string): Promise<FrozenSnapshot> {
  const bytes = encodeSnapshot(table);
  const digest = toHex(sha256(bytes));
  const path = join(directory, `${digest}.arrow`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeDurably(path, bytes, 0o600);
  return { digest, table, path };
}

/** @throws WardroundError `snapshot-unreadable`, `snapshot-permissions` (readable by others), `snapshot-too-large`, and those of {@link decodeSnapshot} */
export async function readSnapshot(path: string, digest: string): Promise<FrozenSnapshot> {
  return { ...decodeSnapshot(await readPrivateFile(path), digest), path };
}

/** The salted commitment that an approval carries: without the salt nobody can try guesses of a small table against it. */
export function commitToSnapshot(digest: string, salt: Uint8Array): string {
  if (salt.byteLength !== 32) {
    throw new WardroundError('snapshot-salt', 'not a salt', { expected: '32 bytes', got: `${salt.byteLength}` });
  }
  return toHex(labelledSha256(labels.snapshotCommitment, salt, fromHex(digest, 32)));
}

async function readPrivateFile(path: string): Promise<Uint8Array> {
  const file = await openSnapshot(path);
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new WardroundError('snapshot-permissions', 'others can read the snapshot', {
        expected: 'mode 0600',
        got: (mode & 0o777).toString(8),
        where: path,
      });
    }
    if (size > maxSnapshotBytes) {
      throw new WardroundError('snapshot-too-large', 'larger than a snapshot may be', {
        expected: `at most ${maxSnapshotBytes} bytes`,
        got: `${size}`,
      });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function openSnapshot(path: string): ReturnType<typeof open> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new WardroundError('snapshot-unreadable', 'the snapshot cannot be read', { where: path, cause });
  }
}

function readArrow(bytes: Uint8Array): ArrowTable {
  try {
    return tableFromIPC(bytes);
  } catch (cause) {
    throw badFormat('an Arrow IPC file', cause);
  }
}

function tableOfArrow(arrow: ArrowTable): Table {
  const { metadata, fields } = arrow.schema;
  const provenance = metadata.get(provenanceKey);
  if (metadata.get(formatKey) !== format || (provenance !== 'real' && provenance !== 'synthetic')) {
    throw badFormat(`${formatKey} ${format} with its provenance`);
  }
  const columns = fields.filter((field) => !isImageField(field));
  const pictures = fields.slice(columns.length);
  if (pictures.length > 1 || !pictures.every(isImageField)) throw badFormat('pictures once, after all columns');
  const [images = null] = pictures.map((field, i) => imagesOfArrow(field, arrow.getChildAt(columns.length + i)));
  return makeTable(
    provenance,
    columns.map((field, i) => columnOfArrow(field, Array.from(arrow.getChildAt(i) ?? []))),
    images,
  );
}

function columnOfArrow(field: Field, cells: readonly unknown[]): Column {
  const { name, type } = field;
  if (
    DataType.isFloat(type) &&
    type.precision === Precision.DOUBLE &&
    cells.every((cell) => cell === null || typeof cell === 'number')
  ) {
    return { type: 'number', name, values: cells };
  }
  if (DataType.isUtf8(type) && cells.every((cell) => cell === null || typeof cell === 'string')) {
    return { type: 'text', name, values: cells };
  }
  throw badFormat('float64 and utf8 columns, and pictures');
}

function badFormat(expected: string, cause?: unknown): WardroundError {
  return new WardroundError('snapshot-format', 'not a snapshot', { expected, cause });
}
