// The courier process: it has the network and nothing else. It reads no file of the site, holds no key, and carries only frames of a
// closed list between the vault and the coordinator that the vault names.
import pino from 'pino';
import { vaultHeaderSchema } from '../channel/frames.ts';
import { serveVault } from '../channel/courier-link.ts';
import { openPipe } from '../channel/pipe.ts';
import { describeError } from '@wardround/protocol/errors';
import { reachCoordinator } from './reach-coordinator.ts';

const log = pino({ name: 'courier', base: null }, pino.destination({ fd: 2, sync: true }));
const stop = new AbortController();

async function run(): Promise<number> {
  try {
    const pipe = openPipe({ input: process.stdin, output: process.stdout, schema: vaultHeaderSchema });
    await serveVault({
      pipe,
      connect: async (hello, link) => await reachCoordinator({ hello, link, log, signal: stop.signal }),
    });
    return 0;
  } catch (error) {
    log.error(describeError(error), 'the courier cannot go on');
    return 1;
  }
}

// The pipe to the vault is the courier's life line: its end, also when the supervisor was killed, is the courier's end.
process.exitCode = await run();
stop.abort();
process.exit();
