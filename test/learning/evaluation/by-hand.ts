// The metrics once more, written from their definitions: pair by pair, threshold by threshold.
export interface Row {
  readonly p: number;
  readonly y: number;
}

export function aurocByPairs(rows: readonly Row[]): number | null {
  const positives = rows.filter(({ y }) => y === 1);
  const negatives = rows.filter(({ y }) => y === 0);
  if (positives.length === 0 || negatives.length === 0) return null;
  let sum = 0;
  for (const { p } of positives) for (const { p: q } of negatives) sum += p > q ? 1 : p === q ? 0.5 : 0;
  return sum / (positives.length * negatives.length);
}

/** scikit-learn's `average_precision_score`: precision and recall at every distinct threshold. */
export function averagePrecisionByThresholds(rows: readonly Row[]): number | null {
  const all = rows.filter(({ y }) => y === 1).length;
  if (all === 0 || all === rows.length) return null;
  const thresholds = [...new Set(rows.map(({ p }) => p))].toSorted((a, b) => b - a);
  let area = 0;
  let recall = 0;
  for (const threshold of thresholds) {
    const called = rows.filter(({ p }) => p >= threshold);
    const right = called.filter(({ y }) => y === 1).length;
    area += (right / all - recall) * (right / called.length);
    recall = right / all;
  }
  return area;
}

export function accuracyByHand(rows: readonly Row[]): number {
  return rows.filter(({ p, y }) => (p > 0.5 ? 1 : 0) === y).length / rows.length;
}

export function meanSquare(rows: readonly Row[]): number {
  return rows.reduce((sum, { p, y }) => sum + (p - y) ** 2, 0) / rows.length;
}

export function logLossByHand(rows: readonly Row[]): number {
  const least = 1e-7;
  return (
    rows.reduce((sum, { p, y }) => sum - Math.log(Math.min(1 - least, Math.max(least, y === 1 ? p : 1 - p))), 0) /
    rows.length
  );
}

export function calibrationByHand(rows: readonly Row[]): number {
  let sum = 0;
  for (let bin = 0; bin < 10; bin += 1) {
    const inside = rows.filter(({ p }) => Math.min(9, Math.floor(p * 10)) === bin);
    const mean = (of: (row: Row) => number): number =>
      inside.reduce((total, row) => total + of(row), 0) / inside.length;
    if (inside.length > 0) sum += (inside.length / rows.length) * Math.abs(mean(({ p }) => p) - mean(({ y }) => y));
  }
  return sum;
}

export interface SurvivalRow {
  readonly risk: number;
  readonly time: number;
  readonly event: number;
}

/** Concordant, discordant and tied pairs of one stratum, pair by pair. */
export function pairsByHand(rows: readonly SurvivalRow[]): readonly [number, number, number] {
  let [concordant, discordant, tied] = [0, 0, 0];
  for (const a of rows) {
    for (const b of rows) {
      const isFirst = a.event === 1 && (a.time < b.time || (a.time === b.time && b.event === 0));
      if (a === b || !isFirst) continue;
      if (a.risk > b.risk) concordant += 1;
      else if (a.risk < b.risk) discordant += 1;
      else tied += 1;
    }
  }
  return [concordant, discordant, tied];
}
