// Runs where the shipped vault runs, and tries everything that a vault must not be able to do. Reports what it managed, as JSON.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { fstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { networkInterfaces } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

interface Targets {
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly abstractSocket: string;
  readonly pathSocket: string;
  readonly approvalKey: string;
  readonly keys: string;
  readonly outside: string;
  readonly parent: number;
  readonly vault: string;
}

// oxlint-disable-next-line typescript/no-unsafe-assignment
const targets: Targets = JSON.parse(readFileSync(`${process.argv[2] ?? ''}/vault/targets.json`, 'utf8'));

async function reaches(options: NetConnectOpts): Promise<boolean> {
  return await new Promise((resolve) => {
    try {
      const socket = connect(options);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    } catch {
      resolve(false);
    }
  });
}

async function sends(): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.send('probe', targets.udpPort, '127.0.0.1', (error) => resolve(error === null));
  });
}

// The fake name server answers "no such name": any answer means that the question got out.
async function resolves(): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${targets.udpPort}`]);
  return await resolver.resolve4('patient.example').then(
    () => true,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOTFOUND',
  );
}

function manages(act: () => unknown): boolean {
  try {
    return act() !== false;
  } catch {
    return false;
  }
}

function openSockets(): readonly number[] {
  return Array.from({ length: 1024 }, (_, fd) => fd).filter((fd) => fd > 2 && manages(() => fstatSync(fd).isSocket()));
}

// Before anything here opens one.
const inherited = openSockets();
const report = {
  tcp: await reaches({ host: '127.0.0.1', port: targets.tcpPort }),
  udp: await sends(),
  dns: await resolves(),
  abstractSocket: await reaches({ path: targets.abstractSocket }),
  pathSocket: await reaches({ path: targets.pathSocket }),
  childProcess: manages(() => spawnSync(process.execPath, ['-e', '0']).status === 0),
  worker: manages(() => void new Worker('0', { eval: true }).terminate()),
  readApprovalKey: manages(() => readFileSync(targets.approvalKey)),
  writeBesideKeys: manages(() => writeFileSync(`${targets.keys}/planted`, 'x')),
  databaseBesideKeys: manages(() => new DatabaseSync(`${targets.keys}/planted.sqlite`).exec('create table a (b)')),
  readOutside: manages(() => readFileSync(targets.outside)),
  listRoot: manages(() => readdirSync('/')),
  signalParent: manages(() => process.kill(targets.parent, 0)),
  interfaces: Object.keys(networkInterfaces()).length > 0,
  socketsOpen: inherited.length > 0,
};
const allowed = {
  readVault: manages(() => readFileSync(`${targets.vault}/targets.json`)),
  writeVault: manages(() => writeFileSync(`${targets.vault}/written`, 'x')),
  database: manages(() => new DatabaseSync(`${targets.vault}/state.sqlite`).exec('create table a (b)')),
};
process.stdout.write(JSON.stringify({ report, allowed }), () => process.exit(0));
