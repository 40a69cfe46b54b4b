// When to look again at what was refused: at once where anything changed that it was judged by, else later and later. And what of it is news.

const firstWaitMs = 1000;
const longestWaitMs = 60_000;
/** A hostile board names new sessions without end: what was refused longest ago is forgotten, and looked at like new. */
const mostSubjects = 1024;

interface Failure {
  readonly code: string;
  readonly basis: string;
  readonly waitMs: number;
  /** Milliseconds since the epoch. */
  readonly again: number;
}

/** A subject is whatever is judged as one: a session, a receipt, an order, a delivery, a whole study. In memory: a new process looks at all of it anew. */
export class Retries {
  readonly #failures = new Map<string, Failure>();
  #basis = '';
  #now = 0;

  /** @param basis everything that the next judgements rest on besides the time, as a text that changes with it */
  look({ basis, now }: { readonly basis: string; readonly now: Date }): void {
    this.#basis = basis;
    this.#now = now.getTime();
  }

  isDue(subject: string): boolean {
    const failure = this.#failures.get(subject);
    return failure === undefined || failure.basis !== this.#basis || this.#now >= failure.again;
  }

  /** Waits 1 s after the first refusal, twice as long after each further one on the same basis, 60 s at most. @returns whether `code` is news */
  failed(subject: string, code: string): boolean {
    const last = this.#failures.get(subject);
    const waitMs = last?.basis === this.#basis ? Math.min(longestWaitMs, 2 * last.waitMs) : firstWaitMs;
    this.#failures.delete(subject);
    this.#failures.set(subject, { code, basis: this.#basis, waitMs, again: this.#now + waitMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > mostSubjects && oldest !== undefined) this.#failures.delete(oldest);
    return last?.code !== code;
  }

  passed(subject: string): void {
    this.#failures.delete(subject);
  }
}
