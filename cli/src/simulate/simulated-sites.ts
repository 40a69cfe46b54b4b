// The imagined hospitals of a simulation: whose rows each has, as files give them or as they are invented.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { type EncodedSite, encodeSiteRows } from '@wardround/datasets/encode';
import { hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { syntheticHeartDisease } from '@wardround/datasets/heart-disease/synthetic';
import { readUciHeartDisease } from '@wardround/datasets/heart-disease/uci';
import {
  bySiteColumn,
  imaginedSites,
  type Partition,
  type PartitionedTable,
  partitionRows,
  rowsAt,
  type SiteTable,
} from '@wardround/datasets/partition';
import { syntheticCohort } from '@wardround/datasets/synthetic-cohort';
import { readSource } from '@wardround/datasets/source';
import { findColumn, type Provenance, type Table } from '@wardround/datasets/table';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { describeError, WardroundError } from '@wardround/protocol/errors';

export interface SitesWanted {
  /** The plan's roster, in its order. */
  readonly roster: readonly string[];
  /** A CSV file, a folder with one for each site, or a folder of pictures with an index; null for invented patients. */
  readonly data: string | null;
  readonly siteColumn: string | null;
  /** How many sites to deal the rows to; null for those of the data or the roster. */
  readonly count: number | null;
  readonly partition: Partition;
  /** Of each site's invented cohort. */
  readonly rowsPerSite: number | null;
  readonly seed: number;
}

export interface SimulatedCohorts {
  readonly provenance: Provenance;
  /** In the roster's order where the roster names them, else as the data do. */
  readonly sites: readonly SiteTable[];
  /** What somebody should know of how they came about. */
  readonly notes: readonly string[];
}

/** @throws WardroundError `data-*`, `csv-*`, `partition-column`, `simulation-sites`, `usage` */
export async function readSites(wanted: SitesWanted, cohort: Cohort): Promise<SimulatedCohorts> {
  const { data, siteColumn, count } = wanted;
  if (siteColumn !== null && data === null) throw usage('--site-column needs --data FILE');
  if (siteColumn !== null && count !== null) throw usage('--site-column and --sites both say which sites there are');
  if (data === null) return inventSites(wanted, cohort);
  const table = await readTogether(data, cohort);
  if (table === null) return await readFolder(wanted, { folder: data, cohort });
  if (siteColumn !== null) return inRosterOrder(wanted.roster, bySiteColumn(table, siteColumn));
  return dealOut(wanted, table, cohort);
}

/** The data say which sites there are; those that the roster names have its order. */
function inRosterOrder(roster: readonly string[], { sites, leftOut }: PartitionedTable): SimulatedCohorts {
  const [first] = sites;
  if (first === undefined || sites.length < 2) throw tooFew(sites.length);
  const { provenance } = first.table;
  const homeless =
    leftOut === 0
      ? []
      : [
          `${leftOut} ${leftOut === 1 ? 'row names' : 'rows name'} no site and ${leftOut === 1 ? 'is' : 'are'} left out`,
        ];
  const named = roster.flatMap((name) => sites.filter((site) => site.name === name));
  const others = sites.filter(({ name }) => !roster.includes(name));
  if (named.length === roster.length) {
    const note = `the plan's roster does not name these sites of the file: ${listed(others)}`;
    return { provenance, sites: named, notes: others.length === 0 ? homeless : [...homeless, note] };
  }
  const note = `simulated are the sites of the file, ${listed(sites)}; the plan's roster names ${roster.join(', ')}`;
  return { provenance, sites, notes: [...homeless, note] };
}

function dealOut(wanted: SitesWanted, table: Table, cohort: Cohort): SimulatedCohorts {
  const names = wanted.count === null ? wanted.roster : imaginedSites(wanted.count);
  const { label } = cohort;
  const column = findColumn(table, label.type === 'survival' ? label.event : label.name);
  const values: readonly (string | number | null)[] = column?.values ?? [];
  const classes = Array.from({ length: table.rows }, (_, row) => (label.type === 'number' ? '' : (values[row] ?? '')));
  const rows = partitionRows({ partition: wanted.partition, sites: names, classes, seed: wanted.seed });
  const { partition } = wanted;
  const how = partition.method === 'iid' ? 'evenly' : `by label, Dirichlet ${partition.alpha}`;
  return {
    provenance: table.provenance,
    sites: names.map((name, i) => ({ name, table: rowsAt(table, rows[i] ?? []) })),
    notes: [`${table.rows} rows dealt out to ${names.length} imagined sites ${how}`],
  };
}

/** All sites' rows in one file, or all their pictures in one folder with an index; null where the folder has a part for each site. */
async function readTogether(data: string, { source }: Cohort): Promise<Table | null> {
  if (!(await isDirectory(data))) return await readCsv(data, csvDefaults);
  const hasIndex = source === 'images' && (await exists(join(data, 'index.csv')));
  return hasIndex ? await readSource({ kind: 'images', directory: data }) : null;
}

interface SiteFolder {
  readonly folder: string;
  readonly cohort: Cohort;
}

/** SITE.csv for each site of the roster, or a folder SITE of pictures, or the public heart-disease files for its hospitals. */
async function readFolder({ roster }: SitesWanted, { folder, cohort }: SiteFolder): Promise<SimulatedCohorts> {
  const sites: SiteTable[] = [];
  for (const name of roster) sites.push({ name, table: await readSiteOf(name, { folder, cohort }) });
  return { provenance: sites[0]?.table.provenance ?? 'real', sites, notes: [] };
}

async function readSiteOf(name: string, { folder, cohort }: SiteFolder): Promise<Table> {
  if (cohort.source === 'images') return await readSource({ kind: 'images', directory: join(folder, name) });
  const path = join(folder, `${name}.csv`);
  if (await exists(path)) return await readCsv(path, csvDefaults);
  const hospital = hospitals.find((known) => known === name);
  if (hospital !== undefined) return await readUciHeartDisease(hospital, folder);
  throw new WardroundError('simulation-sites', 'the folder has no file for a site of the roster', {
    where: path,
    expected: 'one CSV file for each site, named as the roster names it',
    got: 'none',
  });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}

function inventSites(wanted: SitesWanted, cohort: Cohort): SimulatedCohorts {
  const { count, roster, seed } = wanted;
  const names = count === null ? roster : imaginedSites(count);
  const published = count === null && wanted.rowsPerSite === null ? publishedHospitals(roster, cohort, seed) : null;
  if (published !== null)
    return {
      provenance: 'synthetic',
      sites: published,
      notes: ['invented patients, after the published facts of the four hospitals'],
    };
  const rows = wanted.rowsPerSite ?? Math.max(200, 2 * cohort.minimumRows);
  return {
    provenance: 'synthetic',
    sites: names.map((name) => ({ name, table: syntheticCohort({ cohort, site: name, rows, seed }) })),
    notes: [`${rows} invented patients at each site, after the plan's cohort contract`],
  };
}

/** The four hospitals' own synthetic cohorts, where roster and contract are theirs. */
function publishedHospitals(roster: readonly string[], cohort: Cohort, seed: number): readonly SiteTable[] | null {
  const sites = roster.flatMap((name) => {
    const hospital = hospitals.find((known) => known === name);
    return hospital === undefined ? [] : [{ name, table: syntheticHeartDisease(hospital, seed) }];
  });
  if (sites.length !== roster.length) return null;
  try {
    for (const { table } of sites) checkCohort(table, cohort);
    return sites;
  } catch {
    return null;
  }
}

export interface NamedSite {
  readonly name: string;
  /** Numbers as the data have them. */
  readonly site: EncodedSite;
}

export interface EncodedSites {
  readonly sites: readonly NamedSite[];
  /** Sites that would not take part, as a real one would not, and why. */
  readonly unfit: readonly { readonly name: string; readonly code: string; readonly message: string }[];
}

/** @throws WardroundError the first site's own refusal where fewer than two are left */
export function encodeSites({ sites }: SimulatedCohorts, cohort: Cohort): EncodedSites {
  const encoded: NamedSite[] = [];
  const unfit: { name: string; code: string; message: string }[] = [];
  let first: unknown = null;
  for (const { name, table } of sites) {
    try {
      encoded.push({ name, site: encodeSiteRows(checkCohort(table, cohort)) });
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      first ??= error;
      const { code, message } = describeError(error);
      unfit.push({ name, code, message });
    }
  }
  if (encoded.length >= 2) return { sites: encoded, unfit };
  throw first ?? tooFew(encoded.length);
}

function listed(sites: readonly SiteTable[]): string {
  const names = sites.map(({ name }) => name);
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}

function tooFew(count: number): WardroundError {
  return new WardroundError('simulation-sites', 'one site is no federation', {
    expected: 'at least two sites',
    got: String(count),
  });
}

function usage(message: string): WardroundError {
  return new WardroundError('usage', message);
}
