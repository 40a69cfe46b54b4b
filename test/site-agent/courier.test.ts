// The courier: reaches the coordinator that the vault names, keeps trying while nobody knows it, and ends with its pipe.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { ConnectOptions, RelayConnection } from '@wardround/relay/connect';
import type { Hello } from '../../site-agent/src/channel/courier-link.ts';
import { encodeFrame } from '../../site-agent/src/channel/codec.ts';
import type { VaultHeader } from '../../site-agent/src/channel/frames.ts';
import { reachCoordinator } from '../../site-agent/src/courier/reach-coordinator.ts';
import { launchCourier } from '../../site-agent/src/isolation/launch.ts';
import { startProcess } from '../../site-agent/src/isolation/start-process.ts';
import { createMemoryRelay } from '../fakes/memory-relay.ts';

function frame(header: VaultHeader, body?: Uint8Array): Uint8Array {
  return encodeFrame(header, body);
}

const hello = { name: 'north', coordinator: 'http://c.example', proxy: null };
const silent = { debug: (): void => undefined, info: (): void => undefined, warn: (): void => undefined };

interface Tried {
  readonly said: string[];
  readonly waits: number[];
  readonly options: ConnectOptions[];
  readonly reached: Promise<RelayConnection>;
  readonly stop: AbortController;
}

function reach(outcomes: readonly (WardroundError | 'in')[], greeting: Hello = hello): Tried {
  const said: string[] = [];
  const waits: number[] = [];
  const options: ConnectOptions[] = [];
  const stop = new AbortController();
  const reached = reachCoordinator({
    hello: greeting,
    link: {
      prove: async (nonce, audience) => await Promise.resolve(`proof of ${nonce} for ${audience}`),
      online: async (online) => void (await Promise.resolve(said.push(online ? 'online' : 'offline'))),
      rewound: async (topic) => void (await Promise.resolve(said.push(`rewound ${topic}`))),
    },
    log: { ...silent, info: (_fields, message) => void said.push(message) },
    signal: stop.signal,
    connect: async (given) => {
      const outcome = outcomes[options.length];
      options.push(given);
      if (outcome === 'in') given.onOnline?.(true);
      if (outcome === 'in')
        return { ...createMemoryRelay().connect('north'), close: async () => await Promise.resolve() };
      return await Promise.reject(outcome ?? new Error('more attempts than outcomes'));
    },
    wait: async (milliseconds) => void (await Promise.resolve(waits.push(milliseconds))),
  });
  reached.catch(() => undefined);
  return { said, waits, options, reached, stop };
}

const unknown = new WardroundError('auth-unknown', 'not a member');

describe('reaching the coordinator', () => {
  it('goes where the vault says, with proofs that only the vault can make', async () => {
    const { reached, options, said } = reach(['in']);
    await reached;
    expect(options[0]).toMatchObject({ url: 'http://c.example' });
    expect(await options[0]?.prove({ nonce: 'n', audience: 'a' })).toBe('proof of n for a');
    options[0]?.onRewind?.('federation');
    expect(said).toEqual(['online', 'connected', 'rewound federation']);
  });

  it('tells the vault when the coordinator goes away and is back, and the log when it is back', async () => {
    const { reached, options, said } = reach(['in']);
    await reached;
    options[0]?.onOnline?.(false);
    options[0]?.onOnline?.(true);
    expect(said).toEqual(['online', 'connected', 'offline', 'online', 'connected again']);
  });

  it.each([
    ['that site.yaml names', 'http://proxy:3128', { proxyUrl: 'http://proxy:3128' }],
    ['of the environment where site.yaml names none', null, {}],
  ])('takes the proxy %s', async (_which, proxy, expected) => {
    const { reached, options } = reach(['in'], { ...hello, proxy });
    await reached;
    const { proxyUrl } = options[0] ?? {};
    expect(proxyUrl === undefined ? {} : { proxyUrl }).toEqual(expected);
  });

  it('waits longer and longer, up to a quarter of a minute, while the federation is not founded', async () => {
    const { reached, waits } = reach([unknown, unknown, unknown, unknown, unknown, unknown, unknown, 'in']);
    await reached;
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  it.each(['relay-url', 'relay-proxy', 'relay-aborted'])('gives up at once for %s', async (code) => {
    const { reached, waits } = reach([new WardroundError(code, 'x')]);
    await expect(reached).rejects.toMatchObject({ code });
    expect(waits).toEqual([]);
  });

  it('does not hide a mistake in a program', async () => {
    const { reached } = reach([]);
    await expect(reached).rejects.toThrow('more attempts than outcomes');
  });
});

describe('the courier process', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(['HTTP_PROXY', 'http_proxy'])('goes through the proxy of the agent’s own %s', async (variable) => {
    const proxy = createServer().listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = proxy.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    vi.stubEnv(variable, `http://127.0.0.1:${address.port}`);
    const child = startProcess(launchCourier());
    child.stdout.resume();
    child.stderr.resume();
    child.stdin.write(frame({ type: 'hello', name: 'north', coordinator: 'http://coordinator.invalid', proxy: null }));
    const [socket]: Socket[] = await once(proxy, 'connection');
    const [asked]: Buffer[] = socket === undefined ? [] : await once(socket, 'data');
    expect(String(asked)).toMatch(/^CONNECT coordinator\.invalid:80 /);
    socket?.destroy();
    child.stdin.end();
    await once(child, 'exit');
    proxy.close();
  });

  it('inherits the proxy’s variables, and no other of the caller’s', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy:3128');
    vi.stubEnv('no_proxy', 'c.example');
    vi.stubEnv('NODE_OPTIONS', '--inspect');
    vi.stubEnv('PGPASSWORD', 'x');
    const { env } = launchCourier();
    expect(env).toMatchObject({ HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'c.example' });
    expect(Object.keys(env)).not.toContain('NODE_OPTIONS');
    expect(Object.keys(env)).not.toContain('PGPASSWORD');
  });

  it('ends when its pipe closes before a word was said', async () => {
    const child = startProcess(launchCourier());
    child.stdin.end();
    child.stdout.resume();
    child.stderr.resume();
    await once(child, 'exit');
  });

  it('ends when its pipe closes while it is trying to connect', async () => {
    const child = startProcess(launchCourier());
    // Nobody listens on the port of a server that is gone; the courier tries on.
    child.stdin.write(frame({ type: 'hello', name: 'north', coordinator: 'http://127.0.0.1:1', proxy: null }));
    await once(child.stderr, 'data');
    child.stdin.end();
    child.stdout.resume();
    child.stderr.resume();
    await once(child, 'exit');
  });

  it.each<[string, Uint8Array]>([
    ['no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame of the other direction', encodeFrame({ type: 'online' })],
    ['a publication before the hello', frame({ type: 'publish', id: 1, topic: 'federation' }, Buffer.from('x'))],
  ])('ends at %s, and says nothing to the vault', async (_what, bytes) => {
    const child = startProcess(launchCourier());
    const said: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => said.push(piece));
    child.stderr.resume();
    child.stdin.write(bytes);
    const [code]: unknown[] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(said).toEqual([]);
  });
});
