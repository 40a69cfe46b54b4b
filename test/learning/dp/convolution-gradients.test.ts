// A convolution's gradient against its definition, for every size, kernel and number of channels, zeros among the slopes and at the edges.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convolutionGradients, type ConvolutionPass } from '@wardround/learning/dp/convolution-gradients';

const sizes = fc.record({
  height: fc.integer({ min: 1, max: 6 }),
  width: fc.integer({ min: 1, max: 6 }),
  channels: fc.integer({ min: 1, max: 3 }),
  filters: fc.integer({ min: 1, max: 3 }),
  kernel: fc.integer({ min: 1, max: 5 }),
  examples: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(1000),
});

function passOf({ examples, seed, ...size }: typeof sizes extends fc.Arbitrary<infer T> ? T : never): ConvolutionPass {
  const { height, width, channels, filters } = size;
  const value = (i: number): number => Math.round(8 * Math.sin(i * 12.9898 + seed)) / 4;
  return {
    ...size,
    entered: Float32Array.from({ length: examples * height * width * channels }, (_, i) => value(i)),
    // Three of four are 0, as behind a pool.
    slopes: Float32Array.from({ length: examples * height * width * filters }, (_, i) =>
      (i + seed) % 4 === 0 ? value(i + 77) : 0,
    ),
  };
}

function byDefinition(
  { height, width, channels, filters, kernel, entered, slopes }: ConvolutionPass,
  example: number,
): { weight: number[]; bias: number[] } {
  const before = Math.floor((kernel - 1) / 2);
  const weight = Array.from({ length: kernel * kernel * channels * filters }, () => 0);
  const bias = Array.from({ length: filters }, () => 0);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      for (let f = 0; f < filters; f += 1) {
        const slope = slopes[((example * height + y) * width + x) * filters + f] ?? Number.NaN;
        bias[f] = (bias[f] ?? 0) + slope;
        for (let at = 0; at < kernel * kernel * channels; at += 1) {
          const [c, j, i] = [at % channels, Math.floor(at / channels) % kernel, Math.floor(at / channels / kernel)];
          const [row, column] = [y + i - before, x + j - before];
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const seen = entered[((example * height + row) * width + column) * channels + c] ?? Number.NaN;
          weight[at * filters + f] = (weight[at * filters + f] ?? 0) + seen * slope;
        }
      }
  return { weight, bias };
}

describe('a convolution’s gradients', () => {
  it('are their definition’s, example by example', () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const pass = passOf(size);
        const { weight, bias } = convolutionGradients(pass);
        for (let example = 0; example < size.examples; example += 1) {
          const expected = byDefinition(pass, example);
          const part = (all: Float32Array, length: number): number[] => [
            ...all.subarray(example * length, (example + 1) * length),
          ];
          // Quarters of small whole numbers: both sums are exact.
          expect(part(weight, expected.weight.length).map((value) => value + 0)).toEqual(
            expected.weight.map((value) => value + 0),
          );
          expect(part(bias, expected.bias.length).map((value) => value + 0)).toEqual(
            expected.bias.map((value) => value + 0),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('carry what is no number, so that its example is left out', () => {
    const size = { height: 2, width: 2, channels: 1, filters: 1, kernel: 1, examples: 2, seed: 1 };
    const pass = passOf(size);
    pass.slopes[0] = Number.NaN;
    const { weight, bias } = convolutionGradients(pass);
    expect([Number.isNaN(weight[0]), Number.isNaN(weight[1]), Number.isNaN(bias[0]), Number.isNaN(bias[1])]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
