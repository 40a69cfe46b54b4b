// What was measured before, in a file of lines: a run of hours may be interrupted, or done row by row in several processes.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

const lineSchema = z.strictObject({
  row: z.string(),
  seed: z.int(),
  /** What computed it, and SHA-256 of the data: lines of another are not believed. */
  backend: z.string(),
  data: z.string(),
  accuracies: z.array(z.number()),
});
export type Measurement = z.infer<typeof lineSchema>;
type Question = Omit<Measurement, 'accuracies'>;

export class Saved {
  readonly #file: string | null;
  readonly #known: ReadonlyMap<string, readonly number[]>;

  constructor(file: string | null) {
    this.#file = file;
    const lines = file !== null && existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    const known = lines.filter((line) => line !== '').map((line) => lineSchema.parse(JSON.parse(line)));
    this.#known = new Map(known.map((line) => [keyOf(line), line.accuracies]));
  }

  /** As it was measured before, or as `measure` finds it now. */
  async accuracies(question: Question, measure: () => Promise<readonly number[]>): Promise<readonly number[]> {
    const before = this.#known.get(keyOf(question));
    if (before !== undefined) return before;
    const accuracies = await measure();
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify({ ...question, accuracies })}\n`);
    return accuracies;
  }
}

function keyOf({ row, seed, backend, data }: Question): string {
  return JSON.stringify([row, seed, backend, data]);
}
