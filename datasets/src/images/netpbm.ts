// Binary PGM and PPM pictures (netpbm P5 and P6), 8 bits a channel. Source: https://netpbm.sourceforge.net/doc/pgm.html and ppm.html.
import { type Picture, bytesOf, largestSide, notAPicture } from './picture.ts';

const channelsOf: ReadonlyMap<string, number> = new Map([
  ['P5', 1],
  ['P6', 3],
]);
/** Magic number, width, height, largest value: blanks or comments between them, one blank before the pixels. */
const header = /^(P[56])(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+(\d{1,5})\s/;
const longestHeader = 4096;

export function isNetpbm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && (bytes[1] === 0x35 || bytes[1] === 0x36);
}

/** @throws WardroundError `images-format` */
export function decodeNetpbm(bytes: Uint8Array): Picture {
  const match = header.exec(Buffer.from(bytes.subarray(0, longestHeader)).toString('latin1'));
  const [text = '', magic = '', width, height, largest] = match ?? [];
  const size = { height: Number(height), width: Number(width), channels: channelsOf.get(magic) ?? 0 };
  if (match === null || size.height < 1 || size.width < 1) throw notAPicture('a binary PGM or PPM header');
  if (Math.max(size.height, size.width) > largestSide) throw notAPicture(`at most ${largestSide} pixels a side`);
  if (Number(largest) !== 255) throw notAPicture('8 bits a channel (largest value 255)', `largest value ${largest}`);
  const pixels = bytes.subarray(text.length);
  if (pixels.length !== bytesOf(size)) throw notAPicture(`${bytesOf(size)} bytes of pixels`, `${pixels.length}`);
  return { ...size, pixels };
}
