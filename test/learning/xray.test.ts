// Real chest X-rays, a few of them: four sites and FedAvg soon tell pneumonia from none. The whole proof is `npm run bench:xray`.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '@wardround/protocol/safetensors';
import { readSource } from '@wardround/datasets/source';
import { initialModel } from '@wardround/learning/initial-model';
import { auroc } from '@wardround/learning/metrics';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { predict } from '@wardround/learning/tfjs/predict';
import { type TrainingRows, trainLocally } from '@wardround/learning/tfjs/train';
import { cnnPlan, imageCohort } from './images.ts';
import { sgd } from './plans.ts';
import { hasShared, sharedPath } from './shared-data.ts';
import { isTooSlowForPictures, testBackend } from './test-backend.ts';

const image = { height: 28, width: 28, channels: 1 };
const optimizer = { name: 'adam', learningRate: '0.004', beta1: '0.9', beta2: '0.999', epsilon: '0.00000001' } as const;
const plan = cnnPlan(
  { image, filters: [4, 8] },
  {
    cohort: { ...imageCohort({ image }), standardise: 'perImage' },
    training: { ...sgd, optimizer, batchSize: 16, steps: 12 },
  },
);

describe.skipIf(isTooSlowForPictures || !hasShared('pneumonia-mnist', 'train_images.u8'))('pneumonia-mnist', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });

  it('is learned by four sites of 256 pictures in four rounds', { timeout: 120_000 }, async () => {
    const sites = await Promise.all([0, 1, 2, 3].map((site) => rowsFrom('train', { rows: 256, first: site })));
    const fresh = await rowsFrom('val', { rows: 262, first: 0 });
    let model: readonly Tensor[] = initialModel(plan);
    for (let round = 1; round <= 4; round += 1) {
      const local: (readonly Tensor[])[] = [];
      for (const [i, data] of sites.entries()) {
        local.push((await trainLocally({ backend, plan, model, data, site: `site-${i}`, round })).model);
      }
      model = meanOf(local);
    }
    const predictions = predict({ backend, plan, model, features: fresh.features });
    expect(auroc({ predictions, labels: Float64Array.from(fresh.labels) })).toBeGreaterThan(0.8);
  });
});

async function rowsFrom(half: string, { rows, first }: { rows: number; first: number }): Promise<TrainingRows> {
  const images = sharedPath('pneumonia-mnist', `${half}_images.u8`);
  const labels = sharedPath('pneumonia-mnist', `${half}_labels.u8`);
  const table = await readSource({ kind: 'rawImages', images, labels, label: 'pneumonia', ...image });
  const pixels = table.images?.pixels ?? new Uint8Array(0);
  const values = table.columns[0]?.values ?? [];
  // The file has all healthy patients first: every so many rows, so that each site has both.
  const stride = Math.floor(values.length / rows);
  const chosen = Uint32Array.from({ length: rows }, (_, i) => i * stride + first);
  return {
    rows,
    features: new Uint8Array(Buffer.concat(Array.from(chosen, (row) => pixels.subarray(row * 784, (row + 1) * 784)))),
    labels: Float64Array.from(chosen, (row) => Number(values[row])),
  };
}

/** Sites of one size weigh alike. */
function meanOf(models: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first = []] = models;
  return first.map(({ name, shape, data }, tensor) => ({
    name,
    shape,
    dtype: 'F32',
    data: Float32Array.from({ length: data.length }, (_, i) =>
      models.reduce((sum, model) => sum + Number(model[tensor]?.data[i]) / models.length, 0),
    ),
  }));
}
