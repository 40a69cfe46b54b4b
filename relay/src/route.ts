// How the coordinator is reached: directly, or through the hospital's proxy. Neither socket.io nor undici reads HTTPS_PROXY by itself.
import { HttpsProxyAgent } from 'https-proxy-agent';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { WardroundError } from '@wardround/protocol/errors';

export interface Route {
  /** Origin of the coordinator: what proofs name as their audience. */
  readonly origin: string;
  /** For HTTP requests. */
  readonly dispatcher: Dispatcher;
  /** For socket.io, in the form in which it hands options to a transport. */
  readonly transport: Readonly<Record<string, unknown>>;
  readonly close: () => Promise<void>;
}

export interface RouteOptions {
  readonly url: string;
  /** A proxy's URL; null for none; undefined for what the environment says (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
  readonly proxyUrl?: string | null | undefined;
  /** PEM certificates that are trusted instead of the built-in ones. */
  readonly ca?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** @throws WardroundError `relay-url`, `relay-proxy` */
export function openRoute({ url, proxyUrl, ca, environment = process.env }: RouteOptions): Route {
  const { origin } = requireUrl(url, 'relay-url');
  const proxy = proxyUrl === undefined ? proxyFromEnvironment(origin, environment) : proxyUrl;
  const tls = ca === undefined ? {} : { ca };
  if (proxy === null) {
    const dispatcher = new Agent({ connect: { ...tls } });
    return { origin, dispatcher, transport: tls, close: async () => await dispatcher.destroy() };
  }
  const via = requireUrl(proxy, 'relay-proxy');
  const dispatcher = new ProxyAgent({ uri: via.href, requestTls: tls, proxyTunnel: true });
  const agent = new HttpsProxyAgent(via);
  return {
    origin,
    dispatcher,
    transport: { ...tls, agent },
    close: async () => {
      agent.destroy();
      await dispatcher.destroy();
    },
  };
}

/** The proxy for an origin by the usual variables, lower case first; null for none. */
export function proxyFromEnvironment(
  origin: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  const url = new URL(origin);
  const variable = (name: string): string => environment[name.toLowerCase()] ?? environment[name] ?? '';
  if (isExempt(url, variable('NO_PROXY'))) return null;
  const proxy = variable(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  return proxy === '' ? null : proxy;
}

/** NO_PROXY: `*`, or names (`hospital.example` and everything under it, with or without a leading dot), each perhaps with a port. */
function isExempt(url: URL, list: string): boolean {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      const host = name.replace(/^\*?\./, '');
      const fits = url.hostname === host || url.hostname.endsWith(`.${host}`);
      return fits && (onlyPort === undefined || onlyPort === port);
    });
}

function requireUrl(text: string, code: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  // The text is not quoted: a proxy's URL may hold a password.
  throw new WardroundError(code, 'not an http or https URL', { expected: 'https://HOST' });
}
