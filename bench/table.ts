// Markdown tables, aligned, so that what a benchmark prints can stand in a page as it is.

/** First row is the header; numbers are right-aligned by `rightFrom`, the first column that holds them. */
export function markdownTable(rows: readonly (readonly string[])[], rightFrom = 1): string {
  const [header = [], ...body] = rows;
  const widths = header.map((_, column) => Math.max(3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, i) => (i < rightFrom ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i < rightFrom ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(header), rule, ...body.map(line)].join('\n');
}
