// The host's clock. It decides liveness only: the enclave believes no certificate and no signature by it.
import type { Clock } from '../enclave/ports.ts';

/** Timers of Node hold 31 bits of milliseconds; longer sleeps are cut into pieces. */
const longestTimer = 2 ** 30;

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (until, signal) => {
    const end = until?.getTime() ?? Number.POSITIVE_INFINITY;
    for (let left = end - Date.now(); left > 0 && !aborted(signal); left = end - Date.now()) {
      await pause(Math.min(longestTimer, left), signal);
    }
  },
};

function aborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
