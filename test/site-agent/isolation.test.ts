// The walls around the vault, tried from inside: a probe runs under exactly the shipped command line and must manage nothing.
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDurably } from '../../site-agent/src/config/durable-file.ts';
import { siteDirectories, type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { chooseIsolation } from '../../site-agent/src/isolation/choose.ts';
import { confined, confiningModes } from '../../site-agent/src/isolation/confinement.ts';
import { type Launch, launchCourier, launchVault } from '../../site-agent/src/isolation/launch.ts';
import { probeIsolation } from '../../site-agent/src/isolation/probe.ts';
import { startProcess } from '../../site-agent/src/isolation/start-process.ts';
import { createSiteKeys } from '../../site-agent/src/keys/site-keys.ts';

const probe = join(import.meta.dirname, 'probes', 'escape-probe.ts');
const tried = await Promise.all(confiningModes.map(async (isolation) => await probeIsolation(isolation)));
for (const { isolation, works, reason } of tried) if (!works) console.warn(`SKIPPED: ${isolation}: ${reason}`);
const working = tried.filter(({ works }) => works).map(({ isolation }) => isolation);
/** What arrived at the servers outside. */
const heard: string[] = [];

let directory: string;
let paths: SitePaths;
const servers: Server[] = [];
const names = createSocket('udp4', (question, from) => {
  heard.push('UDP');
  // The same message with the answer bit and NXDOMAIN set.
  const answer = Buffer.from(question);
  answer[2] = 0x81;
  answer[3] = 0x83;
  names.send(answer, from.port, from.address);
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-walls-'));
  paths = sitePaths(join(directory, 'site'));
  for (const path of siteDirectories(paths)) await mkdir(path, { mode: 0o700 });
  await createSiteKeys(paths);
  await writeFile(join(directory, 'outside'), 'a file of this user that is none of the vault’s business');
  const abstractSocket = `\u0000wardround-test-${process.pid}`;
  const pathSocket = join(directory, 'socket');
  const tcp = await listen({ host: '127.0.0.1', port: 0 });
  await listen({ path: abstractSocket });
  await listen({ path: pathSocket });
  await new Promise<void>((resolve) => names.bind(0, '127.0.0.1', resolve));
  const address = tcp.address();
  await createDurably(
    join(paths.vault, 'targets.json'),
    JSON.stringify({
      tcpPort: typeof address === 'object' ? address?.port : 0,
      udpPort: names.address().port,
      abstractSocket,
      pathSocket,
      approvalKey: paths.approvalKey,
      keys: paths.keys,
      outside: join(directory, 'outside'),
      parent: process.pid,
      vault: paths.vault,
    }),
  );
});

afterAll(async () => {
  for (const server of servers) server.close();
  names.close();
  await rm(directory, { recursive: true, force: true });
});

async function listen(where: { path: string } | { host: string; port: number }): Promise<Server> {
  const server = createServer((socket) => {
    heard.push(JSON.stringify(where));
    socket.destroy();
  });
  servers.push(server);
  server.listen(where);
  await once(server, 'listening');
  return server;
}

async function run(launch: Launch): Promise<{ stdout: string; stderr: string }> {
  const child = startProcess(launch);
  child.stdin.end();
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr };
}

async function report(launch: Launch): Promise<{ report: Record<string, boolean>; allowed: Record<string, boolean> }> {
  const { stdout, stderr } = await run(launch);
  expect(stdout, stderr).not.toBe('');
  // oxlint-disable-next-line typescript/no-unsafe-return
  return JSON.parse(stdout);
}

async function clean(): Promise<void> {
  for (const file of ['keys/planted', 'keys/planted.sqlite', 'vault/state.sqlite', 'vault/written']) {
    await rm(join(paths.directory, file), { force: true });
  }
}

const managed = (report: Record<string, boolean>): readonly string[] =>
  Object.entries(report).flatMap(([name, done]) => (done ? [name] : []));

