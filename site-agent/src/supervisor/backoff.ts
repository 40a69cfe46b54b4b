// How long to wait before starting again what died: longer each time it dies soon, from the beginning once it lived a while.

export interface Backoff {
  /** Milliseconds to wait after a run that lasted so long. */
  next(livedMilliseconds: number): number;
}

const first = 500;
const longest = 60_000;
const livedWell = 60_000;

export function createBackoff(): Backoff {
  let wait = first;
  return {
    next: (lived) => {
      if (lived >= livedWell) wait = first;
      const now = wait;
      wait = Math.min(longest, wait * 2);
      return now;
    },
  };
}
