// `--batch-order FILE.json`: which rows each step of each site sees, in the place of the plan's seeded order.
import { z } from 'zod';
import { explicitBatches } from '@wardround/learning/batches';
import type { Simulation } from '@wardround/learning/simulation/simulate-study';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { readText } from '../yaml-file.ts';

const rowsSchema = z.array(z.int().min(0));
const orderSchema = z.union([z.record(z.string(), rowsSchema), z.array(rowsSchema)]);

/** Row positions among the site's training rows in file order, consumed across rounds; a batch never crosses the end of an epoch. */
export type BatchOrder = ReadonlyMap<string, readonly number[]>;

/**
 * `{"SITE": [row, ...]}`, or a list in the roster's order.
 *
 * @param roster as the plan writes it @throws WardroundError `file-unreadable`, `batch-order`
 */
export async function readBatchOrder(path: string, roster: readonly string[]): Promise<BatchOrder> {
  const parsed = orderSchema.safeParse(parsedJson(await readText(path), path));
  if (!parsed.success)
    throw refused(path, '{"SITE": [row indices...]}, or a list of such lists in roster order', 'something else');
  const order = parsed.data;
  if (!Array.isArray(order)) {
    const stranger = Object.keys(order).find((name) => !roster.includes(name));
    if (stranger !== undefined) throw refused(path, `sites of the roster: ${roster.join(', ')}`, stranger);
    return new Map(Object.entries(order));
  }
  if (order.length !== roster.length) throw refused(path, `${roster.length} lists, one a site`, `${order.length}`);
  return new Map(roster.map((name, i) => [name, order[i] ?? []]));
}

/** For `simulateStudy`. A site that the file does not name trains in the plan's order. */
export function batchesOf(order: BatchOrder, plan: StudyPlan): NonNullable<Simulation['batches']> {
  return ({ name, data }, round) => {
    const rows = order.get(name);
    const { training } = plan;
    if (rows === undefined || training.method !== 'gradientDescent') return undefined;
    const { batchSize, steps } = training;
    return explicitBatches({ order: rows, rows: data.train.rows, batchSize, steps, round });
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
