// What a hospital of the demo sees in its own directory: where its studies stand, and what the federation was worth to it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

const statusSchema = z.looseObject({
  studies: z.array(
    z.looseObject({
      study: z.string(),
      state: z.string(),
      check: z.looseObject({ code: z.string() }).nullable(),
    }),
  ),
});
export type SiteStudy = z.infer<typeof statusSchema>['studies'][number];

const resultsSchema = z.looseObject({
  localAccuracy: z.number().nullable(),
  federatedAccuracy: z.number().nullable(),
  roundsContributed: z.int(),
});
export type SiteResults = z.infer<typeof resultsSchema>;

const pollMilliseconds = 100;

/** Resolves when the hospital's own status says so of this study. */
export async function untilStudy(
  site: string,
  { study, holds, signal }: { study: string; holds: (status: SiteStudy) => boolean; signal: AbortSignal },
): Promise<SiteStudy> {
  for (;;) {
    const found = (await readStudies(site)).find((entry) => entry.study === study);
    if (found !== undefined && holds(found)) return found;
    await sleep(pollMilliseconds, undefined, { signal });
  }
}

/** Empty while there is no status file, or it is being replaced. */
export async function readStudies(site: string): Promise<readonly SiteStudy[]> {
  const parsed = statusSchema.safeParse(await readJson(join(site, 'vault/status.json')));
  return parsed.success ? parsed.data.studies : [];
}

/** The comparison that the vault made at the study's end; waits for it. */
export async function untilResults(site: string, study: string, signal: AbortSignal): Promise<SiteResults> {
  for (;;) {
    const parsed = resultsSchema.safeParse(await readJson(join(site, 'vault/studies', study, 'results.json')));
    if (parsed.success) return parsed.data;
    await sleep(pollMilliseconds, undefined, { signal });
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}
