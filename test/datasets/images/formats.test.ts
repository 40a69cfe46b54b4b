// Pictures from files: every variety that is read comes out to the byte, everything else is refused with what was wrong.
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeNetpbm, isNetpbm } from '@wardround/datasets/images/netpbm';
import { decodePng, isPng } from '@wardround/datasets/images/png';
import { type PngParts, chunk, netpbm, picture, png } from './pictures.ts';

const badFormat = expect.objectContaining({ code: 'images-format' });
const plain = (pixels: Uint8Array): number[] => [...pixels];

describe('PNG', () => {
  it.each([1, 2, 3, 4])('of %i channels comes out as it went in, whatever the filters', (channels) => {
    for (const filters of [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0]]) {
      const source = picture({ channels });
      const { pixels, ...size } = decodePng(png(source, { filters }));
      expect(size).toEqual({ height: 9, width: 8, channels });
      expect(plain(pixels), `filters ${filters.join()}`).toEqual(plain(source.pixels));
    }
  });

  it('may have chunks that do not matter', () => {
    const source = picture();
    const extra = [
      ['tEXt', Buffer.from('a\0b')],
      ['PLTE', Buffer.alloc(6)],
    ] as const;
    expect(plain(decodePng(png(source, { extra })).pixels)).toEqual(plain(source.pixels));
  });

  it('is refused when any bit is flipped or any byte is missing', () => {
    const file = png(picture());
    for (let i = 0; i < file.length; i += 1) {
      const flipped = Uint8Array.from(file);
      flipped[i] = (flipped[i] ?? 0) ^ (1 << (i % 8));
      if (i < 8) expect(isPng(flipped)).toBe(false);
      else expect(() => decodePng(flipped), `byte ${i}`).toThrow(badFormat);
      if (i > 8) expect(() => decodePng(file.subarray(0, i)), `first ${i}`).toThrow(badFormat);
    }
    expect(() => decodePng(Buffer.concat([file, chunk('tEXt', Buffer.from('x'))]))).toThrow(badFormat);
  });

  const wrong: readonly (readonly [string, Partial<PngParts>, string])[] = [
    ['a palette', { colour: 3 }, 'palette'],
    ['16 bits', { depth: 16 }, '8 bits a channel'],
    ['one bit', { depth: 1 }, '8 bits a channel'],
    ['interlaced rows', { interlace: 1 }, 'not interlaced'],
    ['no rows', { height: 0 }, 'pixels a side'],
    ['more rows than anybody has', { height: 2 ** 31 }, 'pixels a side'],
    ['fewer rows than it says', { height: 10 }, 'bytes of PNG data'],
    ['more rows than it says', { height: 8 }, 'bytes of PNG data'],
    ['a filter that there is not', { filters: [5] }, 'filter from 0 to 4'],
    ['data that are no zlib stream', { data: Buffer.alloc(40, 7) }, 'bytes of PNG data'],
    ['data that grow without end', { data: deflateSync(Buffer.alloc(50_000_000)) }, 'bytes of PNG data'],
    ['a critical chunk that nobody knows', { extra: [['ABCD', Buffer.alloc(1)]] }, 'known PNG chunks'],
  ];
  it.each(wrong)('is refused with %s', (_, parts, says) => {
    expect(() => decodePng(png(picture(), parts))).toThrow(badFormat);
    expect(() => decodePng(png(picture(), parts))).toThrow(says);
  });
});

describe('PGM and PPM', () => {
  it.each([1, 3])('of %i channels come out as they went in', (channels) => {
    const source = picture({ channels });
    const { pixels, ...size } = decodeNetpbm(netpbm(source));
    expect(size).toEqual({ height: 9, width: 8, channels });
    expect(plain(pixels)).toEqual(plain(source.pixels));
  });

  it('may begin with a pixel that looks like a blank', () => {
    const source = { ...picture(), pixels: new Uint8Array(72).fill(0x20) };
    expect(plain(decodeNetpbm(netpbm(source)).pixels)).toEqual(plain(source.pixels));
  });

  it.each([
    ['text pixels', 'P2 8 9 255\n'],
    ['16 bits', 'P5 8 9 65535\n'],
    ['another largest value', 'P5 8 9 254\n'],
    ['no rows', 'P5 8 0 255\n'],
    ['a row more', 'P5 8 10 255\n'],
    ['a row less', 'P5 8 8 255\n'],
    ['more pixels than anybody has', 'P5 99999 99999 255\n'],
    ['colours that are not there', 'P6 8 9 255\n'],
    ['no sizes', 'P5\n'],
    ['a comment without end', `P5 #${'x'.repeat(5000)}\n8 9 255\n`],
  ])('are refused with %s', (_, header) => {
    expect(() => decodeNetpbm(netpbm(picture(), header))).toThrow(badFormat);
  });

  it('are known by their first two bytes', () => {
    expect(isNetpbm(netpbm(picture()))).toBe(true);
    expect(isNetpbm(png(picture()))).toBe(false);
    expect(isNetpbm(new Uint8Array(0))).toBe(false);
  });
});
