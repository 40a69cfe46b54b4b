// How many records each site of the roster may have in one study: a hostile site that signs without end fills no place but its own.
import type { DocumentKind } from './documents/registry.ts';
import type { StudyPlan } from './documents/study-plan.ts';
import { WardroundError } from './errors.ts';
import { lastRound, type ScheduledPlan } from './schedule.ts';

/** Sessions that began anew, statuses, evidence that grew old: none of it is counted by the plan. */
const unplanned = 1000;
/** What one attempt costs a site at most: an answer, a status, and as much again for a session that was begun anew. */
const perAttempt = 4;
const charactersPerRecord = 16 * 1024;

export class SiteBudget {
  readonly #most: number;
  readonly #records = new Map<string, number>();
  readonly #characters = new Map<string, number>();

  constructor(plan: ScheduledPlan & Pick<StudyPlan, 'sites'>) {
    this.#most = unplanned + perAttempt * lastRound(plan) * plan.sites.maxAttempts;
  }

  /** @throws WardroundError `record-flood` where the site has as many of that kind, or as many characters, as any honest one could */
  requirePlace(site: string, kind: DocumentKind, characters: number): void {
    const records = (this.#records.get(`${site} ${kind}`) ?? 0) + 1;
    if (records > this.#most) throw flood(`too many records of one kind by ${site}`, this.#most, records);
    const together = (this.#characters.get(site) ?? 0) + characters;
    const most = this.#most * charactersPerRecord;
    if (together > most) throw flood(`too many characters by ${site}`, most, together);
  }

  /** Counts a record that was verified and kept. */
  take(site: string, kind: DocumentKind, characters: number): void {
    this.#records.set(`${site} ${kind}`, (this.#records.get(`${site} ${kind}`) ?? 0) + 1);
    this.#characters.set(site, (this.#characters.get(site) ?? 0) + characters);
  }
}

function flood(message: string, most: number, got: number): WardroundError {
  return new WardroundError('record-flood', message, { expected: `at most ${most}`, got: String(got) });
}
