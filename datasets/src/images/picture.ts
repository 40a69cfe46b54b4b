// One picture decoded: 8 bits a channel, row by row, each pixel's channels together. What every format here is read into.
import { WardroundError } from '@wardround/protocol/errors';

export interface PictureSize {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha. */
  readonly channels: number;
}

export interface Picture extends PictureSize {
  readonly pixels: Uint8Array;
}

/** A side that no medical picture for a small model needs; files that claim more are not even allocated for. */
export const largestSide = 16_384;

/** Bytes that a picture of that size has. */
export function bytesOf({ height, width, channels }: PictureSize): number {
  return height * width * channels;
}

/** `28 x 28, 1 channel` */
export function sizeInWords({ height, width, channels }: PictureSize): string {
  return `${height} x ${width}, ${channels} channel${channels === 1 ? '' : 's'}`;
}

export function notAPicture(expected: string, got?: string, where?: string): WardroundError {
  return new WardroundError('images-format', 'not a picture that this version reads', {
    expected,
    ...(got === undefined ? {} : { got }),
    ...(where === undefined ? {} : { where }),
  });
}
