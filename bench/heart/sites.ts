// The four real hospitals with FLamby's own preprocessing and folds, read and encoded by the same code that a site runs.
import { join } from 'node:path';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { checkCohort } from '@wardround/datasets/contract';
import { csvDefaults, readCsv } from '@wardround/datasets/csv';
import { type EncodedSite, encodeSiteRows } from '@wardround/datasets/encode';
import { bySiteColumn } from '@wardround/datasets/partition';

export interface HeartSite {
  readonly name: string;
  readonly data: EncodedSite;
}

export interface HeartData {
  /** In FLamby's order, which is the file's. */
  readonly sites: readonly HeartSite[];
  /** Everybody's rows in one place. */
  readonly pooled: EncodedSite;
}

export function heartFile(dataDirectory: string): string {
  return join(dataDirectory, 'fed-heart', 'fed_heart_740.csv');
}

/** Every number as the file has it. @throws WardroundError as `readCsv`, `bySiteColumn` and `checkCohort` */
export async function readHeart(file: string, cohort: Cohort): Promise<HeartData> {
  const all = await readCsv(file, csvDefaults);
  const sites = bySiteColumn(all, 'hospital').sites.map(({ name, table }) => ({
    name,
    data: encodeSiteRows(checkCohort(table, cohort)),
  }));
  return { sites, pooled: encodeSiteRows(checkCohort(all, cohort)) };
}
