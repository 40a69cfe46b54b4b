// A sum of doubles that does not lose the small ones: ten million equal values must not look as if they varied.

/** Source: Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54, 1974 (Kahan's, improved). */
export class ExactSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const next = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** The sum of what the function says for 0 … count − 1. */
export function sumOver(count: number, term: (i: number) => number): number {
  const sum = new ExactSum();
  for (let i = 0; i < count; i += 1) sum.add(term(i));
  return sum.value;
}
