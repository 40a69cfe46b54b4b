// How the coordinator is reached: proxies from the environment, exemptions, refused URLs, and a real tunnel.
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { chunkDigest } from '@wardround/protocol/manifest';
import { connectRelay } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { openRoute, proxyFromEnvironment } from '@wardround/relay/route';
import { all, makeFounded, siteOf } from '../fakes/board.ts';
import { type LocalCoordinator, startLocal } from '../fakes/raw-party.ts';

describe('the proxy that the environment names', () => {
  const proxies = { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'http://plain:3128' };
  it.each([
    ['https://c.example', {}, 'http://proxy:3128'],
    ['http://c.example', {}, 'http://plain:3128'],
    ['https://c.example', { https_proxy: 'http://lower:1' }, 'http://lower:1'],
    ['https://c.example', { HTTPS_PROXY: '' }, null],
    ['https://c.example', { NO_PROXY: '*' }, null],
    ['https://c.example', { NO_PROXY: 'c.example' }, null],
    ['https://c.example', { no_proxy: 'other.example, c.example' }, null],
    ['https://c.example', { NO_PROXY: 'C.EXAMPLE' }, null],
    ['https://a.c.example', { NO_PROXY: 'c.example' }, null],
    ['https://a.c.example', { NO_PROXY: '.c.example' }, null],
    ['https://a.c.example', { NO_PROXY: '*.c.example' }, null],
    ['https://c.example', { NO_PROXY: 'c.example:443' }, null],
    ['https://c.example:8443', { NO_PROXY: 'c.example:443' }, 'http://proxy:3128'],
    ['https://evilc.example', { NO_PROXY: 'c.example' }, 'http://proxy:3128'],
    ['https://c.example.evil', { NO_PROXY: 'c.example' }, 'http://proxy:3128'],
    ['https://c.example', { NO_PROXY: '' }, 'http://proxy:3128'],
    ['http://127.0.0.1:8470', { NO_PROXY: 'localhost,127.0.0.1' }, null],
  ])('for %s with %j is %j', (origin, environment, proxy) => {
    expect(proxyFromEnvironment(origin, { ...proxies, ...environment })).toBe(proxy);
  });
});

describe('a URL', () => {
  it.each([
    ['c.example', undefined, 'relay-url'],
    ['ftp://c.example', undefined, 'relay-url'],
    ['https://c.example', 'socks5://user:hunter2@p', 'relay-proxy'],
    ['https://c.example', 'hunter2', 'relay-proxy'],
  ])('%s through %s is refused, unquoted', (url, proxyUrl, code) => {
    const open = (): unknown => openRoute({ url, proxyUrl: proxyUrl ?? null });
    expect(open).toThrow(expect.objectContaining({ code }));
    expect(open).not.toThrow(/hunter2/);
  });

  it('gives the origin alone as the audience', async () => {
    const route = openRoute({ url: 'https://user@c.example:443/path?x', proxyUrl: null });
    expect(route.origin).toBe('https://c.example');
    await route.close();
  });
});

describe('through a proxy', () => {
  let coordinator: LocalCoordinator;
  let proxy: Server;
  let proxyUrl: string;
  const tunnels: string[] = [];

  beforeAll(async () => {
    coordinator = await startLocal();
    proxy = createServer((_request, response) => response.writeHead(405).end());
    proxy.on('connect', ({ url = '' }, client) => {
      tunnels.push(url);
      const { hostname, port } = new URL(`http://${url}`);
      const upstream = connect(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [upstream, client]) socket.on('error', () => upstream.destroy());
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const address: AddressInfo | string | null = proxy.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxyUrl = `http://127.0.0.1:${address.port}`;
  });
  afterAll(async () => {
    proxy.closeAllConnections();
    proxy.close();
    await coordinator.dispose();
  });

  it('records and chunks both go through tunnels, and nothing beside them', async () => {
    const founded = await makeFounded();
    const site = siteOf(founded);
    const connection = await connectRelay({
      url: coordinator.listening,
      prove: proveWith({ role: 'site', name: 'a', key: site.agent, token: coordinator.secrets.invitation }),
      proxyUrl,
    });
    for (const jws of founded.federation.records) await connection.board.publish('federation', jws);
    expect(await all(connection.snapshot('federation'))).toHaveLength(4);
    const afterBoard = tunnels.length;
    expect(afterBoard).toBeGreaterThan(0);
    const bytes = utf8('ciphertext');
    await connection.chunks.put(chunkDigest(bytes), bytes);
    expect(await connection.chunks.get(chunkDigest(bytes))).toEqual(bytes);
    expect(tunnels.length).toBeGreaterThan(afterBoard);
    expect(new Set(tunnels)).toEqual(new Set([new URL(coordinator.listening).host]));
    await connection.close();
  });
});
