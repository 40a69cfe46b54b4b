// The supervisor with real processes: joins them, restarts both when one dies, and leaves none behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { setTimeout as poll } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { sitePaths } from '../../site-agent/src/config/site-paths.ts';
import type { Launch } from '../../site-agent/src/isolation/launch.ts';
import { openAgentLog } from '../../site-agent/src/supervisor/agent-log.ts';
import { createBackoff } from '../../site-agent/src/supervisor/backoff.ts';
import { parseLogLine, readLogLines } from '../../site-agent/src/supervisor/log-lines.ts';
import type { Role } from '../../site-agent/src/supervisor/pair.ts';
import { type Supervised, supervise } from '../../site-agent/src/supervisor/supervisor.ts';

const life = join(import.meta.dirname, 'probes', 'life.ts');

function launch(role: Role, firstWord = ''): Launch {
  return { command: process.execPath, args: [life, role, firstWord], env: {} };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when no process has this id (any more): the system tells nobody about the end of another's child. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await poll(10);
}

interface Watched {
  readonly stop: AbortController;
  readonly heard: string[];
  readonly restarts: { role: Role; how: number | string; waitMilliseconds: number }[];
  readonly running: Promise<void>;
  /** The process ids at the n-th readiness, from 1. */
  readonly ready: (n: number) => Promise<Readonly<Record<Role, number>>>;
  readonly said: (text: string) => Promise<void>;
}

let watched: Watched | undefined;
afterEach(async () => {
  watched?.stop.abort();
  await watched?.running.catch(() => undefined);
  watched = undefined;
});

function watch(
  launches: Supervised['launches'],
  examine = async (): Promise<void> => await Promise.resolve(),
): Watched {
  const stop = new AbortController();
  const heard: string[] = [];
  const restarts: Watched['restarts'] = [];
  const lives: Readonly<Record<Role, number>>[] = [];
  const changed = new EventTarget();
  const tell = (): void => void changed.dispatchEvent(new Event('change'));
  const until = async <T>(read: () => T | undefined): Promise<T> => {
    for (let value = read(); ; value = read()) {
      if (value !== undefined) return value;
      await once(changed, 'change');
    }
  };
  const running = supervise({
    launches,
    signal: stop.signal,
    graceMilliseconds: 300,
    onLine: (role, { message }) => {
      heard.push(`${role}: ${message}`);
      tell();
    },
    onReady: ({ vault = 0, courier = 0 }) => {
      lives.push({ vault, courier });
      tell();
    },
    onRestart: (restart) => void restarts.push(restart),
    examine: examine,
    wait: async () => await Promise.resolve(),
    now: () => 0,
  });
  running.catch(() => undefined);
  watched = {
    stop,
    heard,
    restarts,
    running,
    ready: async (n) => await until(() => lives[n - 1]),
    said: async (text) => await until(() => (heard.includes(text) ? true : undefined)).then(() => undefined),
  };
  return watched;
}

describe('a supervisor', () => {
  it('joins the pipes of the two', async () => {
    const { said } = watch({ vault: launch('vault'), courier: launch('courier') });
    await said('vault: heard hello from courier');
    await said('courier: heard hello from vault');
  });

  it.each<Role>(['vault', 'courier'])('starts both again when the %s is killed', async (role) => {
    const { ready, restarts } = watch({ vault: launch('vault'), courier: launch('courier') });
    const first = await ready(1);
    process.kill(first[role], 'SIGKILL');
    const second = await ready(2);
    expect(restarts).toEqual([{ role, how: 'SIGKILL', waitMilliseconds: 500 }]);
    expect([second.vault, second.courier]).not.toEqual(expect.arrayContaining([first.vault]));
    await Promise.all([gone(first.vault), gone(first.courier)]);
  });

  it('leaves no process when it is told to stop, not even one that does not listen', async () => {
    const { ready, said, stop, running } = watch({ vault: launch('vault', 'deaf'), courier: launch('courier') });
    const pids = await ready(1);
    await said('vault: deaf');
    stop.abort();
    await running;
    await Promise.all([gone(pids.vault), gone(pids.courier)]);
  });

  it('gives up where a process says that restarting is useless, with its own reason', async () => {
    const { running, restarts } = watch({ vault: launch('vault', 'exit 78'), courier: launch('courier') });
    await expect(running).rejects.toMatchObject({ code: 'told-to-end', message: expect.stringContaining('the vault') });
    expect(restarts).toEqual([]);
  });

  it('goes on trying where a program cannot be started at all', async () => {
    const missing = { command: '/nowhere/unshare', args: [], env: {} };
    const { stop, restarts, running } = watch({ vault: missing, courier: launch('courier') });
    while (restarts.length < 2) await poll(10);
    stop.abort();
    await running;
    expect(restarts.map(({ role, waitMilliseconds }) => [role, waitMilliseconds]).slice(0, 2)).toEqual([
      ['vault', 500],
      ['vault', 1000],
    ]);
  });

  it('that is killed leaves nobody: both notice the end of their pipes', async () => {
    const supervisor: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'probes', 'supervise.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (supervisor.stdout === null) throw new Error('no pipe');
    const [line]: unknown[] = await once(createInterface({ input: supervisor.stdout }), 'line');
    // oxlint-disable-next-line typescript/no-unsafe-assignment
    const pids: Record<Role, number> = JSON.parse(String(line));
    expect(isAlive(pids.vault) && isAlive(pids.courier)).toBe(true);
    supervisor.kill('SIGKILL');
    await Promise.all([gone(pids.vault), gone(pids.courier)]);
  });
});

