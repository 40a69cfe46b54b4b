// Put as the first import into the programs of an instrumented copy, never into the checkout: it sees each durable write and each message
// before it happens, and ends the process there when the file `kill-arm.json` says so. Nothing of ours is imported; only Node and `ws`.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { basename, join, resolve } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What the test writes; see arm.ts. */
interface Arm {
  readonly id: number;
  readonly role: string;
  readonly site: string | null;
  readonly pid: number | null;
  readonly life: 'this' | 'next' | 'count';
  readonly anchor: string | null;
  readonly index: number;
  readonly armedAt: number;
}

// This file lies in protocol/src of the copy: the one room that every role may read.
const copy = resolve(import.meta.dirname, '../..');
const armFile = join(copy, 'protocol/kill-arm.json');
const bornAt = Date.now();
const program = process.argv[1] ?? '';
const role =
  ['vault', 'courier', 'coordinator', 'aggregator-enclave'].find(
    (name) => program.endsWith(`/${name}/main.ts`) || program.endsWith(`/${name}/src/main.ts`),
  ) ?? 'unknown';
const site = role === 'vault' ? basename(process.argv[2] ?? '') : null;
const readFileSync = fs.readFileSync.bind(fs);
const writeSync = fs.writeSync.bind(fs);

const progress = { arm: 0, anchored: false, passed: 0 };

/** Called before each durable write and each message. */
function boundary(what: string): void {
  const arm = readArm();
  if (arm === null || !isMeant(arm)) return;
  if (progress.arm !== arm.id) Object.assign(progress, { arm: arm.id, anchored: arm.anchor === null, passed: 0 });
  const name = `${what} < ${ourFrames()}`;
  if (arm.life === 'count') return say('boundary', arm.id, name);
  if (!progress.anchored && what !== arm.anchor) return;
  progress.anchored = true;
  if (progress.passed === arm.index) die(arm, name);
  progress.passed += 1;
}

function readArm(): Arm | null {
  try {
    return JSON.parse(readFileSync(armFile, 'utf8')) as Arm;
  } catch {
    return null;
  }
}

function isMeant(arm: Arm): boolean {
  if (arm.role !== role || (arm.pid !== null && arm.pid !== process.pid)) return false;
  if (arm.site !== null && site !== null && arm.site !== site) return false;
  return arm.life === 'next' ? bornAt > arm.armedAt : bornAt <= arm.armedAt;
}

/**
 * The first process of a namespace is deaf to its own SIGKILL: the vault halts here, in the middle of the call, until the test kills it
 * from outside.
 */
