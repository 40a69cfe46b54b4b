// The whole agent against the real coordinator: it waits for its federation, survives the loss of each part, and leaves nothing behind.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { setTimeout as poll } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeIsolation } from '../../site-agent/src/isolation/probe.ts';
import { type CoordinatorDirectory, makeCoordinator } from '../fakes/coordinator-process.ts';

const main = join(import.meta.dirname, '../../site-agent/src/main.ts');
const { works } = await probeIsolation('networkNamespace');
const isolation = works ? 'networkNamespace' : 'vaultNotIsolated';
if (!works) console.warn('WEAKER: no network namespaces here; the agent is tried without its outer wall');

let home: string;
let coordinator: CoordinatorDirectory;
let fingerprint = '';
const at = (...parts: readonly string[]): string => join(home, ...parts);
const running = new Set<ChildProcess>();

async function answer(...words: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words, '--json']);
  // oxlint-disable-next-line typescript/no-unsafe-return
  return JSON.parse(stdout);
}

async function sign(name: string): Promise<Record<string, unknown>> {
  const options = [
    '--fingerprint',
    fingerprint,
    '--invitation',
    coordinator.invitation,
    '--draft',
    at('draft.json'),
    '--yes',
  ];
  return await answer('federation', 'sign', '--dir', at(name), ...options);
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'wardround-agent-'));
  coordinator = await makeCoordinator();
  const { url } = await coordinator.start();
  for (const name of ['north', 'south']) {
    const options = ['--coordinator', url, '--source', 'synthetic:va:1', '--vault-isolation', isolation];
    await answer('site', 'init', '--dir', at(name), '--name', name, ...options);
    await answer('site', 'join', '--dir', at(name), '--invitation', coordinator.invitation);
  }
  const options = ['--name', 'heart', '--colluding', '0', '--unwitnessed', '--invitation', coordinator.invitation];
  fingerprint = String(
    (await answer('federation', 'draft', '--dir', at('north'), ...options, '--out', at('draft.json')))['fingerprint'],
  );
  await sign('north');
}, 60_000);

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await coordinator.dispose();
  await rm(home, { recursive: true, force: true });
});

interface Agent {
  readonly process: ChildProcess;
  readonly ready: Promise<{ readonly vault: number; readonly courier: number; readonly supervisor: number }>;
  readonly said: (text: string, times?: number) => Promise<void>;
  readonly exited: Promise<number | null>;
}

function startAgent(name: string): Agent {
  const child = spawn(process.execPath, [main, 'site', 'start', '--dir', at(name), '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: string[] = [];
  const changed = new EventTarget();
  const errors = createInterface({ input: child.stderr });
  errors.on('line', (line) => {
    lines.push(line);
    changed.dispatchEvent(new Event('line'));
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const first = once(createInterface({ input: child.stdout }), 'line').then(([line]: unknown[]): unknown =>
    JSON.parse(String(line)),
  );
  const ended = exited.then((code) => {
    throw new Error(`the agent ended with ${code ?? 'a signal'}: ${lines.join('\n')}`);
  });
  ended.catch(() => undefined);
  return {
    process: child,
    ready: Promise.race([first, ended]).then((ready) => readiness(ready)),
    said: async (text, times = 1) => {
      while (lines.filter((line) => line.includes(text)).length < times) await once(changed, 'line');
    },
    exited,
  };
}

function readiness(value: unknown): { vault: number; courier: number; supervisor: number } {
  expect(value).toMatchObject({ ready: true, vaultIsolation: isolation });
  if (
    typeof value !== 'object' ||
    value === null ||
    !('vault' in value) ||
    !('courier' in value) ||
    !('supervisor' in value)
  ) {
    throw new Error('not a readiness line');
  }
  return { vault: Number(value.vault), courier: Number(value.courier), supervisor: Number(value.supervisor) };
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await poll(10);
  }
}

/** Every process whose command line names this site's directory, as the kernel lists them. */
async function leftovers(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,args']);
  return stdout
    .split('\n')
    .filter((line) => line.includes(at(name)) && !line.includes('ps -eo'))
    .join('\n');
}

describe('an agent', () => {
  it('waits for its federation, and goes on by itself when the last site signs', async () => {
    const agent = startAgent('north');
    await agent.said('waiting-for-founding');
    expect(existsSync(at('north/vault/federation/genesis.json'))).toBe(false);
    expect((await sign('south'))['complete']).toBe(true);
    await agent.ready;
    expect(existsSync(at('north/vault/federation/genesis.json'))).toBe(true);
    agent.process.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(await leftovers('north')).toBe('');
  }, 60_000);

  it.each(['vault', 'courier'] as const)(
    'starts its %s again when that is killed, and its partner with it',
    async (part) => {
      const agent = startAgent('north');
      const pids = await agent.ready;
      process.kill(pids[part], 'SIGKILL');
      await agent.said('starting both again');
      await agent.said('vault      ready', 2);
      await Promise.all([gone(pids.vault), gone(pids.courier)]);
      agent.process.kill('SIGINT');
      expect(await agent.exited).toBe(0);
      expect(await leftovers('north')).toBe('');
    },
    60_000,
  );

  it('that is killed leaves no process behind', async () => {
    const agent = startAgent('north');
    const pids = await agent.ready;
    agent.process.kill('SIGKILL');
    await Promise.all([gone(pids.vault), gone(pids.courier)]);
    while ((await leftovers('north')) !== '') await poll(10);
  }, 60_000);

  it('is the only one of its site: a second says so and ends, the first goes on', async () => {
    const first = startAgent('north');
    const pids = await first.ready;
    const second = startAgent('north');
    second.ready.catch(() => undefined);
    await second.said('[site-locked]');
    expect(await second.exited).toBe(1);
    expect(() => process.kill(pids.vault, 0)).not.toThrow();
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
  }, 60_000);

  it('does not start with a key that others can read, and says what to do', async () => {
    await chmod(at('south/keys/agent.json'), 0o644);
    const agent = startAgent('south');
    agent.ready.catch(() => undefined);
    await agent.said('chmod 600');
    expect(await agent.exited).toBe(2);
    await chmod(at('south/keys/agent.json'), 0o600);
  }, 60_000);

  it('does not start with settings that have a typing mistake', async () => {
    const path = at('south/site.yaml');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/^proxy:/m, 'proxi:'));
    const agent = startAgent('south');
    agent.ready.catch(() => undefined);
    await agent.said('did you mean proxy?');
    expect(await agent.exited).toBe(2);
    await writeFile(path, text);
  }, 60_000);

  it('keeps no patient, and no secret, in its log', async () => {
    const log = await readFile(at('north/agent.log'), 'utf8');
    const secrets = await Promise.all(
      ['approval', 'agent', 'witness'].map(async (name) => {
        const jwk: unknown = JSON.parse(await readFile(at(`north/keys/${name}.json`), 'utf8'));
        return typeof jwk === 'object' && jwk !== null && 'd' in jwk ? String(jwk.d) : '';
      }),
    );
    for (const secret of secrets) {
      expect(secret).not.toBe('');
      expect(log).not.toContain(secret);
    }
  });
});
