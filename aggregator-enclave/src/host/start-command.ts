// `aggregator start`: connects out, runs the enclave until SIGTERM or SIGINT, and says on one line when it is ready. Nothing connects in.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Logger, pino } from 'pino';
import { type Options, requireText } from '@wardround/command-line/options';
import { copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { generateSigningKey } from '@wardround/protocol/keys';
import { connectRelay } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { runEnclave } from '../enclave/enclave.ts';
import type { HostPorts, LogEntry } from '../enclave/ports.ts';
import { choosePlatform } from '../platform/choose.ts';
import { systemHardware } from '../platform/hardware.ts';
import { measureProgram } from '../platform/measure.ts';
import { ChunkCache } from './chunk-cache.ts';
import type { Io } from './command-io.ts';
import { type Config, readConfig, settingsOf } from './config.ts';
import { makePrivateDirectory, readSecretText } from './files.ts';
import { systemClock } from './system-clock.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'];

/** @throws WardroundError `usage-invalid`, `config-*`, `file-*`, and those of `choosePlatform` and `connectRelay` */
export async function start(options: Options, io: Io): Promise<number> {
  const config = await readConfig(resolve(requireText(options, 'dir')));
  const log = logger(options['log-level'] ?? 'info');
  const { measurement: program } = await measureProgram();
  const platform = await choosePlatform(config, { measurement: program, now: new Date(), hardware: systemHardware });
  await emptyCache(config);
  const relay = await connect(config, { log, signal: io.signal });
  const ports: HostPorts = {
    clock: systemClock,
    randomness: (length) => copyBytes(randomBytes(length)),
    relay,
    platform,
    spoolOf: (study) => new ChunkCache(config.cache, study),
    log: (entry) => write(log, entry),
  };
  const { coordinator } = config;
  const { measurement } = platform;
  const simulated = config.platform.kind === 'simulated';
  if (simulated)
    log.warn({ code: 'simulated-platform' }, 'SIMULATED PLATFORM: the evidence proves nothing about hardware');
  io.print(
    options['json'] === true
      ? JSON.stringify({ ready: true, coordinator, platform: config.platform.kind, measurement })
      : `connected to ${coordinator}${simulated ? ' (SIMULATED PLATFORM)' : ''}`,
  );
  try {
    await runEnclave({ ports, settings: settingsOf(config), signal: io.signal });
  } finally {
    await relay.close();
  }
  log.info({}, 'closed');
  return 0;
}

/** The connection's key lives as long as the process: the token says whose this is, evidence what it is. */
async function connect(
  config: Config,
  { log, signal }: { log: Logger; signal: AbortSignal },
): ReturnType<typeof connectRelay> {
  const token = await readSecretText(config.token);
  return await connectRelay({
    url: config.coordinator,
    prove: proveWith({ role: 'aggregator', name: 'aggregator', key: generateSigningKey(), token }),
    ...(config.proxy === null ? {} : { proxyUrl: config.proxy }),
    log,
    signal,
  });
}

async function emptyCache(config: Config): Promise<void> {
  await rm(config.cache, { recursive: true, force: true });
  await makePrivateDirectory(config.cache);
}

function write(log: Logger, { level, message, ...fields }: LogEntry): void {
  log[level](fields, message);
}

function logger(level: string | boolean): Logger {
  if (typeof level !== 'string' || !levels.includes(level)) {
    throw new WardroundError('usage-invalid', 'no such log level', { expected: levels.join(', '), got: String(level) });
  }
  return pino({ name: 'aggregator', level }, pino.destination({ fd: 2, sync: true }));
}
