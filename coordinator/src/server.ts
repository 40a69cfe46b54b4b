// The whole coordinator: opens its directory under the lock, then serves both sides on one port until it is closed.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { WardroundError } from '@wardround/protocol/errors';
import { AccessTokens } from './access-token.ts';
import { Admission } from './admission.ts';
import { ChunkDirectory } from './chunk-directory.ts';
import type { Config } from './config.ts';
import { openDirectory, openPin, paths, type Secrets } from './data-directory.ts';
import { serveHttp } from './http.ts';
import { lockInstance } from './instance-lock.ts';
import { Members } from './members.ts';
import { Publication } from './publication.ts';
import { serveSockets } from './sockets.ts';
import { openStore, type OpenStore } from './store/open-store.ts';

export interface RunningCoordinator {
  /** Origin at which it listens. */
  readonly listening: string;
  /** Origin that proofs of connection must name. */
  readonly audience: string;
  readonly engine: OpenStore['engine'];
  /** Resolves if it can no longer keep its promises and has to stop. */
  readonly failed: Promise<WardroundError>;
  readonly close: () => Promise<void>;
}

/**
 * @throws WardroundError those of `openDirectory`, `lockInstance` and `openStore`; `listen-failed`
 */
export async function startCoordinator({
  directory,
  databaseUrl,
  log,
}: {
  directory: string;
  databaseUrl: string | undefined;
  log: Logger;
}): Promise<RunningCoordinator> {
  const { config, secrets } = await openDirectory(directory);
  const lock = lockInstance(paths(directory).lock);
  try {
    const now = (): Date => new Date();
    const store = await openStore({ directory, databaseUrl, now });
    try {
      const running = await serve({ config, secrets, directory, store, now, log });
      const close = async (): Promise<void> => {
        await running.close();
        await store.close();
        lock.release();
      };
      return { ...running, engine: store.engine, failed: store.lost, close };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly directory: string;
  readonly store: OpenStore;
  readonly now: () => Date;
  readonly log: Logger;
}

async function serve({
  config,
  secrets,
  directory,
  store,
  now,
  log,
}: Parts): Promise<Pick<RunningCoordinator, 'listening' | 'audience' | 'close'>> {
  const { board } = store;
  const { limits } = config;
  const chunks = await ChunkDirectory.open({ root: paths(directory).chunks, quotaBytes: config.chunkQuotaBytes });
  const members = new Members({ board, pin: await openPin(directory, config), log });
  log.info({ federation: await members.federation() }, 'federation');
  const publication = new Publication({ board, members });
  const tokens = new AccessTokens({ secret: secrets.accessSecret, lifetimeSeconds: limits.accessTokenSeconds, now });
  const http = serveHttp({ chunks, tokens, publication, log });
  const listening = await listen(http, config);
  const audience = config.publicUrl ?? listening;
  const admission = new Admission({ members, audience, secrets });
  const milliseconds = (): number => performance.now();
  const io = serveSockets(http.server, {
    board,
    admission,
    publication,
    tokens,
    limits,
    randomBytes,
    milliseconds,
    log,
  });
  const close = async (): Promise<void> => {
    await io.close();
    await http.close();
  };
  return { listening, audience, close };
}

async function listen(http: ReturnType<typeof serveHttp>, { host, port }: Config): Promise<string> {
  try {
    return new URL(await http.listen({ host, port })).origin;
  } catch (cause) {
    throw new WardroundError('listen-failed', 'cannot listen there', { where: `${host} port ${port}`, cause });
  }
}
