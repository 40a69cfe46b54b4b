// Pictures as research sets often come: one raw file of 8-bit pixels, picture after picture, and one of labels, a byte each.
import { open } from 'node:fs/promises';
import { WardroundError } from '@wardround/protocol/errors';
import { type Provenance, type Table, makeTable } from '../table.ts';
import { type PictureSize, bytesOf } from './picture.ts';
import { imageColumn, requireFits } from './table-images.ts';

export interface RawImages extends PictureSize {
  /** Files. */
  readonly images: string;
  readonly labels: string;
  /** What the column of labels is called. */
  readonly label: string;
  readonly provenance: Provenance;
}

/** @throws WardroundError `images-unreadable`, `images-size` (the files do not hold as many pictures as labels), `images-too-large` */
export async function readRawImages({ images, labels, label, provenance, ...size }: RawImages): Promise<Table> {
  const values = await readWhole(labels, (rows) => requireFits(size, rows));
  const expected = values.length * bytesOf(size);
  const pixels = await readWhole(images, (length) => {
    if (length === expected) return;
    throw new WardroundError('images-size', 'not as many pictures as labels', {
      where: images,
      expected: `${expected} bytes: ${values.length} pictures of ${bytesOf(size)}`,
      got: `${length}`,
    });
  });
  const { height, width, channels } = size;
  return makeTable(provenance, [{ type: 'number', name: label, values: [...values] }], {
    name: imageColumn,
    height,
    width,
    channels,
    pixels,
  });
}

/** The file's bytes, once its size has been agreed to. */
async function readWhole(path: string, agree: (bytes: number) => void): Promise<Uint8Array> {
  const file = await open(path).catch((cause: unknown) => {
    throw new WardroundError('images-unreadable', 'the file cannot be read', { where: path, cause });
  });
  try {
    agree((await file.stat()).size);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