describe('the probe itself', () => {
  it('manages everything where nothing stops it', async () => {
    const free = { command: process.execPath, args: [probe, paths.directory], env: { PATH: '/usr/bin:/bin' } };
    heard.length = 0;
    const { report: tried } = await report(free);
    expect(heard).toEqual(expect.arrayContaining(['UDP']));
    expect(new Set(heard).size).toBe(4);
    expect(Object.entries(tried).flatMap(([name, done]) => (done || name === 'socketsOpen' ? [] : [name]))).toEqual([]);
    await clean();
  });

  it('still finds the network, path sockets and the other files where only Node is in its way', async () => {
    const { report: tried } = await report(launchVault(paths, { vaultIsolation: 'vaultNotIsolated' }, probe));
    expect(managed(tried)).toEqual(expect.arrayContaining(['tcp', 'udp', 'abstractSocket', 'databaseBesideKeys']));
    expect(managed(tried)).not.toEqual(
      expect.arrayContaining(['childProcess', 'worker', 'readApprovalKey', 'writeBesideKeys', 'readOutside']),
    );
    await clean();
  });
});

// An inner loopback of its own harms nobody: bubblewrap brings one up. Nothing may arrive outside.
const innerLoopback = ['udp', 'interfaces'];

describe.each(working)('the shipped vault under %s, from inside', (isolation) => {
  /** The wrapper's words as shipped, with another program where node would stand. */
  function instead(...program: readonly string[]): Launch {
    const launch = launchVault(paths, { vaultIsolation: isolation }, probe);
    const node = launch.args.indexOf(process.execPath, launch.args.lastIndexOf('--'));
    expect(node).toBeGreaterThan(0);
    return { ...launch, args: [...launch.args.slice(0, node), ...program] };
  }

  it('gets out by no way, and can work in its own directory', async () => {
    heard.length = 0;
    const { report: tried, allowed } = await report(launchVault(paths, { vaultIsolation: isolation }, probe));
    const allowance = isolation === 'bubblewrap' ? innerLoopback : [];
    expect(managed(tried).filter((name) => !allowance.includes(name))).toEqual([]);
    expect(heard).toEqual([]);
    expect(allowed).toEqual({ readVault: true, writeVault: true, database: true });
    expect(existsSync(join(paths.keys, 'planted.sqlite'))).toBe(false);
    await clean();
  });

  it('inherits descriptors 0, 1 and 2, and no other', async () => {
    // `ls` itself opens one more to read the list.
    expect((await run(instead('/bin/ls', '/proc/self/fd'))).stdout.trim().split('\n')).toEqual(['0', '1', '2', '3']);
  });

  it('inherits none of its supervisor’s own stray descriptors either', async () => {
    const starter = join(import.meta.dirname, 'probes', 'start-listing.ts');
    const words = [process.execPath, starter, paths.directory, isolation];
    const shell = ['-c', 'exec 77</etc/passwd; exec "$0" "$@"', ...words];
    const { stdout } = await promisify(execFile)('bash', shell);
    expect(JSON.parse(stdout)).toEqual({ before: expect.arrayContaining([77]), listed: ['0', '1', '2', '3'] });
  });

  it('is alone in its own process namespace, without capabilities or a way to gain any', async () => {
    const { stdout } = await run(instead('/bin/cat', '/proc/self/status'));
    // bubblewrap keeps the first place for itself.
    expect(stdout).toMatch(isolation === 'bubblewrap' ? /^Pid:\t2$/m : /^Pid:\t1$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(stdout).toMatch(new RegExp(`^${set}:\\t0+$`, 'm'));
    }
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
  });

  it('sees of the keys only the two that are its own, and writes beside its vault nowhere', async () => {
    expect((await run(instead('/bin/ls', paths.keys))).stdout.trim().split('\n')).toEqual([
      'agent.json',
      'witness.json',
    ]);
    const places = [paths.keys, paths.directory, '/', '/tmp', '/usr', '/proc'];
    const shell = `for place in ${places.join(' ')}; do (echo x > $place/planted) 2>/dev/null && echo $place; done; true`;
    expect((await run(instead('/bin/sh', '-c', shell))).stdout).toBe('');
  });
});

