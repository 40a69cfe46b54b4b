// A hospital's proxy that opens TLS: it answers each CONNECT with a certificate of its own authority, and keeps all that it could read.
// And the web server with a certificate that stands in front of a coordinator.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectPlainly, type Server as PlainServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { CertificateAuthority, ServerIdentity } from './certificate-authority.ts';

export interface OpeningProxy {
  readonly url: string;
  /** HOST:PORT of each tunnel that was asked for. */
  readonly tunnels: readonly string[];
  /** Everything that passed, in both directions, without TLS. */
  readonly seen: () => Buffer;
  readonly close: () => void;
}

/** @param own signs what clients are shown; `upstream` is believed of the servers behind */
export async function startOpeningProxy({
  own,
  upstream,
}: {
  own: CertificateAuthority;
  upstream: CertificateAuthority;
}): Promise<OpeningProxy> {
  const [tunnels, pieces, open]: [string[], Buffer[], Set<Duplex>] = [[], [], new Set()];
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', ({ url = '' }: IncomingMessage, client: Duplex) => {
    tunnels.push(url);
    const { hostname, port } = new URL(`https://${url}`);
    void own.identityFor(hostname).then((identity) => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      const inside = new TLSSocket(client, { isServer: true, ...identity });
      const outside = connect({ host: hostname, port: Number(port), servername: hostname, ca: upstream.pem });
      for (const socket of [client, inside, outside]) {
        open.add(socket);
        socket.on('error', () => undefined).on('close', () => [inside, outside].forEach((each) => each.destroy()));
      }
      for (const socket of [inside, outside]) socket.on('data', (piece: Buffer) => pieces.push(piece));
      inside.pipe(outside).pipe(inside);
    });
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  const close = (): void => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { url, tunnels, seen: () => Buffer.concat(pieces), close };
}

export interface TlsFront {
  /** `https://localhost:PORT`. */
  readonly origin: string;
  /** Where what was sent to it goes; to be set before anybody connects. */
  forwardTo: (url: string) => void;
  readonly close: () => void;
}

export async function startTlsFront(identity: ServerIdentity): Promise<TlsFront> {
  let behind = new URL('http://127.0.0.1:1');
  const open = new Set<Duplex>();
  const server = createTlsServer({ ...identity }, (client) => {
    const inner = connectPlainly(Number(behind.port), behind.hostname);
    for (const socket of [client, inner]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, inner].forEach((each) => each.destroy()));
    }
    client.pipe(inner).pipe(client);
  });
  server.on('tlsClientError', () => undefined);
  const origin = `https://localhost:${await listen(server)}`;
  const close = (): void => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { origin, forwardTo: (url) => void (behind = new URL(url)), close };
}

async function listen(server: Server | PlainServer): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
