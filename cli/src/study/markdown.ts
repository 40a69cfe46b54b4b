// Markdown from words that somebody else wrote: tables, lists, and text in which nothing is markup.

export type Cell = string | number;

/** Cells are markdown already. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

/** A declaration as words: `sgd`, `learningRate 0.1`, ... */
export function settings(value: object): string {
  return Object.entries(value).flatMap(settingOf).join(', ');
}

function settingOf([name, value]: readonly [string, unknown]): readonly string[] {
  if (Array.isArray(value)) return [`${name} ${plain(value.map((item) => JSON.stringify(item)).join(' '))}`];
  if (typeof value === 'object' && value !== null) return [`${name} (${settings(value)})`];
  return leading.has(name) ? [plain(String(value))] : [`${name} ${plain(String(value))}`];
}

/** Keys whose value says what the declaration is. */
const leading: ReadonlySet<string> = new Set(['kind', 'name', 'method', 'mode', 'ring']);

export function code(text: string): string {
  return `\`${text.replaceAll('`', '').replaceAll('|', '\\|')}\``;
}

/** Somebody else's words as text: nothing in them is a table's border, a heading, a link, a picture or a tag. */
export function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|#!~]/g, '\\$&');
}
