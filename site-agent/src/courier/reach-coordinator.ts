// Reaches the coordinator and stays: before the federation is founded nobody knows this site's key, so being refused is no reason to give up.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { connectRelay, type ConnectOptions, type RelayConnection } from '@wardround/relay/connect';
import type { RelayLog } from '@wardround/relay/log';
import type { Hello, VaultLink } from '../channel/courier-link.ts';

/** Refusals that a person must mend in site.yaml; trying again would not help. */
const fatalCodes: ReadonlySet<string> = new Set(['relay-url', 'relay-proxy', 'relay-aborted', 'channel-closed']);

export interface Reach {
  readonly hello: Hello;
  readonly link: Pick<VaultLink, 'prove' | 'online' | 'rewound'>;
  readonly log: RelayLog & { readonly info: (fields: object, message: string) => void };
  readonly signal: AbortSignal;
  /** Injected by tests. */
  readonly connect?: (options: ConnectOptions) => Promise<RelayConnection>;
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** @throws WardroundError `relay-url`, `relay-proxy`, `relay-aborted` */
export async function reachCoordinator(reach: Reach): Promise<RelayConnection> {
  const { hello, link, log, signal, connect = connectRelay, wait = waitOrAbort } = reach;
  let wasOnline = false;
  const onOnline = (online: boolean): void => {
    // A pipe that is closed ends the courier elsewhere.
    void link.online(online).catch(() => undefined);
    if (online) log.info({ coordinator: hello.coordinator }, wasOnline ? 'connected again' : 'connected');
    else log.warn({ coordinator: hello.coordinator }, 'the connection to the coordinator ended; connecting again');
    wasOnline = true;
  };
  const options: ConnectOptions = {
    url: hello.coordinator,
    // None in the settings: what HTTPS_PROXY and NO_PROXY say, as for the commands that a person types.
    ...(hello.proxy === null ? {} : { proxyUrl: hello.proxy }),
    prove: async ({ nonce, audience }) => await link.prove(nonce, audience),
    log,
    signal,
    onOnline,
    onRewind: (topic) => void link.rewound(topic).catch(() => undefined),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await connect(options);
    } catch (error) {
      const { code, message } = describeError(error);
      if (signal.aborted || !(error instanceof WardroundError) || fatalCodes.has(code)) throw error;
      if (attempt === 0) log.warn({ code, detail: message }, waitingFor(code));
      await wait(backoff(attempt), signal);
    }
  }
}

function waitingFor(code: string): string {
  if (code === 'relay-certificate') return 'whoever answers for the coordinator is not trusted; trying on';
  return 'the coordinator does not know this site (yet); waiting';
}

function backoff(attempt: number): number {
  return Math.min(15_000, 500 * 2 ** Math.min(attempt, 5));
}

async function waitOrAbort(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
