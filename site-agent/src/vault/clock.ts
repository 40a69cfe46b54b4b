// The vault's clock: never back, through restarts too. A clock that ran back would take expired and revoked things for good.
import { WardroundError } from '@wardround/protocol/errors';

/** Where the latest time is remembered. */
export interface ClockMemory {
  meta(key: string): string | null;
  setMeta(key: string, value: string): void;
}

const key = 'clock';
/** A network time client may correct by a little; more is an accident or an attack. */
const toleranceMs = 10 * 60 * 1000;
/** The latest time is written again after so long, so that a busy vault does not write at every look. */
const writeEveryMs = 60 * 1000;

export class VaultClock {
  readonly #memory: ClockMemory;
  readonly #system: () => Date;
  #latest: number;
  #written: number;

  constructor(memory: ClockMemory, system: () => Date) {
    this.#memory = memory;
    this.#system = system;
    this.#written = Date.parse(memory.meta(key) ?? '1970-01-01T00:00:00.000Z');
    this.#latest = this.#written;
  }

  /** @throws WardroundError `clock-ran-back` when the system's clock is more than ten minutes before a time that it showed earlier */
  now(): Date {
    const system = this.#system().getTime();
    if (!(system >= this.#latest - toleranceMs)) {
      throw new WardroundError('clock-ran-back', "the machine's clock shows a time that has long passed", {
        expected: `${new Date(this.#latest).toISOString()} or later`,
        got: Number.isNaN(system) ? 'no time' : new Date(system).toISOString(),
      });
    }
    this.#latest = Math.max(this.#latest, system);
    if (this.#latest - this.#written >= writeEveryMs) {
      this.#memory.setMeta(key, new Date(this.#latest).toISOString());
      this.#written = this.#latest;
    }
    return new Date(this.#latest);
  }
}
