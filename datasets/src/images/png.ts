// PNG pictures of 8 bits a channel, not interlaced: what viewers and scripts export. Source: W3C Portable Network Graphics, third edition.
import { crc32, inflateSync } from 'node:zlib';
import { type Picture, type PictureSize, bytesOf, largestSide, notAPicture } from './picture.ts';

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Section 11.2.1: colour type to channels; 3 (a palette) is left out. */
const channelsOf: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [4, 2],
  [6, 4],
]);

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/** @throws WardroundError `images-format` */
export function decodePng(bytes: Uint8Array): Picture {
  const [head, ...chunks] = readChunks(bytes);
  const size = readHeader(head);
  const last = chunks.at(-1);
  if (last?.type !== 'IEND') throw notAPicture('a whole PNG file', 'one that ends early');
  // Ancillary chunks have a lower-case first letter; of the others only a palette that nothing needs may be there.
  const unknown = chunks.find(({ type }) => /^[A-Z]/.test(type) && !['IDAT', 'PLTE', 'IEND'].includes(type));
  if (unknown !== undefined) throw notAPicture('known PNG chunks', unknown.type);
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  return { ...size, pixels: unfilter(inflate(packed, size), size) };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** Section 5.3: length, type, data, CRC of type and data. */
function readChunks(bytes: Uint8Array): readonly Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let at = signature.length;
  while (at < bytes.length) {
    if (at + 12 > bytes.length) throw notAPicture('a whole PNG file', 'one that ends early');
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) throw notAPicture('a whole PNG file', 'one that ends early');
    const body = bytes.subarray(at + 4, at + 8 + length);
    if (crc32(body) !== view.getUint32(at + 8 + length)) throw notAPicture('a PNG file with right checksums');
    chunks.push({ type: Buffer.from(body.subarray(0, 4)).toString('latin1'), data: body.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

/** Section 11.2.1. */
function readHeader(chunk: Chunk | undefined): PictureSize {
  if (chunk?.type !== 'IHDR' || chunk.data.length !== 13) throw notAPicture('a PNG header');
  const view = new DataView(chunk.data.buffer, chunk.data.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (width < 1 || height < 1 || Math.max(width, height) > largestSide) {
    throw notAPicture(`1 to ${largestSide} pixels a side`, `${height} x ${width}`);
  }
  const [depth, colour, compression, filter, interlace] = chunk.data.subarray(8);
  if (depth !== 8) throw notAPicture('8 bits a channel', `${depth} bits`);
  const channels = channelsOf.get(colour ?? -1);
  if (channels === undefined) throw notAPicture('grey or true colours', `PNG colour type ${colour} (3 is a palette)`);
  if (compression !== 0 || filter !== 0 || interlace !== 0) throw notAPicture('a PNG file that is not interlaced');
  return { height, width, channels };
}

/** Never more than the header promises. */
function inflate(packed: Uint8Array, size: PictureSize): Uint8Array {
  const expected = bytesOf(size) + size.height;
  try {
    const data = inflateSync(packed, { maxOutputLength: expected });
    if (data.length === expected) return data;
  } catch {
    // one message for every way of not being the data
  }
  throw notAPicture(`${expected} bytes of PNG data`);
}

/** Section 9: each row was written as differences from what is left of it, above it, or both. */
function unfilter(data: Uint8Array, { height, width, channels }: PictureSize): Uint8Array {
  const stride = width * channels;
  const pixels = new Uint8Array(height * stride);
  for (let row = 0; row < height; row += 1) {
    const filter = data[row * (stride + 1)] ?? 0;
    if (filter > 4) throw notAPicture('a PNG filter from 0 to 4', `${filter}`);
    for (let i = 0; i < stride; i += 1) {
      const left = i < channels ? 0 : (pixels[row * stride + i - channels] ?? 0);
      const above = row === 0 ? 0 : (pixels[(row - 1) * stride + i] ?? 0);
      const corner = row === 0 || i < channels ? 0 : (pixels[(row - 1) * stride + i - channels] ?? 0);
      const difference = data[row * (stride + 1) + 1 + i] ?? 0;
      pixels[row * stride + i] = difference + predicted(filter, { left, above, corner });
    }
  }
  return pixels;
}

interface Neighbours {
  readonly left: number;
  readonly above: number;
  readonly corner: number;
}

function predicted(filter: number, { left, above, corner }: Neighbours): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return Math.floor((left + above) / 2);
    case 4:
      return paeth({ left, above, corner });
    default:
      return 0;
  }
}

/** Section 9.4: the neighbour nearest to left + above − corner; ties in that order. */
function paeth({ left, above, corner }: Neighbours): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
