// Sums that cannot overflow: the largest range that is let through never wraps, and one more is refused.
import { describe, expect, it } from 'vitest';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { RoundTask, TensorLimit } from '@wardround/learning/rounds/round-task';
import { requireSummable } from '@wardround/learning/rounds/summable';

const header: TensorHeader = { name: 'sums', shape: [2], ring: 'int64', stepLog2: 0, weighting: 'none' };
const range = (least: bigint, most: bigint): TensorLimit => ({ kind: 'range', least, most });
const norm = (bound: string, group = 'all'): TensorLimit => ({ kind: 'norm', group, bound });

function task(tensors: readonly TensorHeader[], limits: readonly TensorLimit[]): RoundTask {
  return {
    tensors,
    limits,
    reads: 'sums',
    next: () => {
      throw new Error('nothing is summed here');
    },
  };
}

const most64 = 2n ** 63n - 1n;
const weights = 2n ** 32n - 1n;

describe('a task whose sums fit', () => {
  it.each<[string, Partial<TensorHeader>, TensorLimit, number]>([
    ['as they come, of 1000 sites', {}, range(-most64 / 1000n, most64 / 1000n), 1000],
    ['as they come, of one site', {}, range(-most64, most64), 1],
    ['weighed', { weighting: 'byEnclave' }, range(-most64 / weights, most64 / weights), 1000],
    ['any int32, weighed', { ring: 'int32', weighting: 'byEnclave' }, range(-(2n ** 31n), 2n ** 31n - 1n), 1000],
    ['int32 of any norm, weighed', { ring: 'int32', weighting: 'byEnclave', stepLog2: -24 }, norm('1000000'), 1000],
    ['int64 of a norm, weighed', { weighting: 'byEnclave', stepLog2: -24 }, norm('128'), 1000],
  ])('is let through: %s', (_, change, limit, sites) => {
    const summable = task([{ ...header, ...change }], [limit]);
    expect(requireSummable(summable, sites)).toBe(summable);
  });
});

describe('a task whose sums might not', () => {
  it.each<[string, string, Partial<TensorHeader>, TensorLimit, number]>([
    ['one more, of 1000 sites', 'task-overflow', {}, range(0n, most64 / 1000n + 1n), 1000],
    ['one less, of 1000 sites', 'task-overflow', {}, range(-most64 / 1000n - 1n, 0n), 1000],
    ['one more, weighed', 'task-overflow', { weighting: 'byEnclave' }, range(0n, most64 / weights + 1n), 2],
    ['the least int64, of one site', 'task-overflow', {}, range(-(2n ** 63n), 0n), 1],
    ['the same norm in a finer step', 'task-overflow', { weighting: 'byEnclave', stepLog2: -25 }, norm('128'), 2],
    ['any norm of int64', 'task-overflow', { stepLog2: -24 }, norm('1000000000000000000'), 2],
    ['a range of nothing', 'task-limits', {}, range(1n, 0n), 2],
    ['a range beyond int32', 'task-limits', { ring: 'int32' }, range(0n, 2n ** 31n), 2],
    ['a range beyond int64', 'task-limits', {}, range(0n, 2n ** 63n), 1],
    ['what its sender weighed', 'task-weighting', { weighting: 'bySender' }, range(0n, 1n), 2],
    ['the ring of masks', 'task-weighting', { ring: 'z2pow64' }, range(0n, 1n), 2],
  ])('is refused: %s (%s)', (_, code, change, limit, sites) => {
    expect(() => requireSummable(task([{ ...header, ...change }], [limit]), sites)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('is refused where a tensor has no limit, or a limit no tensor', () => {
    const noLimit = expect.objectContaining({ code: 'task-limits' });
    expect(() => requireSummable(task([header], []), 2)).toThrow(noLimit);
    expect(() => requireSummable(task([header], [range(0n, 1n), range(0n, 1n)]), 2)).toThrow(noLimit);
  });

  it('is refused where one group of a norm has two steps or two bounds', () => {
    const second = { ...header, name: 'more' };
    const [bound, other] = [norm('1'), norm('2')];
    const noLimit = expect.objectContaining({ code: 'task-limits', where: 'all' });
    expect(() => requireSummable(task([header, second], [bound, other]), 2)).toThrow(noLimit);
    expect(() => requireSummable(task([header, { ...second, stepLog2: -1 }], [bound, bound]), 2)).toThrow(noLimit);
    const apart = task([header, second], [bound, norm('2', 'another')]);
    expect(requireSummable(apart, 2)).toBe(apart);
  });
});
