// `wardround data fetch|describe`: public data checked by their digests, and what a table holds.
import { resolve } from 'node:path';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { WardroundError } from '@wardround/protocol/errors';
import { type ColumnDescription, describeTable, type TableDescription } from '@wardround/datasets/describe';
import { fetchUciHeartDisease } from '@wardround/datasets/heart-disease/uci';
import { heartDiseaseCitation } from '@wardround/datasets/heart-disease/hospitals';
import { parseSource, readSource } from '@wardround/datasets/source';
import type { Source } from '@wardround/datasets/source-settings';
import { createOutput } from '../output.ts';
import { type Json, jsonOption } from './options.ts';

const setName = 'uci-heart-disease';

interface DescribeOptions extends Json {
  readonly source?: string;
  readonly missing: readonly string[];
}

export function addDataCommands(program: Command): void {
  const data = program.command('data').description('public data sets, and what a table holds');
  data
    .command('fetch')
    .description(`get a public data set, each file checked by its SHA-256 (${setName}: four hospitals, CC BY 4.0)`)
    .argument('<set>', setName)
    .option(
      '--out <dir>',
      'where to put it (default: ./data/SET). $WARDROUND_DATA_DIR names a folder that already has it',
    )
    .addOption(jsonOption())
    .action(fetchSet);
  data
    .command('describe')
    .description('what a table holds: columns, missing cells, ranges. For the hospital itself: it shows values')
    .argument('[file]', 'a CSV file')
    .option(
      '--source <source>',
      'instead of a file: images:DIR (pictures with an index.csv), uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED',
    )
    .option(
      '--missing <text>',
      'a cell that means "missing" (may be repeated)',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .addOption(jsonOption())
    .action(describeData);
}

async function fetchSet(set: string, { out, json }: Json & { out?: string }): Promise<void> {
  if (set !== setName) {
    throw new WardroundError('data-set', 'there is no such data set', { expected: setName, got: set });
  }
  const output = createOutput(json === true);
  output.note(`getting ${set}; every file is checked by its SHA-256`);
  const fetched = await fetchUciHeartDisease({ directory: resolve(out ?? `data/${set}`), env: process.env });
  const origin = {
    alreadyThere: 'it was there already',
    dataDirectory: 'from $WARDROUND_DATA_DIR',
    download: 'downloaded',
  }[fetched.origin];
  output.result({ set, ...fetched, citation: heartDiseaseCitation }, () =>
    [`${fetched.directory}: ${fetched.files.join(', ')} (${origin})`, `Cite: ${heartDiseaseCitation}`].join('\n'),
  );
}

async function describeData(file: string | undefined, { source, missing, json }: DescribeOptions): Promise<void> {
  const description = describeTable(await readSource(sourceOf(file, source, missing)));
  createOutput(json === true).result(description, () => descriptionText(description));
}

function sourceOf(file: string | undefined, source: string | undefined, missing: readonly string[]): Source {
  if ((file === undefined) === (source === undefined)) {
    throw new WardroundError('usage', 'say what to describe', { expected: 'a CSV file, or --source' });
  }
  if (file !== undefined)
    return parseSource({
      kind: 'csv',
      path: resolve(file),
      ...(missing.length === 0 ? {} : { missing: [...missing] }),
    });
  const [kind, hospital, ...rest] = (source ?? '').split(':');
  if (kind === 'images') return parseSource({ kind: 'images', directory: resolve([hospital, ...rest].join(':')) });
  if (kind === 'uci') return parseSource({ kind: 'uciHeartDisease', hospital, directory: resolve(rest.join(':')) });
  if (kind === 'synthetic')
    return parseSource({ kind: 'syntheticHeartDisease', hospital, seed: Number(rest.join(':')) });
  throw new WardroundError('source-invalid', 'not a data source', {
    expected: 'images:DIR, uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED',
    got: source ?? '',
    where: '--source',
  });
}

function descriptionText({ provenance, rows, columns }: TableDescription): string {
  const table = new Table({
    head: ['column', 'type', 'missing', 'distinct', 'values'],
    style: { head: [], border: [] },
  });
  for (const column of columns)
    table.push([column.name, column.type, column.missing, column.distinct, valuesOf(column)]);
  const whose = provenance === 'real' ? 'REAL patients' : 'invented (synthetic) patients';
  return `${rows} rows of ${whose}\n${table.toString()}`;
}

function valuesOf(column: ColumnDescription): string {
  if (column.type === 'image') {
    const { height, width, channels, mean } = column;
    return `${height} × ${width}, ${channels} channel${channels === 1 ? '' : 's'}, mean ${mean.toFixed(1)} of 255`;
  }
  if (column.counts !== null) {
    return Object.entries(column.counts)
      .map(([value, rows]) => `${value}: ${rows}`)
      .join(', ');
  }
  if (column.type === 'text' || column.minimum === null || column.maximum === null) return '';
  const mean = column.mean === null ? '' : `, mean ${column.mean.toFixed(2)}`;
  return `${column.minimum} to ${column.maximum}${mean}`;
}
