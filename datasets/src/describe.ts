// A table for people: what each column holds, and above all whether the patients are real. Shown inside the site only.
import { toHex, sha256 } from '@wardround/protocol/bytes';
import { bytesOf } from './images/picture.ts';
import type { TableImages } from './images/table-images.ts';
import type { Column, NumberColumn, Provenance, Table, TextColumn } from './table.ts';

export interface TableDescription {
  readonly provenance: Provenance;
  readonly rows: number;
  readonly columns: readonly ColumnDescription[];
}

export type ColumnDescription = NumberDescription | TextDescription | ImageDescription;

interface Described {
  readonly name: string;
  readonly missing: number;
  readonly distinct: number;
}

export interface NumberDescription extends Described {
  readonly type: 'number';
  /** Null where no value is present. `deviation` is the sample standard deviation, null below two values. */
  readonly minimum: number | null;
  readonly mean: number | null;
  readonly maximum: number | null;
  readonly deviation: number | null;
  /** Rows of each value, ascending, where there are few different ones; null otherwise. */
  readonly counts: Readonly<Record<string, number>> | null;
}

export interface TextDescription extends Described {
  readonly type: 'text';
  readonly counts: Readonly<Record<string, number>> | null;
}

/** `distinct` is how many different pictures there are: fewer than rows means that some patients appear twice. */
export interface ImageDescription extends Described {
  readonly type: 'image';
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Of all bytes, 0 to 255. */
  readonly mean: number;
  readonly counts: null;
}

const mostCodes = 12;

/** Plain data, for tables on a screen and for `--json`. */
export function describeTable(table: Table): TableDescription {
  return {
    provenance: table.provenance,
    rows: table.rows,
    columns: [...table.columns.map(describeColumn), ...describeImages(table)],
  };
}

function describeImages({ images, rows }: Table): ImageDescription[] {
  if (images === null) return [];
  const { name, height, width, channels } = images;
  return [
    {
      type: 'image',
      name,
      missing: 0,
      distinct: distinctImages(images, rows),
      height,
      width,
      channels,
      mean: meanByte(images),
      counts: null,
    },
  ];
}

function distinctImages(images: TableImages, rows: number): number {
  const size = bytesOf(images);
  const digests = Array.from({ length: rows }, (_, row) =>
    toHex(sha256(images.pixels.subarray(row * size, (row + 1) * size))),
  );
  return new Set(digests).size;
}

function meanByte({ pixels }: TableImages): number {
  return pixels.reduce((sum, byte) => sum + byte, 0) / Math.max(1, pixels.length);
}

function describeColumn(column: Column): ColumnDescription {
  return column.type === 'number' ? describeNumbers(column) : describeTexts(column);
}

function describeNumbers({ name, values }: NumberColumn): NumberDescription {
  const present = values.filter((value) => value !== null);
  const mean = present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
  return {
    type: 'number',
    name,
    ...described(values),
    minimum: extreme(present, Math.min),
    mean,
    maximum: extreme(present, Math.max),
    deviation: mean === null ? null : sampleDeviation(present, mean),
    counts: countsOf(present.toSorted((a, b) => a - b)),
  };
}

function describeTexts({ name, values }: TextColumn): TextDescription {
  const present = values.filter((value) => value !== null);
  return { type: 'text', name, ...described(values), counts: countsOf(present.toSorted()) };
}

function described(values: readonly (number | string | null)[]): Pick<Described, 'missing' | 'distinct'> {
  const missing = values.filter((value) => value === null).length;
  return { missing, distinct: new Set(values).size - (missing > 0 ? 1 : 0) };
}

function extreme(values: readonly number[], choose: (a: number, b: number) => number): number | null {
  const [first] = values;
  return first === undefined ? null : values.reduce((a, b) => choose(a, b), first);
}

function sampleDeviation(values: readonly number[], mean: number): number | null {
  if (values.length < 2) return null;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** @param sorted so that the counts come in order */
function countsOf(sorted: readonly (number | string)[]): Readonly<Record<string, number>> | null {
  const counts = new Map<string, number>();
  for (const value of sorted) {
    counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
    if (counts.size > mostCodes) return null;
  }
  return Object.fromEntries(counts);
}
