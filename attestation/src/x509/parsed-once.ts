// What was parsed from the same bytes before: chains repeat in every appraisal, and parsing costs more than verifying. No verdict is kept here.

/**
 * Keeps the results of the last `limit` different keys. A key must name the input entirely (a digest over all of it), and results must be
 * immutable. A parser that throws leaves nothing behind, so that hostile input is parsed, and refused, each time.
 */
export class ParsedOnce<Value> {
  readonly #limit: number;
  readonly #kept = new Map<string, Value>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string, parse: () => Value): Value {
    const known = this.#kept.get(key);
    const value = known ?? parse();
    // Last used is last in the map: the first is the one to forget.
    this.#kept.delete(key);
    this.#kept.set(key, value);
    if (this.#kept.size > this.#limit) this.#forgetFirst();
    return value;
  }

  #forgetFirst(): void {
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key);
      return;
    }
  }
}
