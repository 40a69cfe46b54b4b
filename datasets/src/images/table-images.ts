// The pictures of a table: one a row, all of one size, in one array of bytes.
import { WardroundError } from '@wardround/protocol/errors';
import { type PictureSize, bytesOf, sizeInWords } from './picture.ts';

export interface TableImages extends PictureSize {
  /** As the contract's image feature is named. */
  readonly name: string;
  /** Rows × height × width × channels, row-major. */
  readonly pixels: Uint8Array;
}

/** What the snapshot's column and the contract's feature are called where nobody says otherwise. */
export const imageColumn = 'image';

/** Within a snapshot's own limit. */
const mostBytes = 1024 ** 3 - 16 * 1024 ** 2;

/** @throws WardroundError `images-too-large` before anything of that size is allocated */
export function requireFits(size: PictureSize, rows: number): void {
  if (bytesOf(size) * rows <= mostBytes) return;
  throw new WardroundError('images-too-large', 'more pictures than a snapshot can hold', {
    expected: `at most ${mostBytes} bytes of pixels: fewer or smaller pictures`,
    got: `${rows} pictures of ${sizeInWords(size)}`,
  });
}

/** The pictures of these rows, in this order. */
export function imagesAt(images: TableImages, rows: ArrayLike<number>): TableImages {
  return { ...images, pixels: pixelsAt(images, rows) };
}

/** Their bytes, one after the other. */
export function pixelsAt(images: TableImages, rows: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const size = bytesOf(images);
  const pixels = new Uint8Array(rows.length * size);
  for (let i = 0; i < rows.length; i += 1) {
    const start = (rows[i] ?? 0) * size;
    pixels.set(images.pixels.subarray(start, start + size), i * size);
  }
  return pixels;
}
