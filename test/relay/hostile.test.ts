// A coordinator that lies to the real client: proofs passed on, pages out of order, answers that are none, chunks without end.
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { generateSigningKey } from '@wardround/protocol/keys';
import { chunkDigest, maxChunkSize } from '@wardround/protocol/manifest';
import { connectRelay, type ConnectOptions, type RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { RawParty, startLocal } from '../fakes/raw-party.ts';
import { take } from '../fakes/board.ts';

const admitted = { accessToken: 'token', expiresAt: '2026-11-01T00:00:00.000Z' };
const key = generateSigningKey();
const bytes = utf8('ciphertext');
const digest = chunkDigest(bytes);

let http: HttpServer;
let io: Server;
let url: string;
let connection: RelayConnection | null;
/** What the hostile coordinator answers; each test sets what it needs. */
let answer: (event: string, body: unknown, socket: Socket) => unknown;
let serve: (request: IncomingMessage, response: ServerResponse) => void;
let challenge: (socket: Socket) => void;

beforeEach(async () => {
  connection = null;
  answer = (event) => (event === 'prove' || event === 'renew' ? admitted : {});
  serve = (_request, response) => void response.writeHead(500).end();
  challenge = (socket) => void socket.emit('challenge', { nonce: 'a'.repeat(64) });
  http = createServer((request, response) => {
    if (request.url?.startsWith('/v1/') === true) serve(request, response);
  });
  io = new Server(http, { serveClient: false });
  io.on('connection', (socket) => {
    socket.onAny((event: string, body: unknown, acknowledge: (value: unknown) => void) => {
      void Promise.resolve(answer(event, body, socket)).then(acknowledge);
    });
    challenge(socket);
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const address = http.address();
  url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
});
afterEach(async () => {
  await connection?.close();
  await io.close();
});

/** Connects with waits that take no time, and are counted. */
async function connect(options: Partial<ConnectOptions> = {}): Promise<RelayConnection & { waits: () => number }> {
  let waits = 0;
  const timing = {
    random: () => 0,
    sleep: async () => {
      waits += 1;
      await new Promise(setImmediate);
    },
  };
  connection = await connectRelay({
    url,
    prove: proveWith({ role: 'site', name: 'a', key }),
    proxyUrl: null,
    timing,
    ...options,
  });
  return { ...connection, waits: () => waits };
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

describe('a proof', () => {
  it('that a hostile coordinator passes on to the real one is refused there', async () => {
    const real = await startLocal();
    const victim = await RawParty.connect(real.listening);
    challenge = (socket) => void socket.emit('challenge', { nonce: victim.nonce });
    const stolen = Promise.withResolvers<unknown>();
    answer = (event, body) => {
      if (event === 'prove') stolen.resolve(body);
      return event === 'prove' ? { error: { code: 'auth-unknown', message: 'sorry', action: 'fix' } } : {};
    };
    expect(await codeOf(connect())).toBe('auth-unknown');
    expect(await victim.code('prove', await stolen.promise)).toBe('auth-audience');
    victim.close();
    await real.dispose();
  });

  it('is made for every connection anew, and its failure is told', async () => {
    const failure = new Error('the vault is closed');
    const prove = async (): Promise<string> => await Promise.reject(failure);
    await expect(connect({ prove })).rejects.toBe(failure);
  });

  it('is not made for a challenge that is none', async () => {
    const nonces = ['short', 'b'.repeat(64)];
    challenge = (socket) => void socket.emit('challenge', { nonce: nonces.shift() });
    const asked: string[] = [];
    const prove = async ({ nonce, audience }: { nonce: string; audience: string }): Promise<string> => {
      asked.push(`${nonce} ${audience}`);
      return await Promise.resolve('proof');
    };
    await connect({ prove });
    expect(asked).toEqual([`${'b'.repeat(64)} ${url}`]);
  });
});

describe('a page', () => {
  const record = (sequence: number): object => ({ sequence, jws: `jws ${sequence}` });
  const good = { records: [record(1), record(2)], rewound: false, end: true };
  it.each([
    ['out of order', { ...good, records: [record(2), record(1)] }],
    ['with a gap', { ...good, records: [record(1), record(3)] }],
    ['that starts later', { ...good, records: [record(2)] }],
    ['with a record of another form', { ...good, records: [{ sequence: 1, jws: 1 }] }],
    ['with a record too long', { ...good, records: [{ sequence: 1, jws: 'x'.repeat(5_700_000) }] }],
    ['with a field too many', { ...good, more: 1 }],
    ['that is none', 'page'],
    ['that is a refusal to try later', { error: { code: 'follow-limit', message: 'later', action: 'retry' } }],
  ])('%s is not shown, and asked for again', async (_what, bad) => {
    const pages: unknown[] = [bad, good];
    answer = (event) => (event === 'follow' ? pages.shift() : admitted);
    const { board, waits } = await connect();
    const got = await take(board, { topic: 'federation', count: 2 });
    expect(got.map((shown) => shown.jws)).toEqual(['jws 1', 'jws 2']);
    expect(waits()).toBe(1);
  });

  it('is asked for again after the connection broke in between', async () => {
    let asked = 0;
    answer = async (event, _body, socket) => {
      if (event !== 'follow') return admitted;
      asked += 1;
      if (asked > 1) return good;
      socket.disconnect(true);
      return await new Promise(() => undefined);
    };
    const { board } = await connect();
    expect(await take(board, { topic: 'federation', count: 2 })).toHaveLength(2);
    expect(asked).toBe(2);
  });

  it('is not waited for any more when its reader is gone or the connection is closed', async () => {
    const asked = Promise.withResolvers<void>();
    const told = Promise.withResolvers<unknown>();
    answer = async (event, body) => {
      if (event === 'unfollow') told.resolve(body);
      if (event !== 'follow') return admitted;
      asked.resolve();
      return await new Promise(() => undefined);
    };
    const { board, close } = await connect();
    const stop = new AbortController();
    const reading = take(board, { topic: 'federation', count: 1 });
    const gone = board.follow('federation', { after: 0, signal: stop.signal })[Symbol.asyncIterator]().next();
    await asked.promise;
    stop.abort();
    expect(await gone).toEqual({ done: true, value: undefined });
    expect(await told.promise).toMatchObject({ id: 2 });
    await close();
    expect(await codeOf(reading)).toBe('relay-aborted');
  });
});

describe('an answer to a publication', () => {
  it.each([
    ['is taken for what it says', { error: { code: 'publish-kind', message: 'no', action: 'fix' } }, 'publish-kind'],
    [
      'does not bring its own text as a code',
      { error: { code: 'x\u001b[31m', message: 'no', action: 'fix' } },
      'relay-refused',
    ],
  ])('%s', async (_what, given, code) => {
    answer = (event) => (event === 'publish' ? given : admitted);
    const { board } = await connect();
    expect(await codeOf(board.publish('federation', 'jws'))).toBe(code);
  });

  it('is repeated until it is one', async () => {
    const answers: unknown[] = [null, {}, { sequence: 0 }, { sequence: 1, more: 1 }, { sequence: 1 }];
    answer = (event) => (event === 'publish' ? answers.shift() : admitted);
    const { board, waits } = await connect();
    await board.publish('federation', 'jws');
    expect(waits()).toBe(4);
    expect(await codeOf(board.publish('nowhere', 'jws'))).toBe('record-invalid');
  });
});

describe('a chunk', () => {
  const reply =
    (status: number, body: Uint8Array | string): typeof serve =>
    (_request, response) => {
      response.writeHead(status).end(body);
    };
  const refusal = (code: string, action: string): string => JSON.stringify({ error: { code, message: 'x', action } });

  it('that is not the one asked for is asked for three times, then refused', async () => {
    let asked = 0;
    serve = (request, response) => {
      asked += 1;
      reply(200, 'ciphertexu')(request, response);
    };
    const { chunks } = await connect();
    expect(await codeOf(chunks.get(digest))).toBe('chunk-digest');
    expect(asked).toBe(3);
  });

  it('without end is cut off, and asked for again', async () => {
    const first: (typeof serve)[] = [
      (_request, response) => {
        response.writeHead(200);
        const more = (): void => {
          while (!response.destroyed && response.write(new Uint8Array(1024 * 1024)));
        };
        response.on('drain', more);
        more();
      },
    ];
    serve = (request, response) => (first.shift() ?? reply(200, bytes))(request, response);
    const { chunks, waits } = await connect();
    expect(await chunks.get(digest)).toEqual(bytes);
    expect(waits()).toBe(1);
    expect(maxChunkSize).toBe(8 * 1024 * 1024);
  });

  it.each<[string, number, string]>([
    ['an error that passes', 500, refusal('internal', 'retry')],
    ["a proxy's page", 502, '<html>'],
    ['an expired token', 401, refusal('auth-token', 'retry')],
    ['a redirection', 302, ''],
  ])('is asked for again after %s', async (_what, status, body) => {
    const first = [reply(status, body)];
    serve = (request, response) => (first.shift() ?? reply(200, bytes))(request, response);
    const { chunks, waits } = await connect();
    expect(await chunks.get(digest)).toEqual(bytes);
    expect(waits()).toBe(1);
  });

  it('is asked for with the new token after the old one expired', async () => {
    answer = (event) => (event === 'renew' ? { ...admitted, accessToken: 'renewed' } : admitted);
    serve = (request, response) => {
      const renewed = request.headers.authorization === 'Bearer renewed';
      (renewed ? reply(200, bytes) : reply(401, refusal('auth-token', 'retry')))(request, response);
    };
    const { chunks } = await connect();
    expect(await chunks.get(digest)).toEqual(bytes);
  });

  it.each([
    ['that is missing', 404, 'chunk-missing', 'retry'],
    ['that this party may not have', 403, 'chunk-forbidden', 'fix'],
    ['for which there is no space', 507, 'chunk-quota', 'stop'],
  ])('%s is told at once', async (_what, status, code, action) => {
    serve = reply(status, refusal(code, action));
    const { chunks, waits } = await connect();
    expect(await codeOf(chunks.get(digest))).toBe(code);
    expect(waits()).toBe(0);
  });

  it('is not sent under another name', async () => {
    const { chunks } = await connect();
    expect(await codeOf(chunks.put('1'.repeat(64), bytes))).toBe('chunk-digest');
  });

  it('is not said to be missing where it was not asked for', async () => {
    const answers = [{ digests: ['1'.repeat(64)] }, { digests: 'all' }, { digests: [digest] }];
    serve = (request, response) => reply(200, JSON.stringify(answers.shift()))(request, response);
    const { chunks, waits } = await connect();
    expect(await chunks.missing([digest])).toEqual([digest]);
    expect(waits()).toBe(2);
  });
});
