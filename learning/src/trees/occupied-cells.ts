// Rows as the histogram cells that they fall in, but for each column's first bin: most one-hot columns are 0, and what is in no other bin is there.
import { type Edges, binOf } from './bins.ts';

/** Cells of one row: `cells` from `starts[row]` to before `starts[row + 1]`, positions in a node's cells. */
export interface OccupiedCells {
  readonly starts: Uint32Array<ArrayBuffer>;
  readonly cells: Uint32Array<ArrayBuffer>;
}

/**
 * @param values row-major, float32, as many columns as edges
 * @param offsets where each column's bins begin in a node's cells
 */
export function occupiedCells(values: Float32Array, edges: Edges, offsets: Uint32Array): OccupiedCells {
  const rows = values.length / edges.length;
  const starts = new Uint32Array(rows + 1);
  const cells = new Uint32Array(values.length);
  let end = 0;
  for (let row = 0; row < rows; row += 1) {
    edges.forEach((column, i) => {
      const bin = binOf(column, values[row * edges.length + i] ?? 0);
      if (bin === 0) return;
      cells[end] = (offsets[i] ?? 0) + bin;
      end += 1;
    });
    starts[row + 1] = end;
  }
  return { starts, cells: cells.slice(0, end) };
}
