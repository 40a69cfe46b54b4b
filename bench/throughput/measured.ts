// What a process that measures says: samples a second of one case on one engine.
import * as z from 'zod';

const measuredSchema = z.strictObject({
  /** With versions. */
  engine: z.string(),
  id: z.string(),
  /** Samples a second by the clock on the wall, and by processor time of all its threads. */
  byClock: z.number().positive(),
  byProcessor: z.number().positive(),
});
export type Measured = z.infer<typeof measuredSchema>;

/** Lines that are no JSON object are somebody's chatter. */
export function measuredIn(output: string): readonly Measured[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => measuredSchema.parse(JSON.parse(line)));
}

/** For each engine and case the fastest of all passes: what the machine could do when others left it alone. */
export function fastest(passes: readonly Measured[]): readonly Measured[] {
  const best = new Map<string, Measured>();
  for (const one of passes) {
    const key = `${one.engine}\n${one.id}`;
    const before = best.get(key);
    best.set(key, {
      ...one,
      byClock: Math.max(one.byClock, before?.byClock ?? 0),
      byProcessor: Math.max(one.byProcessor, before?.byProcessor ?? 0),
    });
  }
  return [...best.values()];
}
