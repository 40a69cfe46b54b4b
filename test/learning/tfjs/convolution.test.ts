// Small CNNs on each backend: the gradients (on WASM composed) against sums written out and against plain JS, whole models against
// differences of their loss, two image sizes that train, and what a long training leaves on the backend.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '@wardround/protocol/safetensors';
import { encodeCheckpoint } from '@wardround/learning/checkpoint';
import { initialModel } from '@wardround/learning/initial-model';
import { auroc } from '@wardround/learning/metrics';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import type { BackendName } from '@wardround/learning/tfjs/backend-name';
import { predict } from '@wardround/learning/tfjs/predict';
import { type TrainingJob, trainLocally } from '@wardround/learning/tfjs/train';
import { lossByHand } from '../cnn-by-hand.ts';
import { type CnnModel, cnnModel, cnnPlan, squares } from '../images.ts';
import { sgd } from '../plans.ts';
import { comparedBackends, isTooSlowForPictures, testBackend } from '../test-backend.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await startBackend(testBackend);
});
afterAll(() => startBackend(testBackend));

interface Case {
  readonly examples: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: number;
}
const cases: readonly Case[] = [
  { examples: 1, height: 1, width: 1, channels: 1, filters: 1, kernel: 1 },
  { examples: 2, height: 5, width: 4, channels: 3, filters: 2, kernel: 3 },
  { examples: 3, height: 4, width: 7, channels: 2, filters: 5, kernel: 2 },
  { examples: 2, height: 6, width: 6, channels: 1, filters: 3, kernel: 4 },
  { examples: 2, height: 3, width: 3, channels: 2, filters: 2, kernel: 5 },
];

/** Small whole numbers: every sum is exact in float32, so that backends and the sums written out must agree to the bit. */
const whole = (length: number, factor: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => ((i * factor) % 7) - 3);