function die(arm: Arm, name: string): never {
  say('killed-here', arm.id, name);
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function say(event: string, id: number, detail: string): void {
  const bytes = Buffer.from(`${JSON.stringify({ level: 'warn', event: `${event} ${id}`, detail })}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

/** The three innermost frames of ours: `file:line function`. */
function ourFrames(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 60;
  const stack = new Error('where').stack ?? '';
  Error.stackTraceLimit = stackTraceLimit;
  const frames = stack.split('\n').flatMap((line) => {
    const at = line.indexOf(`${copy}/`);
    if (at === -1 || line.includes('/node_modules/') || line.includes('kill-instrument.ts')) return [];
    const where = line.slice(at + copy.length + 1).replace(/:\d+\)?$/, '');
    return [`${where} ${/at (?:async )?([^ ]+) \(/.exec(line)?.[1] ?? ''}`.trim()];
  });
  return frames.length === 0 ? 'a library' : frames.slice(0, 3).join(' < ');
}

/** Wraps a method so that `describe` names a boundary before it runs; null: none. */
function watch(
  object: object,
  key: string,
  describe: (self: unknown, args: readonly unknown[]) => string | null,
): void {
  const original = Reflect.get(object, key) as Method;
  Reflect.set(object, key, function watched(this: unknown, ...args: unknown[]): unknown {
    const name = describe(this, args);
    if (name !== null) boundary(name);
    return Reflect.apply(original, this, args);
  });
}

/** Names of files without what chance or a digest put into them. */
function plain(path: unknown): string {
  return String(path)
    .split('/')
    .slice(-2)
    .join('/')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}/g, '*')
    .replace(/\/[0-9a-f]{2}$/, '/*')
    .replaceAll(/\d+/g, 'N');
}

async function watchFiles(): Promise<void> {
  const paths = new WeakMap<object, string>();
  const handle = await fs.promises.open(armFile, 'r');
  const prototype = Object.getPrototypeOf(handle) as object;
  await handle.close();
  const originalOpen = fs.promises.open.bind(fs.promises);
  Reflect.set(fs.promises, 'open', async (...args: Parameters<typeof originalOpen>) => {
    const opened = await originalOpen(...args);
    paths.set(opened, plain(args[0]));
    return opened;
  });
  for (const key of ['sync', 'datasync', 'write', 'writeFile', 'appendFile', 'truncate']) {
    watch(prototype, key, (self) => `file ${key} ${paths.get(Object(self)) ?? '?'}`);
  }
  for (const key of ['rename', 'link', 'unlink', 'rm', 'writeFile', 'appendFile']) {
    watch(fs.promises, key, (_self, [path]) => `file ${key} ${plain(path)}`);
  }
  for (const key of ['fsyncSync', 'renameSync', 'writeFileSync', 'linkSync', 'unlinkSync']) {
    watch(fs, key, (_self, [path]) => `file ${key} ${plain(path)}`);
  }
  syncBuiltinESMExports();
}

function watchDatabases(): void {
  const writes = /^\s*(insert into|update|delete from|commit)\b\s*"?(\w*)/i;
  const describe = (sql: string, args: readonly unknown[]): string | null => {
    const [, verb, table = ''] = writes.exec(sql) ?? [];
    if (verb === undefined) return null;
    const kinds = args.filter((value) => typeof value === 'string' && /^[A-Z][A-Za-z]{3,24}$/.test(value));
    return ['database', verb.toLowerCase(), table, ...new Set(kinds)].join(' ').trim();
  };
  watch(DatabaseSync.prototype, 'exec', (_self, [sql]) => describe(String(sql), []));
  for (const key of ['run', 'all', 'get']) {
    watch(StatementSync.prototype, key, (self, args) =>
      describe(self instanceof StatementSync ? self.sourceSQL : '', args),
    );
  }
}

/** What the message that is being written says, where it can be known before it is masked. */
let message: string | null = null;

async function watchSockets(): Promise<void> {
  // The vault loads no code that connects.
  if (role !== 'vault') {
    const { WebSocket } = await import('ws');
    const send = Reflect.get(WebSocket.prototype, 'send') as unknown as Method;
    Reflect.set(WebSocket.prototype, 'send', function said(this: unknown, ...args: unknown[]): unknown {
      message = describeEvent(args[0]);
      try {
        return Reflect.apply(send, this, args);
      } finally {
        message = null;
      }
    });
  }
  watch(net.Socket.prototype, '_writeGeneric', (self, [, data]) => describeWrite(self, data));
}

function describeWrite(self: unknown, data: unknown): string | null {
  if (self === process.stderr) return null;
  if (self === process.stdout) return role === 'vault' || role === 'courier' ? `frame ${describeFrame(data)}` : null;
  if (message !== null) return message === 'ping' ? null : `message ${message}`;
  return `socket ${describeHttp(data)}`;
}

/** engine.io's and socket.io's packets: `42["event",…]`, `43N[answer]`. */
function describeEvent(data: unknown): string {
  const text = typeof data === 'string' ? data : Buffer.isBuffer(data) ? data.toString('latin1') : '';
  if (/^[23](?:probe)?$/.test(text)) return 'ping';
  const event = /^42\d*\["(\w+)"/.exec(text)?.[1] ?? (text.startsWith('43') ? 'answer' : text.slice(0, 2));
  return `${event} ${kindsIn(text)}`.trim();
}

/** Headers are JSON after a four-byte length; see site-agent/src/channel/codec.ts. */
function describeFrame(data: unknown): string {
  if (!(data instanceof Uint8Array)) return 'pieces';
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
  return `${/"type":"(\w+)"/.exec(text)?.[1] ?? '?'} ${kindsIn(text)}`.trim();
}

function describeHttp(data: unknown): string {
  const [first] = Array.isArray(data) ? (data as readonly unknown[]) : [data];
  const chunk: unknown = typeof first === 'object' && first !== null && 'chunk' in first ? first.chunk : first;
  const text =
    typeof chunk === 'string' ? chunk : chunk instanceof Uint8Array ? Buffer.from(chunk).toString('latin1') : '';
  const line = /^(?:[A-Z]+ \/\S*|HTTP\/1\.1 \d+)/.exec(text)?.[0];
  return line === undefined ? 'bytes' : line.replaceAll(/[0-9a-f]{12,}/g, '*').replace(/[?&]\S*/, '');
}

/** Kinds of the signed records in a message, by the `typ` in their headers. */
function kindsIn(text: string): string {
  const kinds = [...text.matchAll(/eyJ[\w-]{20,200}(?=\.)/g)].flatMap(([header]) => {
    const kind = /wardround-(\w+)\+jws/.exec(Buffer.from(header, 'base64url').toString('latin1'))?.[1];
    return kind === undefined ? [] : [kind];
  });
  const different = [...new Set(kinds)].toSorted();
  return different.length > 3 ? 'many records' : different.join('+');
}

await watchFiles();
watchDatabases();
await watchSockets();
