// Whether a way of isolating works on this machine: a child is started just as the vault would be, and tries to get out.
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { VaultIsolation } from '../config/site-config.ts';
import { sitePaths } from '../config/site-paths.ts';
import { type Launch, launchVault } from './launch.ts';

const probeScript = join(import.meta.dirname, 'probe-child.ts');
const reportSchema = z.strictObject({ tcp: z.boolean() });
const limitMilliseconds = 20_000;

export interface ProbeResult {
  readonly isolation: VaultIsolation;
  /** The child ran, and reached nothing. */
  readonly works: boolean;
  /** Why not, in words. */
  readonly reason: string;
}

/** Tries one way. Never throws for a way that does not work here. */
export async function probeIsolation(isolation: VaultIsolation): Promise<ProbeResult> {
  const targets = await openTargets();
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'wardround-probe-')));
  try {
    const paths = sitePaths(directory);
    await mkdir(paths.jail);
    await mkdir(paths.vault);
    const launch = launchVault(paths, { vaultIsolation: isolation }, probeScript);
    // The vault's own argument is its directory; the probe's are the ports that would hear it.
    const args = [...launch.args.slice(0, -1), String(targets.tcpPort), String(targets.udpPort)];
    const report = reportSchema.parse(JSON.parse(await output({ ...launch, args })));
    // A datagram may be sent into an inner loopback: only what arrived here has come through.
    const reached = [...(report.tcp ? ['TCP'] : []), ...targets.heard()];
    if (reached.length === 0) return { isolation, works: true, reason: '' };
    return { isolation, works: false, reason: `${[...new Set(reached)].join(' and ')} came through` };
  } catch (error) {
    return { isolation, works: false, reason: reasonOf(error) };
  } finally {
    await rm(directory, { recursive: true, force: true });
    targets.close();
  }
}

/** @throws WardroundError `isolation-unavailable` where the configured way does not hold on this machine (any more) */
export async function requireIsolation(isolation: VaultIsolation): Promise<void> {
  if (isolation === 'vaultNotIsolated') return;
  const { works, reason } = await probeIsolation(isolation);
  if (works) return;
  throw new WardroundError(
    'isolation-unavailable',
    `the vault cannot be kept off the network by ${isolation}: ${reason}`,
    {
      expected: 'a child that reaches nothing',
      where: 'vaultIsolation in site.yaml',
    },
  );
}

interface Targets {
  readonly tcpPort: number;
  readonly udpPort: number;
  heard(): readonly string[];
  close(): void;
}

async function openTargets(): Promise<Targets> {
  const heard: string[] = [];
  const tcp = createServer((socket) => {
    heard.push('TCP');
    socket.destroy();
  });
  const udp = createSocket('udp4', () => heard.push('UDP'));
  await Promise.all([
    once(tcp.listen(0, '127.0.0.1'), 'listening'),
    new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve)),
  ]);
  const address = tcp.address();
  return {
    tcpPort: typeof address === 'object' && address !== null ? address.port : 0,
    udpPort: udp.address().port,
    heard: () => heard,
    close: () => {
      tcp.close();
      udp.close();
    },
  };
}

async function output({ command, args, env }: Launch): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { env, timeout: limitMilliseconds, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr.trim() === '' ? error.message : stderr.trim(), { cause: error }));
      },
    );
    child.stdin?.end();
  });
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes('ENOENT') && text.includes('spawn')) return 'not installed';
  return (text.split('\n').findLast((line) => line.trim() !== '') ?? text).slice(0, 200);
}
