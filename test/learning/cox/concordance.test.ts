// Harrell's C beside every pair looked at: ties in time, in risk, in both, and sums over sites.
import { describe, expect, it } from 'vitest';
import { type ConcordanceCounts, type SurvivalAnswers, cIndex, concordance } from '@wardround/learning/cox/concordance';
import { survivors } from './invented.ts';

function everyPair({ risks, labels, events }: SurvivalAnswers): ConcordanceCounts {
  const counts = { concordant: 0, discordant: 0, tied: 0 };
  for (const [i, risk] of risks.entries()) {
    for (const [j, other] of risks.entries()) {
      const earlier = (labels[i] ?? 0) < (labels[j] ?? 0) || (labels[i] === labels[j] && events[j] !== 1);
      if (i === j || events[i] !== 1 || !earlier) continue;
      counts[risk > other ? 'concordant' : risk < other ? 'discordant' : 'tied'] += 1;
    }
  }
  return counts;
}

const answersOf = (seed: number, times: number, risks: number): SurvivalAnswers => {
  const data = survivors(seed, { rows: 70, columns: 1, times, events: 0.6 });
  return { ...data, risks: Float64Array.from(data.features, (value) => Math.floor(value * risks)) };
};

describe('concordance', () => {
  it.each([
    ['no ties', 1e6, 1e6],
    ['ties in time', 5, 1e6],
    ['ties in risk', 1e6, 3],
    ['both', 4, 2],
    ['one time and one risk', 1, 1],
  ])('counts as every pair does, %s', (_, times, risks) => {
    for (const seed of [1, 2, 3, 4]) {
      const answers = answersOf(seed, times, risks);
      expect(concordance(answers)).toEqual(everyPair(answers));
    }
  });

  it('is 1, 0 and ½ for perfect, reversed and blind predictions', () => {
    const labels = Float64Array.of(1, 2, 3, 4);
    const events = Float64Array.of(1, 1, 1, 0);
    const indexOf = (...risks: number[]): number | null =>
      cIndex(concordance({ labels, events, risks: Float64Array.from(risks) }));
    expect(indexOf(4, 3, 2, 1)).toBe(1);
    expect(indexOf(1, 2, 3, 4)).toBe(0);
    expect(indexOf(7, 7, 7, 7)).toBe(0.5);
    expect(indexOf(0, -0, 0, -0)).toBe(0.5);
  });

  it('is not defined without a pair that can be compared', () => {
    const none = { concordant: 0, discordant: 0, tied: 0 };
    expect(
      concordance({ labels: new Float64Array(0), events: new Float64Array(0), risks: new Float64Array(0) }),
    ).toEqual(none);
    expect(
      cIndex(
        concordance({ labels: Float64Array.of(1, 1), events: Float64Array.of(1, 1), risks: Float64Array.of(1, 2) }),
      ),
    ).toBeNull();
    expect(cIndex(none)).toBeNull();
  });

  it.each([
    ['a risk too few', { risks: new Float64Array(69) }],
    ['an event too few', { events: new Float64Array(69) }],
    ['a risk that is no number', { risks: new Float64Array(70).fill(Number.NaN) }],
    ['a time that is infinite', { labels: new Float64Array(70).fill(Number.POSITIVE_INFINITY) }],
  ])('refuses %s', (_, change) => {
    expect(() => concordance({ ...answersOf(1, 5, 5), ...change })).toThrow(
      expect.objectContaining({ code: 'metric-data' }),
    );
  });

  it('takes ten thousand patients', () => {
    const data = survivors(9, { rows: 10_000, columns: 1, times: 500, events: 0.5 });
    const counts = concordance({ ...data, risks: Float64Array.from(data.features) });
    expect(cIndex(counts)).toBeGreaterThan(0.48);
    expect(cIndex(counts)).toBeLessThan(0.52);
  });
});
