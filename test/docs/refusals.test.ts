// docs/refusals.md: every code that it names is thrown or said by the source, and the test file beside it asserts that very code.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const page = read('docs/refusals.md');
const source = globSync(
  '{protocol,attestation,privacy,learning,datasets,relay,coordinator,site-agent,aggregator-enclave,cli}/src/**/*.ts',
  { cwd: root },
)
  .map(read)
  .join('\n');

interface Line {
  readonly what: string;
  readonly codes: readonly string[];
  readonly file: string;
}

const codesIn = (cell: string): string[] => [...cell.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code = '']) => code);
const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The lines of the tables that name a test. */
const lines: readonly Line[] = page
  .split('\n')
  .map(cellsOf)
  .flatMap(([what = '', , codes = '', , file = '']) =>
    file.startsWith('test/') ? [{ what, codes: codesIn(codes), file }] : [],
  );

/** As a whole word: `order-round` is not found in `order-round-key`. */
const holds = (text: string, code: string): boolean => new RegExp(`(?<![a-z-])${code}(?![a-z-])`).test(text);

describe('docs/refusals.md', () => {
  it('has a line for all of it, each with five cells', () => {
    expect(lines.length).toBeGreaterThan(70);
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    expect(rows.filter((row) => ![3, 5].includes(cellsOf(row).length))).toEqual([]);
  });

  it('names only codes that the source has', () => {
    const codes = [
      ...new Set(
        page
          .split('\n')
          .filter((line) => line.startsWith('|'))
          .flatMap(codesIn),
      ),
    ];
    expect(codes.length).toBeGreaterThan(90);
    // A code is a text of its own in the source; the two of a roster's conditions are put together there.
    const composed = ['order-peers', 'order-share'];
    expect(codes.filter((code) => !source.includes(`'${code}'`))).toEqual(composed);
    for (const code of composed) expect(holds(source, code), code).toBe(true);
  });

  it.each(lines)('$what: $file asserts it', ({ codes, file }) => {
    expect(existsSync(join(root, file)), file).toBe(true);
    const text = read(file);
    expect(codes.filter((code) => !holds(text, code))).toEqual([]);
  });

  it('says that there is no code only where nothing is refused', () => {
    const without = lines.filter(({ codes }) => codes.length === 0).map(({ what }) => what);
    expect(without).toEqual([
      'half of the sites shown to each of two enclaves',
      'the same, for a while',
      'records repeated, reordered, lost',
    ]);
  });

  it('is where docs/protocol.md points', () => {
    expect(read('docs/protocol.md')).toContain('(refusals.md)');
  });
});
