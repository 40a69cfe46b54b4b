// Pictures in a snapshot: one Arrow column of fixed-size binary, a picture a row, its size in the field's metadata.
import { type Data, DataType, Field, FixedSizeBinary, type Vector, makeData } from 'apache-arrow';
import { WardroundError } from '@wardround/protocol/errors';
import { type PictureSize, bytesOf, largestSide } from './picture.ts';
import type { TableImages } from './table-images.ts';

const sizeKey = 'wardround.image';
/** Height, width, channels. */
const sizeText = /^([1-9]\d{0,4})x([1-9]\d{0,4})x([1-4])$/;

export function isImageField(field: Field): boolean {
  return DataType.isFixedSizeBinary(field.type);
}

export function imagesToArrow({ name, pixels, ...size }: TableImages): { readonly field: Field; readonly data: Data } {
  const type = new FixedSizeBinary(bytesOf(size));
  const metadata = new Map([[sizeKey, `${size.height}x${size.width}x${size.channels}`]]);
  return {
    field: new Field(name, type, false, metadata),
    data: makeData({ type, length: pixels.length / bytesOf(size), nullCount: 0, data: pixels }),
  };
}

/** @throws WardroundError `snapshot-format` */
export function imagesOfArrow(field: Field, column: Vector | null): TableImages {
  const { height, width, channels } = readSize(field);
  const size = bytesOf({ height, width, channels });
  const [data, ...more] = column?.data ?? [];
  const values: unknown = data?.values;
  const fits = DataType.isFixedSizeBinary(field.type) && field.type.byteWidth === size;
  if (!fits || more.length > 0 || column?.nullCount !== 0 || !(values instanceof Uint8Array)) {
    throw badPictures(`one batch of ${size} bytes a picture`);
  }
  const start = (data?.offset ?? 0) * size;
  const pixels = values.subarray(start, start + column.length * size);
  if (pixels.length !== column.length * size) throw badPictures('as many bytes as pictures');
  return { name: field.name, height, width, channels, pixels: Uint8Array.from(pixels) };
}

function readSize({ metadata }: Field): PictureSize {
  const match = sizeText.exec(metadata.get(sizeKey) ?? '');
  const [height, width, channels] = (match ?? []).slice(1).map(Number);
  if (height === undefined || width === undefined || channels === undefined) {
    throw badPictures(`a size such as 28x28x1 in ${sizeKey}`);
  }
  if (Math.max(height, width) > largestSide) throw badPictures(`at most ${largestSide} pixels a side`);
  return { height, width, channels };
}

function badPictures(expected: string): WardroundError {
  return new WardroundError('snapshot-format', 'not a snapshot', { expected });
}
