// Pictures for the tests: small ones, and files of them as other programs write them.
import { crc32, deflateSync } from 'node:zlib';
import type { Picture, PictureSize } from '@wardround/datasets/images/picture';
import { bytesOf } from '@wardround/datasets/images/picture';
import type { TableImages } from '@wardround/datasets/images/table-images';

export function picture(size: Partial<PictureSize> = {}, seed = 1): Picture {
  const whole = { height: 9, width: 8, channels: 1, ...size };
  return {
    ...whole,
    pixels: Uint8Array.from({ length: bytesOf(whole) }, (_, i) => (i * i * seed + i * 37 + seed) % 256),
  };
}

export function imagesOf(rows: number, size: Partial<PictureSize> = {}): TableImages {
  const pictures = Array.from({ length: rows }, (_, row) => picture(size, row + 1));
  const { height, width, channels } = picture(size);
  return {
    name: 'image',
    height,
    width,
    channels,
    pixels: Uint8Array.from(Buffer.concat(pictures.map((each) => each.pixels))),
  };
}

export function netpbm({ height, width, channels, pixels }: Picture, header?: string): Uint8Array {
  const text = header ?? `${channels === 3 ? 'P6' : 'P5'}\n# made here\n${width} ${height}\n255\n`;
  return Buffer.concat([Buffer.from(text, 'latin1'), pixels]);
}

export interface PngParts {
  readonly colour: number;
  readonly depth: number;
  readonly interlace: number;
  /** The filter of each row, over and over. */
  readonly filters: readonly number[];
  readonly data: Uint8Array | null;
  /** Written before the data. */
  readonly extra: readonly (readonly [type: string, data: Uint8Array])[];
  readonly height: number;
}

const colours = [0, 0, 4, 2, 6];

export function png(source: Picture, parts: Partial<PngParts> = {}): Uint8Array {
  const { colour = colours[source.channels] ?? 0, depth = 8, interlace = 0, filters = [0], extra = [] } = parts;
  const head = Buffer.alloc(13);
  head.writeUInt32BE(source.width, 0);
  head.writeUInt32BE(parts.height ?? source.height, 4);
  head.set([depth, colour, 0, 0, interlace], 8);
  const data = parts.data ?? deflateSync(filtered(source, filters));
  const half = Math.floor(data.length / 2);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    ...extra.map(([type, bytes]) => chunk(type, bytes)),
    chunk('IDAT', data.subarray(0, half)),
    chunk('IDAT', data.subarray(half)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

export function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** The encoder's half of the PNG filters, from their definition: what each byte is more than its prediction. */
function filtered({ height, width, channels, pixels }: Picture, filters: readonly number[]): Uint8Array {
  const stride = width * channels;
  const at = (row: number, i: number): number => (row < 0 || i < 0 ? 0 : (pixels[row * stride + i] ?? 0));
  const rows = Array.from({ length: height }, (_, row) => {
    const filter = filters[row % filters.length] ?? 0;
    const bytes = Array.from({ length: stride }, (_unused, i) => {
      const [a, b, c] = [at(row, i - channels), at(row - 1, i), i < channels ? 0 : at(row - 1, i - channels)];
      const p = a + b - c;
      const near = [a, b, c].toSorted((x, y) => Math.abs(p - x) - Math.abs(p - y))[0] ?? 0;
      const predictions = [0, a, b, (a + b) >> 1, near];
      return (at(row, i) - (predictions[filter] ?? 0)) & 0xff;
    });
    return Uint8Array.of(filter, ...bytes);
  });
  return Buffer.concat(rows);
}
