// The real four hospitals: the processed files of UCI Heart Disease, pinned, fetched and read. Never part of the repository.
import { join } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import { parseNumberCell } from '../number-cell.ts';
import { type PinnedFiles, type PinnedSet, downloadPinned, readPinned, writePinned } from '../pinned-download.ts';
import { type Column, type Table, makeTable } from '../table.ts';
import { type Hospital, heartDiseaseColumns } from './hospitals.ts';

const fileNames: Readonly<Record<Hospital, string>> = {
  cleveland: 'processed.cleveland.data',
  hungary: 'processed.hungarian.data',
  switzerland: 'processed.switzerland.data',
  va: 'processed.va.data',
};

/** Donated 1988-07-01, CC BY 4.0. Source of the addresses: https://archive.ics.uci.edu/dataset/45/heart+disease */
const site = 'https://archive.ics.uci.edu';
const file = (name: string, sha256: string): PinnedSet['files'][number] => ({
  name,
  sha256,
  maxBytes: 1024 * 1024,
  urls: [`${site}/ml/machine-learning-databases/heart-disease/${name}`],
});

export const uciHeartDisease: PinnedSet = {
  archives: [`${site}/static/public/45/heart+disease.zip`],
  maxArchiveBytes: 16 * 1024 * 1024,
  files: [
    file('processed.cleveland.data', 'a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8'),
    file('processed.hungarian.data', 'd1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796'),
    file('processed.switzerland.data', '834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314'),
    file('processed.va.data', 'e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f'),
  ],
};

const folderName = 'uci-heart-disease';

export interface FetchedData {
  /** Where the files now are. */
  readonly directory: string;
  readonly origin: 'alreadyThere' | 'dataDirectory' | 'download';
  readonly files: readonly string[];
}

/**
 * Puts the pinned files into `directory`: those already there are kept, then `WARDROUND_DATA_DIR` (or its folder `uci-heart-disease`) is
 * asked, then the archive at UCI.
 *
 * @throws WardroundError `data-digest`, `data-incomplete`, `data-unreadable`, `data-download`
 */
export async function fetchUciHeartDisease(options: {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<FetchedData> {
  const { directory, env } = options;
  const outcome = (origin: FetchedData['origin']): FetchedData => ({
    directory,
    origin,
    files: uciHeartDisease.files.map(({ name }) => name),
  });
  if ((await readPinned(uciHeartDisease, [directory])) !== null) return outcome('alreadyThere');
  const given = env['WARDROUND_DATA_DIR'];
  if (given !== undefined && given !== '') {
    await writePinned(await requireFiles(given), directory);
    return outcome('dataDirectory');
  }
  await writePinned(await downloadPinned(uciHeartDisease), directory);
  return outcome('download');
}

/**
 * One hospital's table, marked `real`.
 *
 * @param directory the folder of the files, or one that has them in `uci-heart-disease`
 * @throws WardroundError `data-missing`, `data-digest`, `data-incomplete`, `data-unreadable`
 */
export async function readUciHeartDisease(hospital: Hospital, directory: string): Promise<Table> {
  const bytes = (await requireFiles(directory)).get(fileNames[hospital]);
  return parseProcessedFile(Buffer.from(bytes ?? []).toString('latin1'));
}

async function requireFiles(directory: string): Promise<PinnedFiles> {
  const files = await readPinned(uciHeartDisease, [join(directory, folderName), directory]);
  if (files === null) {
    throw new WardroundError('data-missing', 'the UCI heart disease files are not there', {
      where: directory,
      expected: `${folderName}/ or the four processed.*.data files; \`wardround data fetch ${folderName}\` gets them`,
    });
  }
  return files;
}

/** Fourteen columns of decimals, `?` where missing. @throws WardroundError `heart-disease-format` */
export function parseProcessedFile(text: string): Table {
  const rows = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const cells = rows.map((line, i) => parseLine(line, i + 1));
  return makeTable(
    'real',
    heartDiseaseColumns.map((name, i): Column => ({
      type: 'number',
      name,
      values: cells.map((row) => row[i] ?? null),
    })),
  );
}

function parseLine(line: string, lineNumber: number): readonly (number | null)[] {
  const texts = line.trim().split(',');
  const cells = texts.map((text) => (text === '?' ? null : parseNumberCell(text)));
  const isWrong = texts.some((text, i) => text !== '?' && cells[i] === null);
  if (texts.length !== heartDiseaseColumns.length || isWrong) {
    throw new WardroundError('heart-disease-format', 'not a line of a processed heart disease file', {
      where: `line ${lineNumber}`,
      expected: `${heartDiseaseColumns.length} decimals or ?, separated by commas`,
    });
  }
  return cells;
}
