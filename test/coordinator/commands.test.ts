// The commands as processes: what init leaves behind, what start refuses, how it ends.
import { chmod, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../coordinator/src/command-io.ts';
import { runCommandLine } from '../../coordinator/src/command-line.ts';
import { type CoordinatorDirectory, makeCoordinator, runCoordinator } from '../fakes/coordinator-process.ts';

let directory: CoordinatorDirectory;
const secrets = ['invitation', 'aggregator-token', 'access-secret'] as const;

/** What a command that must fail says, and exits with; run inside this process. */
async function refusal(args: readonly string[]): Promise<{ exit: number; code: unknown }> {
  const printed: string[] = [];
  const io: Io = {
    print: (line) => void printed.push(line),
    error: () => undefined,
    environment: {},
    asked: async () => await Promise.resolve('SIGTERM'),
  };
  const exit = await runCommandLine([...args, '--json'], io);
  return { exit, code: JSON.parse(printed.join('')).error?.code };
}

const startAgain = async (): Promise<unknown> =>
  await refusal(['start', '--dir', directory.path, '--log-level', 'silent']);

beforeAll(async () => {
  directory = await makeCoordinator();
});
afterAll(async () => await directory.dispose());

describe('init', () => {
  it('makes a directory and secrets for their owner alone', async () => {
    expect((await stat(directory.path)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory.path)) {
      expect((await stat(join(directory.path, name))).mode & 0o777, name).toBe(0o600);
    }
    expect(directory.invitation).toMatch(/^inv_[A-Za-z0-9_-]{32}$/);
    expect(directory.aggregatorToken).toMatch(/^agg_[A-Za-z0-9_-]{32}$/);
  });

  it('does not touch a directory that has a coordinator', async () => {
    expect(await refusal(['init', '--dir', directory.path])).toEqual({ exit: 1, code: 'already-initialised' });
  });

  it('tells a person what goes to whom', async () => {
    const path = join(directory.path, 'for-people');
    const { code, stdout, stderr } = await runCoordinator(['init', '--dir', path, '--public-url', 'https://c.example']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/hospital[^]*https:\/\/c\.example[^]*inv_[^]*aggregator[^]*agg_/);
    await rm(path, { recursive: true });
  });

  it.each([
    [['init'], 2, 'usage-invalid'],
    [['init', '--dir', '/tmp/x', '--prot', '1'], 2, 'usage-invalid'],
    [['init', '--dir', '/dev/null/nothing'], 1, 'directory-unusable'],
    [['init', '--dir', '/tmp/never', '--port', '99999'], 1, 'config-invalid'],
    [['init', '--dir', '/tmp/never', '--port', 'http'], 1, 'config-invalid'],
    [['init', '--dir', '/tmp/never', '--public-url', 'c.example'], 1, 'config-invalid'],
    [['start', '--dir', '/tmp/never'], 1, 'config-missing'],
    [['start', '--dir', '/tmp/never', '--log-level', 'loud'], 2, 'usage-invalid'],
  ])('refuses %j', async (args, exit, code) => {
    expect(await refusal(args)).toEqual({ exit, code });
  });

  it.each([
    [['--help'], ['coordinator init ', 'coordinator start ']],
    [['help'], ['coordinator init ', 'coordinator start ']],
    [
      ['init', '--help'],
      ['coordinator init --dir DIR', '--public-url URL', 'Example'],
    ],
    [
      ['start', '--help'],
      ['coordinator start --dir DIR', '--log-level LEVEL', 'DATABASE_URL', 'Example'],
    ],
    [['start', '--help', '--dir', '/tmp/never'], ['coordinator start --dir DIR']],
  ])('helps with %j, on stdout', async (args, parts) => {
    const { code, stdout } = await runCoordinator(args);
    expect(code).toBe(0);
    for (const part of parts) expect(stdout).toContain(part);
  });

  it('refuses an option of the other command', async () => {
    expect(await refusal(['start', '--dir', '/tmp/never', '--port', '1'])).toEqual({ exit: 2, code: 'usage-invalid' });
  });

  it('explains itself when it is asked for nothing', async () => {
    const { code, stderr, stdout } = await runCoordinator([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('coordinator start');
  });
});

describe('start', () => {
  it.each(secrets)('refuses a %s that others may read', async (name) => {
    await chmod(join(directory.path, name), 0o640);
    expect(await startAgain()).toEqual({ exit: 1, code: 'secret-permissions' });
    await chmod(join(directory.path, name), 0o600);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly at %s', async (signal) => {
    const running = await directory.start();
    expect(await running.end(signal)).toBe('0');
  });

  it('holds its directory: a second one gets store-locked, and a kill frees it', async () => {
    const first = await directory.start();
    expect(await startAgain()).toEqual({ exit: 1, code: 'store-locked' });
    await first.end('SIGKILL');
    const second = await directory.start();
    expect(await startAgain()).toEqual({ exit: 1, code: 'store-locked' });
    await second.end('SIGTERM');
  });

  it('says where it cannot listen', async () => {
    const running = await directory.start();
    const other = await makeCoordinator();
    await other.configure(/^port: .*$/m, `port: ${new URL(running.url).port}`);
    expect(await refusal(['start', '--dir', other.path, '--log-level', 'silent'])).toEqual({
      exit: 1,
      code: 'listen-failed',
    });
    await other.dispose();
    await running.end('SIGTERM');
  });

  it('prints no secret and logs none', async () => {
    const running = await directory.start();
    await fetch(`${running.url}/v1/chunks/${'0'.repeat(64)}`, {
      headers: { authorization: 'Bearer hunter2.hunter2.x' },
    });
    await running.end('SIGTERM');
    expect(running.logged()).toContain('ready');
    for (const secret of [directory.invitation, directory.aggregatorToken, 'hunter2']) {
      expect(running.logged()).not.toContain(secret);
    }
  });

  it('needs each of its secrets', async () => {
    await unlink(join(directory.path, 'invitation'));
    expect(await startAgain()).toEqual({ exit: 1, code: 'secret-invalid' });
  });
});
