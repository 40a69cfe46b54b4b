// A table of a site's rows in memory: columns of numbers or of texts, cells that may be missing, and whether the patients are real.
import { WardroundError } from '@wardround/protocol/errors';

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
}

/** @throws WardroundError `table-shape` unless every column has the same length, a name of its own, and finite numbers only. */
export function makeTable(provenance: Provenance, columns: readonly Column[]): Table {
  const rows = columns[0]?.values.length ?? 0;
  const names = new Set(columns.map((column) => column.name));
  if (names.size !== columns.length) throw new WardroundError('table-shape', 'two columns share a name');
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
  return { provenance, rows, columns };
}

/** The column of that name, or undefined. */
export function findColumn(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name);
}
