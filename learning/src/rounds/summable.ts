// Whether a task's sums fit 64 bits whatever the sites send within its limits: proven once, when the task is made, by every party.
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { WardroundError } from '@wardround/protocol/errors';
import { compareNorm } from '@wardround/protocol/fixed-point';
import type { RoundTask, TensorLimit } from './round-task.ts';

/** All weights of a round together stay below 2³² (docs/protocol.md 4.3). */
const maxTotalWeight = 2n ** 32n - 1n;
const maxSum = 2n ** 63n - 1n;

/**
 * @param sites of the plan's roster: so many contributions are added at most
 * @returns the same task
 * @throws WardroundError `task-limits` where a tensor has no limit of its own or its range is none, `task-weighting` for what is weighted by
 * its sender or lives in a ring of masks, `task-overflow` where so many sites could take a sum beyond 64 bits
 */
export function requireSummable(task: RoundTask, sites: number): RoundTask {
  if (task.limits.length !== task.tensors.length) {
    throw new WardroundError('task-limits', 'every tensor of a task has a limit of its own', {
      expected: `${task.tensors.length} limits`,
      got: `${task.limits.length}`,
    });
  }
  task.tensors.forEach((header, i) => {
    const limit = task.limits[i];
    if (limit !== undefined) requireTensor(header, limit, BigInt(sites));
  });
  requireOneStepAGroup(task);
  return task;
}

function requireTensor(header: TensorHeader, limit: TensorLimit, sites: bigint): void {
  const times = header.weighting === 'byEnclave' ? maxTotalWeight : sites;
  if (header.weighting === 'bySender' || header.ring === 'z2pow64') {
    throw new WardroundError('task-weighting', 'this version sums what the enclave weighs, or as it comes', {
      expected: 'byEnclave or none, int32 or int64',
      got: `${header.weighting}, ${header.ring}`,
      where: header.name,
    });
  }
  if (limit.kind === 'range' && (limit.least > limit.most || !holds(header, limit.least) || !holds(header, limit.most)))
    throw new WardroundError('task-limits', 'not a range of its ring', { where: header.name, got: rangeText(limit) });
  if (largest(header, limit) * times > maxSum) {
    throw new WardroundError('task-overflow', 'so many sites could take a sum beyond 64 bits', {
      where: header.name,
      expected: `at most ${maxSum / times} in size`,
      got: limit.kind === 'range' ? rangeText(limit) : `a norm of at most ${limit.bound}`,
    });
  }
}

/** Largest size of an integer within the limit. */
function largest(header: TensorHeader, limit: TensorLimit): bigint {
  if (limit.kind === 'range') return size(limit.least) > size(limit.most) ? size(limit.least) : size(limit.most);
  const ofRing = header.ring === 'int32' ? 2n ** 31n : 2n ** 63n;
  return isWithin(ofRing, limit.bound, header.stepLog2) ? ofRing : integerOf(limit.bound, header.stepLog2, ofRing);
}

/** The largest integer whose size keeps the bound, by bisection: the comparison is exact, a division of decimals would not be. */
function integerOf(bound: string, stepLog2: number, ofRing: bigint): bigint {
  let [within, beyond] = [0n, ofRing];
  while (beyond - within > 1n) {
    const middle = (within + beyond) / 2n;
    if (isWithin(middle, bound, stepLog2)) within = middle;
    else beyond = middle;
  }
  return within;
}

function isWithin(integer: bigint, bound: string, stepLog2: number): boolean {
  return compareNorm(integer * integer, bound, stepLog2) <= 0;
}

/** The enclave adds up the squares of a group's integers as they are, and compares them with one bound. */
function requireOneStepAGroup({ tensors, limits }: RoundTask): void {
  const groups = new Map<string, string>();
  limits.forEach((limit, i) => {
    if (limit.kind !== 'norm') return;
    const terms = `${limit.bound}, 2^${tensors[i]?.stepLog2 ?? 0}`;
    const known = groups.get(limit.group) ?? terms;
    groups.set(limit.group, known);
    if (known === terms) return;
    throw new WardroundError('task-limits', 'one bound and one step for all tensors of a group', {
      where: limit.group,
      expected: known,
      got: terms,
    });
  });
}

function holds({ ring }: TensorHeader, integer: bigint): boolean {
  return BigInt.asIntN(ring === 'int32' ? 32 : 64, integer) === integer;
}

function size(integer: bigint): bigint {
  return integer < 0n ? -integer : integer;
}

function rangeText({ least, most }: Extract<TensorLimit, { kind: 'range' }>): string {
  return `${least} to ${most}`;
}