describe('a supervisor whose vault never became ready', () => {
  const early = { vault: launch('vault', 'exit 1'), courier: launch('courier') };

  it('stops with what is wrong with the machine', async () => {
    const { running, restarts } = watch(early, async () => await Promise.reject(new Error('no namespaces here')));
    await expect(running).rejects.toThrow('no namespaces here');
    expect(restarts).toEqual([]);
  });

  it('goes on where nothing is', async () => {
    let examined = 0;
    const { stop, restarts, running } = watch(early, async () => void (await Promise.resolve((examined += 1))));
    while (restarts.length < 2) await poll(10);
    stop.abort();
    await running;
    expect(examined).toBeGreaterThanOrEqual(2);
    expect(restarts[0]).toMatchObject({ role: 'vault', how: 1 });
  });
});

describe('the pause before a restart', () => {
  it('doubles up to a minute, and begins anew after a good life', () => {
    const backoff = createBackoff();
    expect(Array.from({ length: 9 }, () => backoff.next(10))).toEqual([
      500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000,
    ]);
    expect(backoff.next(60_000)).toBe(500);
    expect(backoff.next(59_999)).toBe(1000);
  });
});

describe('a log line', () => {
  it.each([
    [
      '{"level":30,"msg":"x","time":1,"pid":2,"round":3}',
      { level: 30, message: 'x', code: undefined, fields: { round: 3 } },
    ],
    ['{"level":50,"msg":"x","code":"a-b"}', { level: 50, message: 'x', code: 'a-b', fields: {} }],
    [
      '{"at":"x","process":"vault","level":"warn","event":"model-refused","code":"a-b","round":3}',
      { level: 40, message: 'model-refused', code: 'a-b', fields: { round: 3 } },
    ],
    [
      '{"level":"error","event":"vault-ended","detail":"why"}',
      { level: 50, message: 'vault-ended: why', code: undefined, fields: {} },
    ],
    [
      '{"level":"loud","event":"x"}',
      { level: 40, message: '{"level":"loud","event":"x"}', code: undefined, fields: {} },
    ],
    ['Error: at x', { level: 40, message: 'Error: at x', code: undefined, fields: {} }],
    ['{"level":"30"}', { level: 40, message: '{"level":"30"}', code: undefined, fields: {} }],
  ])('%s', (line, expected) => {
    expect(parseLogLine(line)).toEqual(expected);
  });

  it('is cut where it is far too long', () => {
    expect(parseLogLine('x'.repeat(100_000)).message).toHaveLength(8192);
  });

  it('comes for each line of a stream, the last one without its end too', async () => {
    const stream = new PassThrough();
    const messages: string[] = [];
    readLogLines(stream, ({ message }) => messages.push(message));
    stream.write('one\n\ntw');
    stream.end('o\nthree');
    await once(stream, 'close');
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages).toEqual(['one', 'two', 'three']);
  });
});

describe('the agent’s log', () => {
  it('is private, one JSON line each; people get short ones without control characters', async () => {
    const paths = sitePaths(await mkdtemp(join(tmpdir(), 'wardround-log-')));
    const shown: string[] = [];
    const log = await openAgentLog(paths, (line) => shown.push(line));
    log.line('vault', { level: 50, message: 'bad\u001b[31m', code: 'x-y', fields: { round: 2 } });
    log.line('vault', { level: 20, message: 'detail', code: undefined, fields: {} });
    log.info('running');
    log.close();
    const lines = (await readFile(paths.log, 'utf8')).trim().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { level: 50, from: 'vault', code: 'x-y', round: 2 },
      { level: 20, msg: 'detail' },
      { level: 30, from: 'supervisor', msg: 'running' },
    ]);
    expect(shown).toEqual(['vault      ERROR bad [31m [x-y]', 'supervisor running']);
    expect((await stat(paths.log)).mode & 0o777).toBe(0o600);
    await rm(paths.directory, { recursive: true });
  });

  it('is set aside once it is large', async () => {
    const paths = sitePaths(await mkdtemp(join(tmpdir(), 'wardround-log-')));
    await writeFile(paths.log, '');
    await truncate(paths.log, 64 * 1024 * 1024 + 1);
    const log = await openAgentLog(paths, () => undefined);
    log.info('running');
    log.close();
    expect((await stat(`${paths.log}.1`)).size).toBe(64 * 1024 * 1024 + 1);
    expect((await stat(paths.log)).size).toBeLessThan(1000);
    await rm(paths.directory, { recursive: true });
  });
});
