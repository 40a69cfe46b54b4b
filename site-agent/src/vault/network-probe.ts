// The vault looks for itself whether the operating system keeps it off the network, and does not start where it could get out.
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import { WardroundError } from '@wardround/protocol/errors';

/** Documentation addresses (RFC 5737, RFC 3849): nobody is there, but a way to them means a way out. */
const outside = [
  { host: '192.0.2.1', family: 4 },
  { host: '2001:db8::1', family: 6 },
] as const;
const patienceMs = 500;

export interface Reach {
  /** Names of interfaces that are not the loopback. */
  readonly interfaces: readonly string[];
  /** What did not fail at once. */
  readonly ways: readonly string[];
}

/** Without a network every try fails at once (ENETUNREACH); anything else, silence included, is a way out. */
export async function probeNetwork(): Promise<Reach> {
  const interfaces = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).some(({ internal }) => !internal) ? [name] : [],
  );
  const tries = await Promise.all(
    outside.flatMap(({ host, family }) => [
      tryTcp(host).then((reached) => (reached ? [`TCP over IPv${family}`] : [])),
      tryUdp(host, family).then((reached) => (reached ? [`UDP over IPv${family}`] : [])),
    ]),
  );
  return { interfaces, ways: tries.flat() };
}

/**
 * @param reach of {@link probeNetwork} @param accepted whether site.yaml says `vaultNotIsolated`, the named weakness
 * @throws WardroundError `vault-not-isolated` naming the way out
 */
export function requireIsolated({ interfaces, ways }: Reach, accepted: boolean): void {
  if (accepted || (interfaces.length === 0 && ways.length === 0)) return;
  throw new WardroundError('vault-not-isolated', 'this process can reach a network, and must not', {
    expected: 'no interface but the loopback, and no way out',
    got: [...interfaces, ...ways].join(', '),
    where: 'vaultIsolation in site.yaml',
    action: 'stop',
  });
}

async function tryTcp(host: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host, port: 443 });
    const settle = (reached: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reached);
    };
    const timer = setTimeout(() => settle(true), patienceMs);
    socket.once('connect', () => settle(true));
    socket.once('error', (error) => settle(!isUnreachable(error)));
  });
}

async function tryUdp(host: string, family: 4 | 6): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    const settle = (reached: boolean): void => {
      socket.close();
      resolve(reached);
    };
    socket.once('error', (error) => settle(!isUnreachable(error)));
    socket.send(new Uint8Array([0]), 53, host, (error) => settle(error === null ? true : !isUnreachable(error)));
  });
}

const unreachable: ReadonlySet<unknown> = new Set([
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EPERM',
  'EACCES',
  'ERR_ACCESS_DENIED',
  'ENETDOWN',
]);

function isUnreachable(error: Error): boolean {
  return 'code' in error && unreachable.has(error.code);
}
