// The baseline hazard of a site's own patients under given coefficients: it lists their event times, so it stays at the site.
import { type SurvivalRows, type Ties, groupsByTime, tiedShares } from './partial-likelihood.ts';

/** Steps at the times of events, ascending: H₀(t) is the value at the last time that is at most t, and 0 before the first. */
export interface BaselineHazard {
  readonly times: Float64Array;
  readonly cumulative: Float64Array;
}

/**
 * The cumulative baseline hazard for a patient whose columns are all 0: at each event time Σ 1 / Σ exp(risk) over the risk set (Breslow), or
 * with the tied patients leaving one after the other (Efron).
 *
 * Source: Breslow's discussion of Cox, JRSS B 34, 1972; ties as in Therneau and Grambsch, "Modeling Survival Data", 2000, section 3.3.
 */
export function baselineHazard(data: SurvivalRows, ties: Ties, risks: Float64Array): BaselineHazard {
  const jumps: { time: number; jump: number }[] = [];
  const weights = risks.map((risk) => Math.exp(risk));
  const sumOf = (rows: readonly number[]): number => rows.reduce((sum, row) => sum + (weights[row] ?? 0), 0);
  let atRisk = 0;
  for (const group of groupsByTime(data, 'latestFirst')) {
    atRisk += sumOf(group);
    const failing = group.filter((row) => data.events[row] === 1);
    if (failing.length === 0) continue;
    const tied = sumOf(failing);
    const jump = tiedShares(failing.length, ties).reduce((sum, share) => sum + 1 / (atRisk - share * tied), 0);
    jumps.push({ time: data.labels[group[0] ?? 0] ?? 0, jump });
  }
  const ascending = jumps.toReversed();
  let total = 0;
  return {
    times: Float64Array.from(ascending, ({ time }) => time),
    cumulative: Float64Array.from(ascending, ({ jump }) => (total += jump)),
  };
}

/** exp(−H₀(time) · exp(risk)): the chance of being without the event after `time`. */
export function survivalAt({ times, cumulative }: BaselineHazard, time: number, risk: number): number {
  const step = times.findLastIndex((each) => each <= time);
  return Math.exp(-(cumulative[step] ?? 0) * Math.exp(risk));
}
