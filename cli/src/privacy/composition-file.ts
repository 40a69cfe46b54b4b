// A file that lists everything that was, or will be, spent on one population.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { AccountantName, Spending } from '@wardround/privacy/accounting/mechanism';
import type { YamlFile } from '../yaml-file.ts';
import { mechanismFrom, samplingFrom } from './questions.ts';

const mechanismSchema = z.strictObject({
  name: z.string().min(1).max(200),
  noiseMultiplier: z.number(),
  sampling: z.enum(['none', 'poisson', 'fixedSize']),
  samplingRate: z.number().optional(),
  steps: z.int(),
  /** The clip norm in steps of the grid: then the noise is the discrete Gaussian. */
  gridSteps: z.number().optional(),
});

const compositionSchema = z.strictObject({
  delta: z.number(),
  accountant: z.enum(['pld', 'rdp']).optional(),
  adjacency: z.enum(['addOrRemoveOne', 'replaceOne']).optional(),
  mechanisms: z.array(mechanismSchema).min(1).max(256),
});

export interface Composition extends Spending {
  readonly delta: number;
  readonly accountant: AccountantName;
  /** One for each of `uses`. */
  readonly names: readonly string[];
}

/** @throws WardroundError `composition-invalid` with the line, `usage` for a rate that is missing or too many */
export function compositionFrom(file: YamlFile): Composition {
  const parsed = compositionSchema.safeParse(file.value);
  if (!parsed.success) throw invalid(file, parsed.error);
  const { delta, accountant = 'pld', adjacency = 'addOrRemoveOne', mechanisms } = parsed.data;
  return {
    delta,
    accountant,
    adjacency,
    names: mechanisms.map(({ name }) => name),
    uses: mechanisms.map(({ noiseMultiplier, sampling, samplingRate, steps, gridSteps }) => {
      const drawn = samplingFrom(sampling, samplingRate);
      return { mechanism: mechanismFrom({ noiseMultiplier, sampling: drawn, gridSteps }), count: steps };
    }),
  };
}

function invalid(file: YamlFile, { issues }: z.ZodError): WardroundError {
  const [issue] = issues;
  const path = issue?.path.flatMap((part) => (typeof part === 'symbol' ? [] : [part])) ?? [];
  return new WardroundError('composition-invalid', issue?.message ?? 'not a list of mechanisms', {
    where: `${file.path}:${file.lineOf(path)} ${path.join('.')}`,
    expected:
      'delta, mechanisms (name, noiseMultiplier, sampling, samplingRate, steps), and if wanted accountant and adjacency',
  });
}
