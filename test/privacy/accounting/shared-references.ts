// Reference epsilons of other accountants, read from beside the repository; tests that need them say loudly when they are not there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const folder = join(
  process.env['WARDROUND_SHARED_DIR'] ?? join(import.meta.dirname, '../../../../shared'),
  'data/dp-accounting',
);

export const haveReferences = existsSync(folder);
if (!haveReferences) console.warn(`SKIPPED: the reference epsilons of the accountants are not at ${folder}`);

/** The rows of a CSV file of numbers, by column; an empty field is NaN. */
export function referenceRows(name: string): readonly Readonly<Record<string, number>>[] {
  const [head = '', ...lines] = readFileSync(join(folder, name), 'utf8').trim().split('\n');
  const columns = head.trim().split(',');
  return lines.map((line) => {
    const fields = line.trim().split(',');
    return Object.fromEntries(
      columns.map((column, k) => [column, fields[k] === '' ? Number.NaN : Number(fields[k])] as const),
    );
  });
}

const number = z.union([z.number(), z.literal('Infinity').transform(() => Number.POSITIVE_INFINITY)]);

const perOrderSchema = z.array(
  z.object({ noise_multiplier: z.number(), sampling_rate: z.number(), orders: z.array(number), rdp: z.array(number) }),
);

export function perOrderReferences(): z.infer<typeof perOrderSchema> {
  return perOrderSchema.parse(JSON.parse(readFileSync(join(folder, 'rdp_per_order_golden.json'), 'utf8')));
}

const tupleSchema = z.object({
  accountant: z.string(),
  source: z.string(),
  event: z.string().optional(),
  noise_multiplier: z.number().optional(),
  effective_noise_multiplier: z.number().optional(),
  sampling_rate: z.number().optional(),
  steps: z.number().optional(),
  epochs: z.number().optional(),
  n: z.number().optional(),
  batch: z.number().optional(),
  delta: z.number().optional(),
  epsilon: z.number().optional(),
  target_epsilon: z.number().optional(),
  epsilon_range: z.array(z.number()).optional(),
  epsilon_less_than: z.number().optional(),
  epsilon_poisson: z.number().optional(),
  epsilon_each_example_once_per_epoch: z.number().optional(),
  rdp_constant: z.number().optional(),
  orders: z.union([z.string(), z.array(number)]).optional(),
  rdp: z.array(number).optional(),
  rtol: z.number().optional(),
  tol: z.number().optional(),
  tol_places: z.number().optional(),
  best_order: z.number().optional(),
});
export type Tuple = z.infer<typeof tupleSchema>;

export function upstreamTuples(): readonly Tuple[] {
  return z.array(tupleSchema).parse(JSON.parse(readFileSync(join(folder, 'upstream_reference_tuples.json'), 'utf8')));
}
