// `--batch-order FILE.json`: which rows each step of each site sees, in the place of the plan's seeded order.
import { z } from 'zod';
import { explicitBatches } from '@wardround/learning/batches';
import { localSteps } from '@wardround/learning/strategies/site-part';
import type { Simulation } from '@wardround/learning/simulation/simulate-study';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { readText } from '../yaml-file.ts';

const rowsSchema = z.array(z.int().min(0));
const orderSchema = z.union([z.record(z.string(), rowsSchema), z.array(rowsSchema)]);

/** Row positions among the site's training rows in file order, consumed across rounds; a batch never crosses the end of an epoch. */
export type BatchOrder = ReadonlyMap<string, readonly number[]>;

/**
 * `{"SITE": [row, ...]}`, or a list in the sites' order. Where the data name as many sites as the plan's roster but otherwise, the roster's
 * names are understood too, in their order.
 *
 * @throws WardroundError `file-unreadable`, `batch-order`
 */
export async function readBatchOrder(
  path: string,
  { sites, roster }: { readonly sites: readonly string[]; readonly roster: readonly string[] },
): Promise<BatchOrder> {
  const parsed = orderSchema.safeParse(parsedJson(await readText(path), path));
  if (!parsed.success)
    throw refused(path, '{"SITE": [row indices...]}, or a list of such lists in roster order', 'something else');
  const order = parsed.data;
  if (Array.isArray(order)) {
    if (order.length !== sites.length) throw refused(path, `${sites.length} lists, one a site`, `${order.length}`);
    return new Map(sites.map((name, i) => [name, order[i] ?? []]));
  }
  const names = Object.keys(order);
  const known = names.every((name) => sites.includes(name)) || roster.length !== sites.length ? sites : roster;
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) throw refused(path, `sites of the simulation: ${sites.join(', ')}`, stranger);
  return new Map(
    sites.flatMap((site, i) => {
      const rows = order[known[i] ?? ''];
      return rows === undefined ? [] : [[site, rows]];
    }),
  );
}

/** For `simulateStudy`. A site that the file does not name trains in the plan's order. */
export function batchesOf(order: BatchOrder, plan: StudyPlan): NonNullable<Simulation['batches']> {
  return ({ name, data }, round) => {
    const rows = order.get(name);
    const { training } = plan;
    if (rows === undefined || training.method !== 'gradientDescent') return undefined;
    const { rows: count } = data.train;
    const steps = localSteps(plan, count);
    return explicitBatches({ order: rows, rows: count, batchSize: training.batchSize, steps, round });
  };
}

function parsedJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WardroundError('batch-order', 'not JSON', { where: path, cause });
  }
}

function refused(where: string, expected: string, got: string): WardroundError {
  return new WardroundError('batch-order', 'not an order of rows for these sites', { where, expected, got });
}
