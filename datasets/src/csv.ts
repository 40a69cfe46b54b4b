// CSV (RFC 4180, UTF-8) to a table, streamed, with limits. The file is a hospital's export: not hostile by intent, but never to be guessed at.
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { WardroundError } from '@wardround/protocol/errors';
import { numbersOf } from './number-cell.ts';
import { type Column, type Provenance, type Table, makeTable } from './table.ts';

export interface CsvOptions {
  /** Cells that mean "missing", compared after surrounding blanks are removed. The empty cell is always missing. */
  readonly missing: readonly string[];
  readonly delimiter: string;
  /** New names by old name; columns that are not named keep theirs. */
  readonly rename: Readonly<Record<string, string>>;
  readonly provenance: Provenance;
}

export interface CsvLimits {
  readonly maxBytes: number;
  readonly maxRows: number;
  readonly maxColumns: number;
  readonly maxRecordBytes: number;
}

export const csvLimits: CsvLimits = {
  maxBytes: 2 * 1024 ** 3,
  maxRows: 5_000_000,
  maxColumns: 10_000,
  maxRecordBytes: 1024 * 1024,
};

export const csvDefaults: CsvOptions = { missing: [], delimiter: ',', rename: {}, provenance: 'real' };

/**
 * Reads a CSV file whose first record is its header. A column is of numbers when every cell that is present spells a decimal number
 * (`007` does not: it may be an identifier), else of texts.
 *
 * @throws WardroundError `csv-unreadable`, `csv-encoding`, `csv-syntax`, `csv-ragged`, `csv-header`, `csv-duplicate-column`,
 * `csv-unknown-column` (a renaming of what is not there), `csv-too-large`
 */
export async function readCsv(path: string, options: CsvOptions, limits: CsvLimits = csvLimits): Promise<Table> {
  return tableOfRecords(recordsOf(path, options, limits), options, limits);
}

async function* recordsOf(path: string, options: CsvOptions, limits: CsvLimits): AsyncGenerator<readonly string[]> {
  const parser = parse({
    bom: true,
    delimiter: options.delimiter,
    skip_empty_lines: true,
    trim: true,
    info: false,
    max_record_size: limits.maxRecordBytes,
  });
  const pumping = pipeline(createReadStream(path), (chunks) => decodeText(chunks, limits.maxBytes), parser);
  // The same error also comes out of the parser, where it is reported.
  pumping.catch(() => undefined);
  try {
    for await (const record of parser) yield requireTexts(record);
  } catch (error) {
    throw csvError(error, path);
  } finally {
    parser.destroy();
  }
}

async function* decodeText(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(`at most ${maxBytes} bytes`);
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

function requireTexts(record: unknown): readonly string[] {
  if (!Array.isArray(record) || !record.every((cell): cell is string => typeof cell === 'string')) {
    throw new WardroundError('csv-syntax', 'not a record of texts');
  }
  return record;
}

async function tableOfRecords(
  records: AsyncIterable<readonly string[]>,
  options: CsvOptions,
  limits: CsvLimits,
): Promise<Table> {
  const missing = new Set(['', ...options.missing]);
  let names: readonly string[] | undefined;
  let cells: (string | null)[][] = [];
  let rows = 0;
  for await (const record of records) {
    if (names === undefined) {
      names = readHeader(record, options, limits);
      cells = names.map(() => []);
      continue;
    }
    rows += 1;
    if (rows > limits.maxRows) throw tooLarge(`at most ${limits.maxRows} rows`);
    record.forEach((cell, i) => cells[i]?.push(missing.has(cell) ? null : cell));
  }
  if (names === undefined)
    throw new WardroundError('csv-header', 'the file is empty; its first line must name the columns');
  return makeTable(
    options.provenance,
    names.map((name, i) => toColumn(name, cells[i] ?? [])),
  );
}

function readHeader(record: readonly string[], options: CsvOptions, limits: CsvLimits): readonly string[] {
  if (record.length > limits.maxColumns) throw tooLarge(`at most ${limits.maxColumns} columns`);
  const unnamed = record.indexOf('');
  if (unnamed >= 0)
    throw new WardroundError('csv-header', 'a column without a name', { where: `column ${unnamed + 1}` });
  const stray = Object.keys(options.rename).find((name) => !record.includes(name));
  if (stray !== undefined) {
    throw new WardroundError('csv-unknown-column', 'the settings rename a column that the file does not have', {
      expected: record.join(', '),
      got: stray,
    });
  }
  const renamed = new Map(Object.entries(options.rename));
  const names = record.map((name) => renamed.get(name) ?? name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new WardroundError('csv-duplicate-column', 'two columns share a name', { got: twice });
  return names;
}

function toColumn(name: string, cells: readonly (string | null)[]): Column {
  const numbers = numbersOf(cells);
  return numbers === null ? { type: 'text', name, values: cells } : { type: 'number', name, values: numbers };
}

function tooLarge(expected: string): WardroundError {
  return new WardroundError('csv-too-large', 'the file is larger than the limit', { expected });
}

function csvError(error: unknown, path: string): unknown {
  if (error instanceof WardroundError) return error;
  if (error instanceof CsvError) return syntaxError(error, path);
  if (error instanceof TypeError) {
    return new WardroundError('csv-encoding', 'the file is not UTF-8', { where: path, cause: error });
  }
  return new WardroundError('csv-unreadable', 'the file cannot be read', { where: path, cause: error });
}

/** Without its cause: the parser's error carries the record, which is a patient's. */
function syntaxError(error: CsvError, path: string): WardroundError {
  const where = typeof error['lines'] === 'number' ? `${path}, line ${error['lines']}` : path;
  if (error.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
    return new WardroundError('csv-ragged', 'a row has more or fewer cells than the header', { where });
  }
  if (error.code === 'CSV_MAX_RECORD_SIZE') return tooLarge('shorter records');
  return new WardroundError('csv-syntax', 'not a well-formed CSV file', { where, got: error.code });
}
