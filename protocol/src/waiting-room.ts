// Records that cannot be judged yet because what they name is unknown. A hostile board must not fill memory with them, nor have them read
// again and again: each waits for one name.
import { WardroundError } from './errors.ts';

const maxRecords = 10_000;
const maxCharacters = 64 * 1024 * 1024;

export class WaitingRoom {
  readonly #records = new Map<string, Set<string>>();
  #count = 0;
  #characters = 0;

  /** The same one again changes nothing. @throws WardroundError `record-waiting` where there is no place */
  put(jws: string, needed: string): void {
    const others = this.#records.get(needed) ?? new Set();
    if (others.has(jws)) return;
    const [count, characters] = [this.#count + 1, this.#characters + jws.length];
    if (count > maxRecords || characters > maxCharacters) {
      throw new WardroundError('record-waiting', 'too many records name sessions that nobody opened', {
        expected: `at most ${maxRecords}, of ${maxCharacters} characters`,
        got: `${count}, of ${characters} characters`,
      });
    }
    this.#records.set(needed, others.add(jws));
    this.#count = count;
    this.#characters = characters;
  }

  /** All that waited for this, in the order in which they came. */
  takeAll(needed: string): readonly string[] {
    const records = [...(this.#records.get(needed) ?? [])];
    this.#records.delete(needed);
    this.#count -= records.length;
    for (const { length } of records) this.#characters -= length;
    return records;
  }
}
