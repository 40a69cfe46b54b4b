// Which texts in a file are numbers, decided in one place.

/** Plain decimals, `.5` and `5.` included. Not `007` (an identifier that would lose its zeros), `0x1f`, `1,5`, `NaN` or `Infinity`. */
const numberPattern = /^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** The finite number that the text spells, or null. */
export function parseNumberCell(text: string): number | null {
  if (text.length > 64 || !numberPattern.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return null;
  return value === 0 ? 0 : value;
}

/** A whole column as numbers when every cell that is present spells one, else null. */
export function numbersOf(cells: readonly (string | null)[]): (number | null)[] | null {
  const values: (number | null)[] = [];
  for (const cell of cells) {
    const value = cell === null ? null : parseNumberCell(cell);
    if (cell !== null && value === null) return null;
    values.push(value);
  }
  return values;
}
