// A folder of pictures with an index: a CSV whose one column names a file and whose others are the patient's label and split.
import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import { type CsvOptions, readCsv } from '../csv.ts';
import { type Table, findColumn, makeTable } from '../table.ts';
import { decodeNetpbm, isNetpbm } from './netpbm.ts';
import { type Picture, bytesOf, notAPicture, sizeInWords } from './picture.ts';
import { decodePng, isPng } from './png.ts';
import { type TableImages, imageColumn, requireFits } from './table-images.ts';

export interface ImageFolder {
  readonly directory: string;
  /** The index's file name, inside the folder. */
  readonly index: string;
  /** The index's column that names each picture's file. */
  readonly file: string;
  readonly csv: CsvOptions;
}

const largestFileBytes = 64 * 1024 * 1024;

/**
 * The index's other columns and the pictures, which must all be of one size. File names stay behind: they may name patients.
 *
 * @throws WardroundError `csv-*` for the index, `images-index`, `images-path`, `images-unreadable`, `images-format`, `images-size`,
 * `images-too-large`
 */
export async function readImageFolder({ directory, index, file, csv }: ImageFolder): Promise<Table> {
  const table = await readCsv(join(directory, index), csv);
  const files = fileNames(table, file);
  const images = await readPictures(await realDirectory(directory), files);
  return makeTable(
    table.provenance,
    table.columns.filter(({ name }) => name !== file),
    images,
  );
}

function fileNames(table: Table, name: string): readonly string[] {
  const column = findColumn(table, name);
  if (column === undefined) {
    throw new WardroundError('images-index', 'the index does not say which file each picture is in', {
      expected: `a column named ${name}, or its name in the settings (file: …)`,
      got: table.columns.map((known) => known.name).join(', '),
    });
  }
  if (table.rows === 0) throw new WardroundError('images-index', 'the index lists no picture', { where: name });
  const cells: readonly (string | number | null)[] = column.values;
  return cells.map((cell, row) => {
    if (cell !== null) return String(cell);
    throw new WardroundError('images-index', 'a row of the index names no file', {
      where: name,
      got: `row ${row + 1}`,
    });
  });
}

async function readPictures(directory: string, files: readonly string[]): Promise<TableImages> {
  let images: TableImages | undefined;
  for (const [row, file] of files.entries()) {
    const picture = await readPicture(directory, file);
    images ??= blank(picture, files.length);
    if (sizeInWords(picture) !== sizeInWords(images)) {
      throw new WardroundError('images-size', 'pictures of different sizes', {
        where: file,
        expected: `${sizeInWords(images)}, as in the first row: bring all pictures to one size first`,
        got: sizeInWords(picture),
      });
    }
    images.pixels.set(picture.pixels, row * bytesOf(picture));
  }
  if (images === undefined) throw new WardroundError('images-index', 'the index lists no picture');
  return images;
}

function blank({ height, width, channels }: Picture, rows: number): TableImages {
  const size = { height, width, channels };
  requireFits(size, rows);
  return { name: imageColumn, ...size, pixels: new Uint8Array(rows * bytesOf(size)) };
}

async function readPicture(directory: string, file: string): Promise<Picture> {
  const bytes = await readFileInside(directory, file);
  try {
    if (isPng(bytes)) return decodePng(bytes);
    if (isNetpbm(bytes)) return decodeNetpbm(bytes);
    throw notAPicture('PNG, or binary PGM or PPM');
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw notAPicture(error.expected ?? 'a picture', error.got, file);
  }
}

async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (cause) {
    throw new WardroundError('images-unreadable', 'the folder cannot be read', { where: directory, cause });
  }
}

/** The index may be anybody's spreadsheet: a name that leads out of the folder, itself or by a link, is refused. */
async function readFileInside(directory: string, file: string): Promise<Uint8Array> {
  const path = join(directory, file);
  const real = await realpath(path).catch((cause: unknown) => {
    throw new WardroundError('images-unreadable', 'the picture cannot be read', { where: file, cause });
  });
  if (!real.startsWith(directory + sep)) {
    throw new WardroundError('images-path', 'the index names a file outside its folder', { where: file });
  }
  const handle = await open(real);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new WardroundError('images-unreadable', 'not a file', { where: file });
    if (found.size > largestFileBytes)
      throw new WardroundError('images-too-large', 'a file larger than a picture', { where: file });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
