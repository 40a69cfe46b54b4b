// Every strategy beside a float64 computation written from its paper: several rounds through real local training, real integers and real
// state at the sites, on data where sites differ in size and in what is true there.
import { beforeAll, describe, expect, it } from 'vitest';
import { batchesOfRound } from '@wardround/learning/batches';
import type { Rows } from '@wardround/learning/rounds/site-rows';
import { withPersonal } from '@wardround/learning/strategies/personal-layers';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import type { Tensor } from '@wardround/protocol/safetensors';
import { cohortOf, sgd, sitesOf } from '../plans.ts';
import { studyPlanOf } from '../study-plan.ts';
import { inputs, siteRows } from './cohorts.ts';
import { runFederation } from './federation.ts';
import { type Vector, combine, gradient, localSgd, mean, minus, plus, times } from './plain-training.ts';
import { testBackend } from '../test-backend.ts';

const sizes = [12, 40, 7, 25, 18];
const rows = sizes.map((size, i) => siteRows(i, size));
const total = sizes.reduce((sum, size) => sum + size, 0);
const learningRate = 0.1;
const rounds = 6;

function planFor(strategy: StudyPlan['strategy'], overrides: Partial<StudyPlan> = {}): StudyPlan {
  return studyPlanOf({
    cohort: cohortOf(inputs),
    strategy,
    rounds,
    sites: sitesOf(sizes.length, 3),
    evaluation: { metrics: [], minimumCell: 10, everyRounds: 0, perSiteAtEnd: false },
    training: { ...sgd, batchSize: 5, steps: 7 },
    ...overrides,
  });
}

/** The batches that site `i` sees in a round of so many steps. */
const batches = (i: number, round: number, steps = 7): Iterable<Uint32Array> =>
  batchesOfRound({ rows: sizes[i] ?? 0, batchSize: 5, steps, round, seed: sgd.seed, site: `site-${i}` });

/** From the mean update to the move of the model. */
type Server = (delta: Vector) => Vector;

const flat = (model: readonly Tensor[]): Vector => model.flatMap(({ data }) => Array.from(data, Number));
const rowsOf = (i: number): Rows => rows[i] ?? siteRows(0, 1);
const indices = sizes.map((_, i) => i);

function expectClose(got: Vector, want: Vector, tolerance = 1e-5): void {
  expect(got).toHaveLength(want.length);
  expect(Math.max(...got.map((value, j) => Math.abs(value - (want[j] ?? Number.NaN))))).toBeLessThan(tolerance);
}

