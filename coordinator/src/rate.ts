// How fast one connection may speak: a bucket that fills evenly and holds one minute's worth.
import { WardroundError } from '@wardround/protocol/errors';

export class Rate {
  readonly #perMinute: number;
  readonly #milliseconds: () => number;
  #left: number;
  #at: number;

  constructor({ perMinute, milliseconds }: { perMinute: number; milliseconds: () => number }) {
    this.#perMinute = perMinute;
    this.#milliseconds = milliseconds;
    this.#left = perMinute;
    this.#at = milliseconds();
  }

  /** @throws WardroundError `publish-rate`, to be tried again a little later */
  take(amount: number): void {
    const now = this.#milliseconds();
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#at) / 60_000) * this.#perMinute);
    this.#at = now;
    if (amount > this.#left) {
      throw new WardroundError('publish-rate', 'too much at once from this connection', {
        expected: `at most ${this.#perMinute} a minute`,
        action: 'retry',
      });
    }
    this.#left -= amount;
  }
}