describe('the gradient of a filter', () => {
  it.each(cases)('is exact for %j', async (sizes) => {
    const expected = [...filterGradientByHand(sizes)];
    for (const name of comparedBackends) expect([...(await filterGradientOn(name, sizes))], name).toEqual(expected);
  });

  it('leaves nothing behind', async () => {
    const { tf } = await startBackend(testBackend);
    const before = tf.memory().numTensors;
    await filterGradientOn(testBackend, { examples: 2, height: 5, width: 4, channels: 3, filters: 2, kernel: 3 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

async function filterGradientOn(name: BackendName, sizes: Case): Promise<Float32Array> {
  const { tf } = await startBackend(name);
  const { examples, height, width, channels, filters, kernel } = sizes;
  return tf.tidy(() => {
    const image = tf.tensor4d(whole(examples * height * width * channels, 5), [examples, height, width, channels]);
    const slope = tf.tensor4d(whole(examples * height * width * filters, 3), [examples, height, width, filters]);
    const gradient = tf.grad((flat) =>
      image
        .conv2d(flat.as4D(kernel, kernel, channels, filters), 1, 'same')
        .mul(slope)
        .sum(),
    );
    return Float32Array.from(gradient(tf.zeros([kernel * kernel * channels * filters])).dataSync());
  });
}

function filterGradientByHand({ examples, height, width, channels, filters, kernel }: Case): Float64Array {
  const image = whole(examples * height * width * channels, 5);
  const slope = whole(examples * height * width * filters, 3);
  const before = Math.floor((kernel - 1) / 2);
  const gradient = new Float64Array(kernel * kernel * channels * filters);
  gradient.forEach((_, at) => {
    const [f, c, j, i] = [
      at % filters,
      Math.floor(at / filters) % channels,
      Math.floor(at / filters / channels) % kernel,
      Math.floor(at / filters / channels / kernel),
    ];
    for (let n = 0; n < examples; n += 1) {
      for (let p = 0; p < height; p += 1) {
        for (let q = 0; q < width; q += 1) {
          const [y, x] = [p + i - before, q + j - before];
          if (y < 0 || y >= height || x < 0 || x >= width) continue;
          const value = image[((n * height + y) * width + x) * channels + c] ?? Number.NaN;
          gradient[at] =
            (gradient[at] ?? 0) + value * (slope[((n * height + p) * width + q) * filters + f] ?? Number.NaN);
        }
      }
    }
  });
  return gradient;
}

describe('the gradient of a pool', () => {
  // Different values in every window: 3 × 2 windows of two channels, the last row and column of the image left out.
  const values = Float32Array.from({ length: 2 * 7 * 5 * 2 }, (_, i) => (i * 37) % 211);
  it.each([
    ['above 0', 1],
    ['on both sides of 0', -105],
    ['below 0', -1000],
  ] as const)('goes to the largest of each window, values %s', async (_, shift) => {
    const image = values.map((value) => value + shift);
    const expected = [...poolGradientByHand(image)];
    expect(expected.filter((value) => value !== 0)).toHaveLength(2 * 3 * 2 * 2);
    for (const name of comparedBackends) expect([...(await poolGradientOn(name, image))], name).toEqual(expected);
  });

  it('goes to one value of a window in which all are equal', async () => {
    for (const level of [-3, 0, 3]) {
      const gradient = await poolGradientOn(
        testBackend,
        values.map(() => level),
      );
      expect(gradient.filter((value) => value !== 0)).toHaveLength(2 * 3 * 2 * 2);
    }
  });

  it('leaves nothing behind, also when the backend is started again', async () => {
    const { tf } = await startBackend(testBackend);
    const before = tf.memory().numTensors;
    await poolGradientOn(testBackend, values);
    expect(tf.memory().numTensors).toBe(before);
  });
});

const slopeOf = (window: number): number => (window % 5) + 1;

async function poolGradientOn(name: BackendName, image: Float32Array): Promise<Float32Array> {
  const { tf } = await startBackend(name);
  return tf.tidy(() => {
    const slope = tf.tensor4d(
      Float32Array.from({ length: 24 }, (_, i) => slopeOf(i)),
      [2, 3, 2, 2],
    );
    const gradient = tf.grad((x) => x.as4D(2, 7, 5, 2).maxPool(2, 2, 'valid').mul(slope).sum());
    return Float32Array.from(gradient(tf.tensor4d(Float32Array.from(image), [2, 7, 5, 2])).dataSync());
  });
}

function poolGradientByHand(image: Float32Array): Float32Array {
  const gradient = new Float32Array(image.length);
  for (let window = 0; window < 24; window += 1) {
    const [c, q, p, n] = [window % 2, Math.floor(window / 2) % 2, Math.floor(window / 4) % 3, Math.floor(window / 12)];
    const places = [0, 1, 5, 6].map((step) => ((n * 7 + 2 * p) * 5 + 2 * q + step) * 2 + c);
    const largest = places.toSorted((a, b) => (image[b] ?? 0) - (image[a] ?? 0))[0] ?? 0;
    gradient[largest] = slopeOf(window);
  }
  return gradient;
}

const learningRate = 0.1;
const job = (model: Partial<CnnModel>, overrides: Partial<TrainingJob> = {}): TrainingJob => {
  const plan = cnnPlan(model, { training: { ...sgd, steps: 1, batchSize: 4 } });
  return {
    backend,
    plan,
    model: initialModel(plan),
    data: squares({ image: { height: 8, width: 8, channels: 1, ...model.image } }, 4),
    site: 'va',
    round: 1,
    ...overrides,
  };
};
const numbersOf = (model: readonly Tensor[]): number[] => model.flatMap((tensor) => Array.from(tensor.data, Number));

describe('a step of a CNN', () => {
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });

  const small: readonly (readonly [string, Partial<CnnModel>])[] = [
    ['one layer, tanh', { activation: 'tanh' }],
    ['two layers, even kernel, hidden', { activation: 'sigmoid', filters: [2, 3], kernel: 2, hidden: [3] }],
    ['colours, an odd edge, ReLU', { image: { height: 9, width: 8, channels: 3 }, hidden: [4] }],
    ['three layers to one pixel', { activation: 'tanh', filters: [2, 2, 3], kernel: 5 }],
  ];
  it.each(small)('follows the differences of its loss in float64: %s', async (_, overrides) => {
    const parts = job(overrides);
    const model = { ...cnnModel, ...overrides };
    // Different bytes: where two values of a window are equal, the loss has no one slope.
    const features = Uint8Array.from(parts.data.features, (_unused, i) => (i * 89 + i * i * 7) % 251);
    const data = { ...parts.data, features };
    const trained = await trainLocally({ ...parts, data });
    const start = parts.model.map((tensor) => Array.from(tensor.data, Number));
    expect(trained.loss).toBeCloseTo(lossByHand(model, start, data), 6);
    trained.model.forEach(({ name, data: stepped }, tensor) => {
      stepped.forEach((value, at) => {
        const moved = (change: number): number =>
          lossByHand(
            model,
            start.map((values, i) => (i === tensor ? values.with(at, (values[at] ?? 0) + change) : values)),
            data,
          );
        const slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        const gradient = ((start[tensor]?.[at] ?? Number.NaN) - value) / learningRate;
        expect(gradient, `${name}[${at}]`).toBeCloseTo(slope, 5);
      });
    });
  });

  it(`is the same on ${testBackend} and on plain JS`, async () => {
    const parts = job({ filters: [3, 2], hidden: [4] });
    const here = numbersOf((await trainLocally(parts)).model);
    const cpu = numbersOf((await trainLocally({ ...parts, backend: await startBackend('cpu') })).model);
    backend = await startBackend(testBackend);
    cpu.forEach((value, i) => expect(here[i]).toBeCloseTo(value, 5));
  });

  it('sees bytes as 0 to 1', async () => {
    const parts = job({});
    const { features, labels } = parts.data;
    const scaled = { rows: 4, labels, features: Float32Array.from(features, (value) => value / 255) };
    const bytes = (await trainLocally(parts)).model;
    expect((await trainLocally({ ...parts, data: scaled })).model).toEqual(bytes);
    const answers = predict({ backend, plan: parts.plan, model: bytes, features });
    expect(predict({ backend, plan: parts.plan, model: bytes, features: scaled.features })).toEqual(answers);
  });
});

describe('training', () => {
  it.skipIf(isTooSlowForPictures).each([
    { height: 28, width: 28, channels: 1 },
    { height: 64, width: 64, channels: 1 },
  ])('finds squares in images of $height × $width', { timeout: 120_000 }, async (image) => {
    const optimizer = {
      name: 'adam',
      learningRate: '0.01',
      beta1: '0.9',
      beta2: '0.999',
      epsilon: '0.00000001',
    } as const;
    const plan = cnnPlan({ image, filters: [4, 8] }, { training: { ...sgd, optimizer, steps: 40, batchSize: 16 } });
    const trained = await trainLocally({ ...job({}), plan, model: initialModel(plan), data: squares({ image }, 64) });
    const fresh = squares({ image }, 40, 2);
    const predictions = predict({ backend, plan, model: trained.model, features: fresh.features });
    expect(auroc({ predictions, labels: Float64Array.from(fresh.labels) })).toBeGreaterThan(0.95);
  });

  it('is the same twice, to the byte', async () => {
    const parts = job({ filters: [2, 2], hidden: [3] });
    const once = async (): Promise<Uint8Array> =>
      encodeCheckpoint({ round: 1, model: (await trainLocally(parts)).model, state: [] });
    expect(await once()).toEqual(await once());
  });

  it(
    'leaves no tensor and no byte after two thousand steps, and holds batches only meanwhile',
    { timeout: 120_000 },
    async () => {
      const steps = 2000;
      const plan = cnnPlan({}, { training: { ...sgd, steps, batchSize: 2 } });
      const { tf } = backend;
      const before = tf.memory();
      const data = squares({ image: { height: 8, width: 8, channels: 1 } }, 4096);
      let most = 0;
      const batches = function* (): Generator<Uint32Array> {
        for (let i = 0; i < steps; i += 1) {
          most = Math.max(most, tf.memory().numBytes - before.numBytes);
          yield Uint32Array.of(i % data.rows, (i * 7) % data.rows);
        }
      };
      await trainLocally({ ...job({}), plan, model: initialModel(plan), data, batches: batches() });
      expect(tf.memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes });
      // Two copies of the model and nothing of the 4096 rows, which are 1 MiB of float32.
      expect(most).toBeLessThan(10_000);
    },
  );
});
