// A command's connection to the coordinator: made within a time, used, closed. Nothing that it serves is believed.
import { WardroundError } from '@wardround/protocol/errors';
import type { Topic } from '@wardround/protocol/relay-port';
import { connectRelay, type RelayConnection } from '@wardround/relay/connect';
import type { Prove } from '@wardround/relay/prove';

const reachWithinSeconds = 30;

export interface LinkOptions {
  readonly coordinator: string;
  readonly prove: Prove;
  /** Null for no proxy whatever the environment says; the environment decides where it is left out. */
  readonly proxyUrl?: null;
  /** Ends the connection, at any time. */
  readonly signal?: AbortSignal;
}

/**
 * @throws WardroundError `coordinator-unreachable`, and those of `connectRelay`
 */
export async function withLink<T>(options: LinkOptions, use: (link: RelayConnection) => Promise<T>): Promise<T> {
  const link = await openLink(options);
  try {
    return await use(link);
  } finally {
    await link.close();
  }
}

/** @throws WardroundError as {@link withLink} */
export async function openLink({ coordinator, prove, signal, ...via }: LinkOptions): Promise<RelayConnection> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), reachWithinSeconds * 1000);
  const ending = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  try {
    return await connectRelay({ url: coordinator, prove, signal: ending, ...via });
  } catch (cause) {
    if (!stop.signal.aborted) throw cause;
    throw new WardroundError('coordinator-unreachable', `no answer within ${reachWithinSeconds} seconds`, {
      where: coordinator,
      action: 'retry',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Every record of a topic as it is now, unverified. */
export async function recordsOf(link: RelayConnection, topic: Topic): Promise<readonly string[]> {
  const records: string[] = [];
  for await (const { jws } of link.snapshot(topic)) records.push(jws);
  return records;
}
