// A table of a site's rows in memory: columns of numbers or of texts, cells that may be missing, and whether the patients are real.
import { WardroundError } from '@wardround/protocol/errors';
import { bytesOf } from './images/picture.ts';
import type { TableImages } from './images/table-images.ts';

/** Real patients or invented ones. Carried by every table, snapshot and output, so that nobody takes one for the other. */
export type Provenance = 'real' | 'synthetic';

export interface NumberColumn {
  readonly type: 'number';
  readonly name: string;
  /** Finite numbers; null is missing. */
  readonly values: readonly (number | null)[];
}

export interface TextColumn {
  readonly type: 'text';
  readonly name: string;
  readonly values: readonly (string | null)[];
}

export type Column = NumberColumn | TextColumn;

export interface Table {
  readonly provenance: Provenance;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** One picture a row, or null for a table without any. */
  readonly images: TableImages | null;
}

/** @throws WardroundError `table-shape` unless every column has the same length, a name of its own, and finite numbers only, and pictures as many rows. */
export function makeTable(
  provenance: Provenance,
  columns: readonly Column[],
  images: TableImages | null = null,
): Table {
  const rows = columns[0]?.values.length ?? (images === null ? 0 : images.pixels.length / bytesOf(images));
  const names = [...columns.map((column) => column.name), ...(images === null ? [] : [images.name])];
  if (new Set(names).size !== names.length) throw new WardroundError('table-shape', 'two columns share a name');
  if (images !== null && images.pixels.length !== rows * bytesOf(images)) {
    throw new WardroundError('table-shape', 'not a picture for every row', { where: images.name });
  }
  for (const column of columns) {
    if (column.values.length !== rows) {
      throw new WardroundError('table-shape', 'columns of different lengths', {
        where: column.name,
        expected: `${rows} rows`,
        got: `${column.values.length}`,
      });
    }
    if (column.type === 'number' && column.values.some((value) => value !== null && !Number.isFinite(value))) {
      throw new WardroundError('table-shape', 'a number that is not finite', { where: column.name });
    }
  }
  return { provenance, rows, columns, images };
}

/** The column of that name, or undefined. */
export function findColumn(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name);
}