describe('beside the paper, in float64', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await startBackend(testBackend);
  });

  const adaptive = { serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.01' };
  /** x ← x + 0.1·m/(√v + 0.01) with v as its paper has it. */
  const optimiser = (beta1: number, remember: (v: number, square: number) => number): (() => Server) => {
    return () => {
      const m = [0, 0, 0, 0];
      const v = [0, 0, 0, 0];
      return (delta) =>
        delta.map((d, j) => {
          m[j] = beta1 * (m[j] ?? 0) + (1 - beta1) * d;
          v[j] = remember(v[j] ?? 0, d * d);
          return (0.1 * m[j]) / (Math.sqrt(v[j]) + 0.01);
        });
    };
  };
  const velocity = (): Server => {
    let v: Vector = [0, 0, 0, 0];
    return (delta) => {
      v = plus(times(v, 0.9), delta);
      return times(v, 0.5);
    };
  };
  it.each<[StudyPlan['strategy'], () => Server]>([
    [{ name: 'fedAvg' }, () => (delta) => delta],
    [{ name: 'fedProx', mu: '0.5' }, () => (delta) => delta],
    [{ name: 'fedAvgM', serverLearningRate: '0.5', momentum: '0.9' }, velocity],
    [{ name: 'fedAdam', ...adaptive }, optimiser(0.9, (v, square) => 0.99 * v + 0.01 * square)],
    [{ name: 'fedYogi', ...adaptive }, optimiser(0.9, (v, square) => v - 0.01 * square * Math.sign(v - square))],
    [{ name: 'fedAdagrad', serverLearningRate: '0.1', tau: '0.01' }, optimiser(0, (v, square) => v + square)],
  ])('$0.name: the weighted mean, and what the server makes of it', async (strategy, serverOf) => {
    const ours = await runFederation({ backend, plan: planFor(strategy), rows });
    const mu = strategy.name === 'fedProx' ? Number(strategy.mu) : 0;
    const server = serverOf();
    let x: Vector = [0, 0, 0, 0];
    ours.forEach(({ checkpoint }, r) => {
      const updates = indices.map((i) =>
        minus(localSgd({ start: x, rows: rowsOf(i), batches: batches(i, r + 1), learningRate, mu }), x),
      );
      x = plus(
        x,
        server(
          combine(
            updates,
            sizes.map((size) => size / total),
          ),
        ),
      );
      expectClose(flat(checkpoint.model), x);
    });
  });

  it.each([
    ['everybody, ηg = 1', '1', () => true],
    ['sites that drop out, ηg = 0.5', '0.5', (site: number, round: number) => (site + round) % 4 !== 0],
  ])('SCAFFOLD, option II: %s', async (_, serverLearningRate, contributes) => {
    const plan = planFor({ name: 'scaffold', serverLearningRate }, { weighting: 'equal' });
    const ours = await runFederation({ backend, plan, rows, contributes });
    let x: Vector = [0, 0, 0, 0];
    let c: Vector = x;
    const own: Vector[] = indices.map(() => x);
    for (let round = 1; round <= rounds; round += 1) {
      const present = indices.filter((i) => contributes(i, round));
      const moves = present.map((i) => {
        const ci = own[i] ?? [];
        const y = localSgd({
          start: x,
          rows: rowsOf(i),
          batches: batches(i, round),
          learningRate,
          correction: minus(c, ci),
        });
        const next = plus(minus(ci, c), times(minus(x, y), 1 / (7 * learningRate)));
        return { i, deltaY: minus(y, x), deltaC: minus(next, ci), next };
      });
      x = plus(x, times(mean(moves.map(({ deltaY }) => deltaY)), Number(serverLearningRate)));
      c = plus(c, times(mean(moves.map(({ deltaC }) => deltaC)), present.length / sizes.length));
      for (const { i, next } of moves) own[i] = next;
      const { checkpoint, kept } = ours[round - 1] ?? { checkpoint: { model: [], state: [] }, kept: [] };
      expectClose(flat(checkpoint.model), x);
      expectClose(flat(checkpoint.state), c, 1e-4);
      kept.forEach((tensors, i) => {
        expectClose(tensors.length === 0 ? [0, 0, 0, 0] : flat(tensors), own[i] ?? [], 1e-4);
      });
      // The invariant that the paper's update keeps: c is the mean of all cᵢ, whoever was there.
      expectClose(
        flat(checkpoint.state),
        mean(kept.map((tensors) => (tensors.length === 0 ? [0, 0, 0, 0] : flat(tensors)))),
        1e-12,
      );
    }
  });

  it('SCAFFOLD reaches the optimum of all sites together, which FedAvg misses', async () => {
    const l2 = 0.1;
    const strategies = [{ name: 'scaffold', serverLearningRate: '1' }, { name: 'fedAvg' }] as const;
    const all = (i: number): Uint32Array => Uint32Array.from({ length: sizes[i] ?? 0 }, (_, row) => row);
    const decay = (w: Vector): Vector => w.map((value, j) => (j < inputs.length ? l2 * value : 0));
    let optimum: Vector = [0, 0, 0, 0];
    for (let step = 0; step < 400; step += 1) {
      const slopes = indices.map((i) => gradient(optimum, rowsOf(i), all(i)));
      optimum = minus(optimum, plus(mean(slopes), decay(optimum)));
    }
    const distances = await Promise.all(
      strategies.map(async (strategy) => {
        const plan = planFor(strategy, {
          weighting: 'equal',
          model: { kind: 'logisticRegression', l2: String(l2) },
          rounds: 14,
          training: {
            ...sgd,
            batchSize: 40,
            steps: 15,
            optimizer: { name: 'sgd', learningRate: '0.5', momentum: '0' },
          },
        });
        const reached = (await runFederation({ backend, plan, rows })).at(-1);
        return Math.hypot(...minus(flat(reached?.checkpoint.model ?? []), optimum));
      }),
    );
    const [scaffold = 1, fedAvg = 0] = distances;
    expect(scaffold).toBeLessThan(0.05 * fedAvg);
  });

  it.each(['0', '0.9'])('FedNova with momentum %s', async (momentum) => {
    const steps = 6;
    const training = {
      ...sgd,
      batchSize: 5,
      steps,
      optimizer: { name: 'sgd', learningRate: '0.1', momentum },
    } as const;
    const plan = planFor({ name: 'fedNova' }, { training });
    const ours = await runFederation({ backend, plan, rows });
    const rho = Number(momentum);
    const taus = sizes.map((size) => Math.min(steps, Math.ceil(size / 5)));
    expect(new Set(taus).size).toBeGreaterThan(2);
    // Section 4, for SGD with momentum: ‖a‖₁ = [τ − ρ(1 − ρ^τ)/(1 − ρ)] / (1 − ρ).
    const norms = taus.map((tau) => (tau - (rho * (1 - rho ** tau)) / (1 - rho)) / (1 - rho));
    const p = sizes.map((size) => size / total);
    let x: Vector = [0, 0, 0, 0];
    ours.forEach(({ checkpoint, kept }, r) => {
      const directions = indices.map((i) => {
        const order = batches(i, r + 1, taus[i]);
        const y = localSgd({ start: x, rows: rowsOf(i), batches: order, learningRate, momentum: rho });
        return times(minus(y, x), 1 / (norms[i] ?? 1));
      });
      const effective = norms.reduce((sum, norm, i) => sum + norm * (p[i] ?? 0), 0);
      x = plus(x, times(combine(directions, p), effective));
      expectClose(flat(checkpoint.model), x);
      expect(kept.flat()).toEqual([]);
    });
  });

  it('FedNova is FedAvg where all sites make as many steps', async () => {
    const training = { ...sgd, batchSize: 5, steps: 2 };
    const [nova, average] = await Promise.all(
      [{ name: 'fedNova' } as const, { name: 'fedAvg' } as const].map(
        async (strategy) => await runFederation({ backend, plan: planFor(strategy, { training }), rows }),
      ),
    );
    expectClose(flat(nova?.at(-1)?.checkpoint.model ?? []), flat(average?.at(-1)?.checkpoint.model ?? []), 1e-7);
  });

  it('FedBN: the personal tensor of each site, and the mean of the shared one', async () => {
    const plan = planFor({ name: 'fedBn', personal: ['bias'] });
    const contributes = (site: number, round: number): boolean => site !== 1 || round > 2;
    const ours = await runFederation({ backend, plan, rows, contributes });
    let shared: Vector = [0, 0, 0];
    const biases = sizes.map(() => 0);
    ours.forEach(({ checkpoint, kept, contributions }, r) => {
      const present = indices.filter((i) => contributes(i, r + 1));
      const locals = present.map((i) =>
        localSgd({ start: [...shared, biases[i] ?? 0], rows: rowsOf(i), batches: batches(i, r + 1), learningRate }),
      );
      const weights = present.map((i) => sizes[i] ?? 0);
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      shared = combine(
        locals,
        weights.map((weight) => weight / all),
      ).slice(0, 3);
      present.forEach((i, place) => {
        biases[i] = locals[place]?.[3] ?? Number.NaN;
      });
      expectClose(flat(checkpoint.model), [...shared, 0]);
      expect(contributions.map(({ integers }) => integers.map(({ length }) => length))).toEqual(present.map(() => [3]));
      kept.forEach((tensors, i) => {
        expectClose(flat(withPersonal(checkpoint.model, tensors, plan)), [...shared, biases[i] ?? Number.NaN]);
      });
    });
    expect(new Set(biases).size).toBe(sizes.length);
  });

  type Rule = Extract<StudyPlan['strategy'], { name: 'selectingRule' }>['rule'];
  const ascending = (values: Vector): Vector => values.toSorted((a, b) => a - b);
  const average = (values: Vector): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const byCoordinate =
    (rule: (sorted: Vector) => number) =>
    (updates: readonly Vector[]): Vector =>
      (updates[0] ?? []).map((_, j) => rule(ascending(updates.map((update) => update[j] ?? Number.NaN))));
  const median = (sorted: Vector): number => {
    const half = Math.floor(sorted.length / 2);
    const [low = 0, high = 0] = [sorted[half - 1], sorted[half]];
    return sorted.length % 2 === 1 ? high : (low + high) / 2;
  };
  const krum =
    (f: number, m: number) =>
    (updates: readonly Vector[]): Vector => {
      const scores = updates.map((a, i) => {
        const distances = updates.flatMap((b, j) => (i === j ? [] : [Math.hypot(...minus(a, b)) ** 2]));
        return average(ascending(distances).slice(0, updates.length - f - 2));
      });
      const order = indices.slice(0, updates.length).toSorted((i, j) => (scores[i] ?? 0) - (scores[j] ?? 0));
      return mean(order.slice(0, m).map((i) => updates[i] ?? []));
    };
  it.each<[string, Rule, (updates: readonly Vector[]) => Vector, number]>([
    ['the median of five', { kind: 'coordinateMedian' }, byCoordinate(median), 5],
    ['the median of four', { kind: 'coordinateMedian' }, byCoordinate(median), 4],
    ['the trimmed mean', { kind: 'trimmedMean', trim: 1 }, byCoordinate((v) => average(v.slice(1, -1))), 5],
    ['the trimmed mean of two', { kind: 'trimmedMean', trim: 2 }, byCoordinate((v) => average(v.slice(2, -2))), 5],
    ['Krum', { kind: 'multiKrum', select: 1 }, krum(1, 1), 5],
    ['Multi-Krum', { kind: 'multiKrum', select: 3 }, krum(1, 3), 5],
  ])('%s', async (_, rule, apply, sites) => {
    const sitesOfPlan = sitesOf(sites);
    const plan = planFor({ name: 'selectingRule', rule }, { weighting: 'equal', sites: sitesOfPlan });
    const ours = await runFederation({ backend, plan, rows: rows.slice(0, sites) });
    let x: Vector = [0, 0, 0, 0];
    ours.forEach(({ checkpoint }, r) => {
      const updates = indices
        .slice(0, sites)
        .map((i) => minus(localSgd({ start: x, rows: rowsOf(i), batches: batches(i, r + 1), learningRate }), x));
      x = plus(x, apply(updates));
      expectClose(flat(checkpoint.model), x);
    });
  });
});