describe('the courier', () => {
  it('has the network, and reads nothing of the site', async () => {
    const launch = launchCourier(probe);
    const script = launch.args.at(-1) ?? '';
    // It may not even read where its targets are.
    const { stdout, stderr } = await run({ ...launch, args: [...launch.args.slice(0, -1), script, paths.directory] });
    expect(stdout).toBe('');
    expect(stderr).toContain('ERR_ACCESS_DENIED');
  });

  it.each([
    [undefined, false],
    ['wasm', false],
    ['cpu', false],
    ['tfjs-node', true],
    ['tfjs-node-gpu', true],
  ] as const)('with the backend %s: may the vault load machine code? %s', (backend, may) => {
    const settings = backend === undefined ? {} : { backend };
    const { args } = launchVault(paths, { vaultIsolation: 'vaultNotIsolated', ...settings });
    expect(args.includes('--allow-addons')).toBe(may);
    expect(launchCourier().args).not.toContain('--allow-addons');
  });

  it('takes no settings of Node from the environment', () => {
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = '--require=/tmp/evil.cjs';
    try {
      expect(Object.keys(launchCourier().env)).not.toContain('NODE_OPTIONS');
      expect(Object.keys(launchVault(paths, { vaultIsolation: 'networkNamespace' }).env)).not.toContain('NODE_OPTIONS');
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
    }
  });
});

describe('command lines', () => {
  const view = { mountPoint: '/srv/site/jail', readable: ['/usr/bin'], writable: ['/srv/site/vault'] };

  it('name every wall that bubblewrap and systemd put up', () => {
    const bubble = confined('bubblewrap', view, ['/node', 'x']).join(' ');
    expect(bubble).toMatch(/^bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL --clearenv /);
    expect(bubble).toContain('--bind /srv/site/vault /srv/site/vault --remount-ro / -- /node x');
    const service = confined('systemdPrivateNetwork', view, ['/node', 'x']);
    expect(service).toContain('--property=PrivateNetwork=yes');
    expect(service).toContain('--property=BindPaths=/srv/site/vault');
    expect(service.slice(-3)).toEqual(['--', '/node', 'x']);
  });

  it.each(['/srv/my site', '/srv/a:b', '/srv/a,b', '/srv/*', 'relative', '/srv/%h', '/srv/a\nb'])(
    'refuse a path that a tool would read as something else: %j',
    (path) => {
      expect(() => confined('networkNamespace', { ...view, writable: [path] }, ['/node'])).toThrowError(
        expect.objectContaining({ code: 'isolation-path' }),
      );
    },
  );
});

describe('choosing a way', () => {
  const answers = (working: string | null) => async (isolation: string) =>
    await Promise.resolve({ isolation: 'networkNamespace' as const, works: isolation === working, reason: 'not here' });

  it('takes the first that works', async () => {
    const told: string[] = [];
    expect(await chooseIsolation('auto', (line) => told.push(line), answers('bubblewrap'))).toBe('bubblewrap');
    expect(told).toEqual([
      'vault isolation by networkNamespace: not here',
      'vault isolation by bubblewrap: works here',
    ]);
  });

  it('refuses where none does, and names what must be typed', async () => {
    await expect(chooseIsolation('auto', () => undefined, answers(null))).rejects.toMatchObject({
      code: 'isolation-unavailable',
      expected: expect.stringContaining('vaultNotIsolated'),
    });
  });

  it('takes the named weakness only when it is named', async () => {
    expect(await chooseIsolation('vaultNotIsolated', () => undefined, answers(null))).toBe('vaultNotIsolated');
  });
});
