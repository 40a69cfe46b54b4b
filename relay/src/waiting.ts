// Waiting for something that may be given up: one promise against a signal, without leaving listeners behind.
import { WardroundError } from '@wardround/protocol/errors';

export function aborted(cause?: unknown): WardroundError {
  return new WardroundError('relay-aborted', 'given up before the coordinator answered', { action: 'stop', cause });
}

/** @throws WardroundError `relay-aborted` as soon as the signal aborts; else what `work` throws */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    throw aborted(signal.reason);
  }
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(aborted(signal.reason));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Whether trying again can help. What is not an error of ours is a mistake in a program, and is not retried. */
export function isTransient(error: unknown): error is WardroundError {
  return error instanceof WardroundError && error.action === 'retry';
}
