// A clock that moves only when the test says so, and knows who waits for it.
import type { Clock } from '../../aggregator-enclave/src/enclave/ports.ts';

export class FakeClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  constructor(start = '2026-11-23T09:00:00.000Z') {
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** How many wait now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  async sleep(until: Date | null, signal: AbortSignal): Promise<void> {
    const due = until === null ? Number.POSITIVE_INFINITY : until.getTime();
    if (signal.aborted || due <= this.#now) return;
    await new Promise<void>((resolve) => {
      const sleeper = {
        until: due,
        wake: (): void => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.#now) sleeper.wake();
  }
}
