// What the demo reads from the answers of the commands it runs: only the fields it needs, each checked.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';

export const coordinatorMade = z.looseObject({ invitation: z.string(), aggregatorToken: z.string() });
export const coordinatorReady = z.looseObject({ listening: z.string() });
export const aggregatorMade = z.looseObject({ vendorRoot: z.string(), measurement: z.string() });
export const aggregatorReady = z.looseObject({ measurement: z.string() });
export const measured = z.looseObject({
  measurement: z.string(),
  bundle: z.string(),
  sourceCommit: z.string().nullable(),
  gpu: z.looseObject({
    vendorRoot: z.string(),
    ueid: z.string(),
    model: z.string(),
    driver: z.string(),
    vbios: z.string(),
  }),
});
export const siteMade = z.looseObject({ vaultIsolation: z.string() });
export const drafted = z.looseObject({ federation: z.string(), fingerprint: z.string() });
export const launched = z.looseObject({ study: z.string() });
export const withResults = z.looseObject({
  results: z.array(z.object({ round: z.int(), task: z.enum(['statistics', 'evaluation']), values: z.json() })),
});
export const approved = z.looseObject({});
export const modelOpened = z.looseObject({ model: z.string(), files: z.array(z.string()) });
export const audited = z.looseObject({
  holds: z.boolean(),
  studies: z.array(
    z.looseObject({
      receiptsVerified: z.int(),
      steps: z.array(z.looseObject({ name: z.string(), status: z.string(), code: z.string().optional() })),
    }),
  ),
});
export const verified = z.looseObject({
  steps: z.array(z.looseObject({ name: z.string(), status: z.string(), code: z.string().optional() })),
});

/** @throws WardroundError `demo-answer` */
export function answer<T>(schema: z.ZodType<T>, document: unknown): T {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WardroundError('demo-answer', 'a command did not answer as it should', {
    where: issue?.path.join('.') ?? '$',
    expected: issue?.message ?? 'its document',
    action: 'stop',
  });
}
