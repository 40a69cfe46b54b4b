// Processor time of the one operation that a row is about, summed over chunks and passes. Not the clock on the wall: others may use the
// machine meanwhile. The kernel counts it in ticks of some milliseconds, so single chunks say nothing, and only long sums are true.

/** Seconds of this thread inside `run` calls only; what prepares a chunk is not counted. */
export class Stopwatch {
  #seconds = 0;

  run<T>(operation: () => T): T {
    const started = process.threadCpuUsage();
    const result = operation();
    const { user, system } = process.threadCpuUsage(started);
    this.#seconds += (user + system) / 1e6;
    return result;
  }

  get seconds(): number {
    return this.#seconds;
  }
}

/** Does the whole load once, counting what it is about on the watch. */
export type Pass = (watch: Stopwatch) => void | Promise<void>;

/** Passes until so many seconds were counted, and their mean. */
export async function meanSeconds(enough: number, pass: Pass): Promise<number> {
  const watch = new Stopwatch();
  let passes = 0;
  while (watch.seconds < enough) {
    await pass(watch);
    passes += 1;
  }
  return watch.seconds / passes;
}
