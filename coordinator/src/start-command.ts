// `coordinator start`: serves until SIGTERM or SIGINT, and says on one line when it is ready.
import { resolve } from 'node:path';
import { pino } from 'pino';
import { type Options, requireText } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';
import type { Io } from './command-io.ts';
import { startCoordinator } from './server.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** @throws WardroundError `usage-invalid`, and those of {@link startCoordinator} */
export async function start(options: Options, io: Io): Promise<number> {
  const directory = resolve(requireText(options, 'dir'));
  const log = pino(
    { name: 'coordinator', level: levelOf(options['log-level'] ?? 'info') },
    pino.destination({ fd: 2, sync: true }),
  );
  const asked = io.asked();
  const coordinator = await startCoordinator({ directory, databaseUrl: io.environment['DATABASE_URL'], log });
  const { listening, audience, engine } = coordinator;
  log.info({ listening, audience, engine }, 'ready');
  io.print(
    options['json'] === true ? JSON.stringify({ listening, audience, store: engine }) : `listening on ${listening}`,
  );
  const reason = await Promise.race([asked, coordinator.failed]);
  log.info({ reason: reason instanceof WardroundError ? reason.code : reason }, 'closing');
  await coordinator.close();
  if (reason instanceof WardroundError) throw reason;
  return 0;
}

function levelOf(text: string | boolean): string {
  const level = levels.find((known) => known === text);
  if (level !== undefined) return level;
  throw new WardroundError('usage-invalid', 'no such log level', { expected: levels.join(', '), got: String(text) });
}
