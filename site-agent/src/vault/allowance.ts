// How much of what cannot be judged may take a place: so many records, of so many characters together.
import { WardroundError } from '@wardround/protocol/errors';

export interface AllowanceLimits {
  readonly records: number;
  readonly characters: number;
}

export class Allowance {
  readonly #limits: AllowanceLimits;
  readonly #message: string;
  #records = 0;
  #characters = 0;

  constructor(limits: AllowanceLimits, message: string) {
    this.#limits = limits;
    this.#message = message;
  }

  /** @throws WardroundError `record-waiting` where there is no place for one more of that length */
  take(characters: number): void {
    const { records: mostRecords, characters: mostCharacters } = this.#limits;
    const [records, together] = [this.#records + 1, this.#characters + characters];
    if (records > mostRecords || together > mostCharacters) {
      throw new WardroundError('record-waiting', this.#message, {
        expected: `at most ${mostRecords}, of ${mostCharacters} characters`,
        got: `${records}, of ${together} characters`,
      });
    }
    this.#records = records;
    this.#characters = together;
  }

  giveBack(characters: number): void {
    this.#records -= 1;
    this.#characters -= characters;
  }
}
