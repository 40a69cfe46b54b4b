// The federated model beside what a site would have had alone, and beside one trained on everybody's rows in one place.
import type { SimulatedSite } from '@wardround/learning/simulation/simulate-study';
import { studyOfOne } from '@wardround/learning/simulation/study-of-one';
import type { Rows, SiteRows } from '@wardround/learning/rounds/site-rows';
import { standardised } from '@wardround/learning/statistics/standardise';
import type { SimulationJob } from './run-simulation.ts';
import { type Score, scorePooled, scoreSite, type Trained } from './score.ts';

/** Three models on one site's test rows, or on all sites' together (`site` null). */
export interface Comparison {
  readonly site: string | null;
  readonly trainRows: number;
  readonly testRows: number;
  readonly roundsContributed: number | null;
  /** Trained on this site's rows alone, as many steps as the federation; null for all sites together. */
  readonly local: readonly Score[] | null;
  readonly federated: readonly Score[];
  /** Trained on all sites' rows in one place, as many steps; null where baselines were not asked for. */
  readonly pooled: readonly Score[] | null;
}

export interface Federated {
  readonly federated: Trained;
  readonly contributed: ReadonlyMap<string, number>;
}

export async function compareModels(
  job: SimulationJob,
  { federated, contributed }: Federated,
): Promise<readonly Comparison[]> {
  const { sites } = job;
  const pooled = job.baselines ? await trainPooled(job) : null;
  const comparisons: Comparison[] = [];
  for (const site of sites) {
    const local = job.baselines ? await trainAlone(job, site) : null;
    comparisons.push({
      site: site.name,
      trainRows: site.data.train.rows,
      testRows: site.data.test.rows,
      roundsContributed: contributed.get(site.name) ?? 0,
      local: local === null ? null : scoreSite(job, site, local),
      federated: scoreSite(job, site, federated),
      pooled: pooled === null ? null : scoreSite(job, site, pooled),
    });
  }
  const together: Comparison = {
    site: null,
    trainRows: sumOf(sites, ({ data }) => data.train.rows),
    testRows: sumOf(sites, ({ data }) => data.test.rows),
    roundsContributed: null,
    local: null,
    federated: scorePooled({ ...job, trained: federated }),
    pooled: pooled === null ? null : scorePooled({ ...job, trained: pooled }),
  };
  return [...comparisons, together];
}

/** All rows in one place. What a site standardises by its own rows is standardised before, as the federation sees it. */
async function trainPooled(job: SimulationJob): Promise<Trained> {
  const { plan } = job;
  if (plan.cohort.standardise !== 'perSite') return await trainAlone(job, pooledSite(job.sites));
  const sites = job.sites.map((site) => ({ ...site, data: standardised(plan, [], site.data) }));
  const standing = { ...plan, cohort: { ...plan.cohort, standardise: 'none' } } as const;
  return { ...(await trainAlone({ ...job, plan: standing }, pooledSite(sites))), plan };
}

async function trainAlone(
  { backend, plan, initialModel, onBaseline }: SimulationJob,
  site: SimulatedSite,
): Promise<Trained> {
  onBaseline(site.name);
  const alone = await studyOfOne({
    backend,
    plan,
    site: site.name,
    data: site.data,
    ...(initialModel === null ? {} : { initialModel }),
  });
  return { ...alone, kept: new Map() };
}

/** All rows in one place, one site after the other. */
function pooledSite(sites: readonly SimulatedSite[]): SimulatedSite {
  return {
    name: 'pooled',
    weight: sumOf(sites, ({ weight }) => weight),
    data: pooledRows(sites.map(({ data }) => data)),
  };
}

function pooledRows(data: readonly SiteRows[]): SiteRows {
  const [first] = data;
  const cells = new Float64Array(first?.missing.cells.length ?? 0);
  for (const { missing } of data) missing.cells.forEach((count, i) => (cells[i] = (cells[i] ?? 0) + count));
  return {
    train: concatenated(data.map(({ train }) => train)),
    test: concatenated(data.map(({ test }) => test)),
    missing: { cells, droppedRows: sumOf(data, ({ missing }) => missing.droppedRows) },
  };
}

function concatenated(parts: readonly Rows[]): Rows {
  const rows = sumOf(parts, (part) => part.rows);
  const width = parts.reduce((most, part) => (part.rows === 0 ? most : part.features.length / part.rows), 0);
  const bytes = parts.every(({ features }) => features instanceof Uint8Array);
  const features = bytes ? new Uint8Array(rows * width) : new Float64Array(rows * width);
  const labels = new Float64Array(rows);
  const events = parts.some((part) => part.events !== undefined) ? new Float64Array(rows) : undefined;
  let at = 0;
  for (const part of parts) {
    features.set(part.features, at * width);
    labels.set(part.labels, at);
    events?.set(part.events ?? [], at);
    at += part.rows;
  }
  return { rows, features, labels, ...(events === undefined ? {} : { events }) };
}

function sumOf<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0);
}
