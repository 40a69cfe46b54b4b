// PneumoniaMNIST as sites hold it: the training pictures dealt out, the test pictures held back; read and encoded by the code that a site runs.
import { join } from 'node:path';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { checkCohort } from '@wardround/datasets/contract';
import { type EncodedRows, encodeSiteRows } from '@wardround/datasets/encode';
import { type Partition, partitionRows, rowsAt } from '@wardround/datasets/partition';
import { readSource } from '@wardround/datasets/source';
import type { Table } from '@wardround/datasets/table';
import type { SimulatedSite } from '@wardround/learning/simulation/simulate-study';

export interface XraySites {
  readonly sites: readonly SimulatedSite[];
  /** Pictures that no site has. */
  readonly test: EncodedRows;
}

export interface XrayJob {
  readonly plan: StudyPlan;
  /** The folder of `train_images.u8` and its siblings. */
  readonly directory: string;
  readonly partition: Partition;
  readonly seed: number;
}

/** @throws WardroundError `images-*`, and as `checkCohort` */
export async function readXraySites({ plan, directory, partition, seed }: XrayJob): Promise<XraySites> {
  const train = await readHalf(directory, 'train');
  const names = plan.sites.roster.map(({ name }) => name);
  const classes = train.columns[0]?.values.map(String) ?? [];
  const dealt = partitionRows({ partition, sites: names, classes, seed });
  const sites = names.map((name, i) => {
    const data = encodeSiteRows(checkCohort(rowsAt(train, dealt[i] ?? []), plan.cohort));
    return { name, data, weight: data.train.rows };
  });
  return { sites, test: await readTest(plan.cohort, directory) };
}

async function readTest(cohort: Cohort, directory: string): Promise<EncodedRows> {
  return encodeSiteRows(checkCohort(await readHalf(directory, 'test'), cohort)).train;
}

async function readHalf(directory: string, half: 'train' | 'test'): Promise<Table> {
  return readSource({
    kind: 'rawImages',
    images: join(directory, `${half}_images.u8`),
    labels: join(directory, `${half}_labels.u8`),
    label: 'pneumonia',
    height: 28,
    width: 28,
    channels: 1,
  });
}
