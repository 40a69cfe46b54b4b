// A hostile coordinator: a process between the unmodified programs and the real coordinator. It keeps everything it sees, and lies as its attack says.
// Usage: node proxy.ts UPSTREAM PORT ATTACK LOOT-DIRECTORY; prints one line when it listens, and `success: ...` when the attack got what it wanted.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Server, type Socket } from 'socket.io';
import { io as connect, type Socket as ClientSocket } from 'socket.io-client';
import * as z from 'zod';
import { type Bytes, copyBytes } from '@wardround/protocol/bytes';
import { UNVERIFIED_peekDocument } from '@wardround/protocol/jws';
import { followSchema, maxMessageBytes, pageSchema, publishSchema } from '@wardround/protocol/relay-wire';
import type { Attack, Party } from './attack.ts';
import { attackNamed } from './attacks.ts';
import { Views } from './views.ts';

const [upstream = '', port = '0', attackName = '', lootDirectory = ''] = process.argv.slice(2);
mkdirSync(lootDirectory, { recursive: true });
const chunks = new Map<string, Bytes>();
const attack: Attack = await attackNamed(attackName);
const views = new Views(attack, {
  chunk: (digest) => chunks.get(digest),
  success: (what) => {
    appendFileSync(join(lootDirectory, 'success.txt'), `${what}\n`);
    process.stdout.write(`success: ${what}\n`);
  },
});
const parties = new Map<string, Party>();
const proofSchema = z.object({ role: z.string(), name: z.string() });

const http = createServer((request, response) => void passHttp(request, response));
const io = new Server(http, { serveClient: false, maxHttpBufferSize: maxMessageBytes });
io.on('connection', (socket) => bridge(socket));
http.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));

/** One party's connection, carried to the real coordinator by a connection of its own. */
function bridge(down: Socket): void {
  const up = connect(upstream, { forceNew: true, reconnection: false, transports: ['websocket'] });
  let party: Party = { role: 'unknown', name: 'unknown' };
  up.on('challenge', (body: unknown) => down.emit('challenge', body));
  up.on('disconnect', () => down.disconnect(true));
  up.on('connect_error', () => down.disconnect(true));
  down.on('disconnect', () => up.disconnect());
  down.on('prove', (body: { proof: string }, answer: (result: unknown) => void) => {
    loot('proofs.jsonl', body.proof);
    party = proofSchema.parse(UNVERIFIED_peekDocument(body.proof).value);
    up.emit('prove', body, (result: unknown) => {
      remember(result, party);
      answer(result);
    });
  });
  down.on('renew', (body: unknown, answer: (result: unknown) => void) => {
    up.emit('renew', body, (result: unknown) => {
      remember(result, party);
      answer(result);
    });
  });
  down.on('publish', (body: unknown, answer: (result: unknown) => void) => {
    const { topic, jws } = publishSchema.parse(body);
    loot('records.jsonl', JSON.stringify({ party: party.name, topic, jws }));
    up.emit('publish', body, (result: unknown) => {
      void views.arrived({ topic, jws }).then(() => answer(result));
    });
  });
  down.on('follow', (body: unknown, answer: (result: unknown) => void) => {
    const { topic, after, wait } = followSchema.parse(body);
    void pull(up, topic)
      .then(async () => await views.page(party, topic, { after, milliseconds: wait ? 2000 : 0 }))
      .then((records) => answer({ records, rewound: false, end: records.length === 0 }));
  });
  down.on('unfollow', (_body: unknown, answer: (result: unknown) => void) => answer({}));
}

/** Everything that the real board has under a topic, into the views. */
async function pull(up: ClientSocket, topic: string): Promise<void> {
  for (let after = 0; ;) {
    const answer: unknown = await up
      .timeout(5000)
      .emitWithAck('follow', { id: 1, topic, after, chain: null, wait: false });
    const page = pageSchema.safeParse(answer);
    if (!page.success) return;
    for (const { jws, sequence } of page.data.records) {
      await views.arrived({ topic, jws });
      after = sequence;
    }
    if (page.data.records.length === 0) return;
  }
}

function remember(result: unknown, party: Party): void {
  const admitted = z.object({ accessToken: z.string() }).safeParse(result);
  if (admitted.success) parties.set(admitted.data.accessToken, party);
}

async function passHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  const body = Buffer.concat(parts);
  const headers = new Headers();
  for (const name of ['authorization', 'content-type']) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  const answer = await fetch(`${upstream}${request.url ?? ''}`, {
    method: request.method ?? 'GET',
    headers,
    ...(body.length > 0 ? { body } : {}),
  });
  const bytes = copyBytes(new Uint8Array(await answer.arrayBuffer()));
  const digest = /^\/v1\/chunks\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
  response.statusCode = answer.status;
  response.setHeader('content-type', answer.headers.get('content-type') ?? 'application/octet-stream');
  if (digest === undefined || !answer.ok) {
    response.end(bytes);
    return;
  }
  const party = parties.get((request.headers.authorization ?? '').replace(/^Bearer /, '')) ?? {
    role: 'unknown',
    name: 'unknown',
  };
  const chunk = request.method === 'PUT' ? copyBytes(body) : bytes;
  chunks.set(digest, chunk);
  writeFileSync(join(lootDirectory, `chunk-${digest}`), chunk);
  response.end(request.method === 'GET' ? (attack.serve?.(digest, bytes, party) ?? bytes) : bytes);
}

function loot(file: string, line: string): void {
  appendFileSync(join(lootDirectory, file), `${line}\n`);
}
