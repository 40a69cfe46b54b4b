// A bundle that nobody attested can name thirty devices: a site looks at no more of them than its policy wants, and one.
import { expect, it } from 'vitest';
import { appraise, bundleOf, deviceItem, makeComposite, policyOf } from './composite-world.ts';

it('more devices than the policy names cost no more than one of them, and refuse', async () => {
  const world = await makeComposite();
  const [gpu] = world.gpus;
  const devices = Array.from({ length: 31 }, () => deviceItem({ device: gpu }));
  const report = appraise(bundleOf(world, { sort: 'sevSnp', devices }), policyOf(world, 'sevSnp', [gpu]));
  const looked = new Set(report.steps.flatMap(({ name }) => /^gpu-\d+(?=\/)/.exec(name)?.[0] ?? []));
  expect([...looked]).toEqual(['gpu-0', 'gpu-1']);
  expect(report.accepted).toBe(false);
  expect(report.steps.find(({ name }) => name === 'device-count')).toMatchObject({
    status: 'failed',
    code: 'nvidia-device-count',
  });
}, 60_000);
