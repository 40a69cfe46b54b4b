// Hardware that answers one question at a time: callers wait for each other.

/** Runs what it is given one after another, in the order of the calls; a failure concerns its own caller only. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return await mine;
  };
}
