// One request to a vendor's service, or to a hospital's own mirror of it: bounded, never redirected, and told apart by whether trying again helps.
import { openRoute, type Route } from '@wardround/relay/route';
import { type Bytes, concatBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

export interface HttpRequest {
  readonly url: string;
  readonly maxBytes: number;
  /** Present for a POST. */
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
  /** A secret for this service alone. */
  readonly bearer?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly bytes: Bytes;
  /** Names in lower case; of a header that came twice nothing is believed. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The service is there but not now: trying again may help. */
export class Unavailable extends Error {
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfter: number | null;

  constructor(message: string, retryAfter: number | null, cause?: unknown) {
    super(message, { cause });
    this.name = 'Unavailable';
    this.retryAfter = retryAfter;
  }
}

export type SendRequest = (request: HttpRequest) => Promise<HttpAnswer>;

/** Statuses after which the same request may succeed. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const silenceMs = 30_000;

/** Requests over connections that are kept, through the proxy that the environment names for an origin (HTTPS_PROXY, NO_PROXY). */
export class HttpClient {
  readonly #routes = new Map<string, Route>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /**
   * @throws Unavailable where trying again may help
   * @throws WardroundError `collateral-redirect`, `collateral-not-given`, `collateral-too-large`, `relay-url`, `relay-proxy`
   */
  readonly send: SendRequest = async ({ url, maxBytes, body, bearer, signal }) => {
    const { origin, pathname, search } = new URL(url);
    try {
      const answer = await this.#route(origin).dispatcher.request({
        origin,
        path: `${pathname}${search}`,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          accept: '*/*',
          ...(body === undefined ? {} : { 'content-type': body.type }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: body?.bytes ?? null,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
        ...(signal === undefined ? {} : { signal }),
      });
      const headers = singleHeaders(answer.headers);
      if (answer.statusCode === 200) return { bytes: await readBounded(answer.body, { maxBytes, url }), headers };
      answer.body.on('error', () => {}).destroy();
      throw this.#refusal(answer.statusCode, { url, headers });
    } catch (error) {
      if (error instanceof WardroundError || error instanceof Unavailable || signal?.aborted === true) throw error;
      throw new Unavailable(`no whole answer from ${origin} (${messageOf(error)})`, null, error);
    }
  };

  async close(): Promise<void> {
    await Promise.all([...this.#routes.values()].map(async (route) => await route.close()));
  }

  #route(origin: string): Route {
    const known = this.#routes.get(origin);
    if (known !== undefined) return known;
    const route = openRoute({ url: origin });
    this.#routes.set(origin, route);
    return route;
  }

  #refusal(status: number, { url, headers }: { url: string; headers: HttpAnswer['headers'] }): Error {
    const { host } = new URL(url);
    if (passing.has(status))
      return new Unavailable(`${host} answers HTTP ${status}`, retryAfterMs(headers.get('retry-after'), this.#now()));
    if (status >= 300 && status < 400) {
      return new WardroundError(
        'collateral-redirect',
        'sent elsewhere; addresses are not followed, they are configured',
        {
          where: url,
          got: `HTTP ${status} to ${headers.get('location') ?? 'nowhere'}`,
        },
      );
    }
    return new WardroundError('collateral-not-given', 'the service does not give out this item', {
      where: url,
      got: `HTTP ${status}`,
    });
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. */
export function retryAfterMs(value: string | undefined, now: Date): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = /^[A-Z][a-z]{2}, .* GMT$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now.getTime());
}

function singleHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name.toLowerCase(), value] as const] : [],
    ),
  );
}

async function readBounded(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, url }: { maxBytes: number; url: string },
): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of body) {
    total += part.byteLength;
    // Leaving the loop destroys the response: nobody fills our memory.
    if (total > maxBytes) {
      throw new WardroundError('collateral-too-large', 'larger than any item of this kind', {
        where: url,
        expected: `at most ${maxBytes} bytes`,
      });
    }
    parts.push(part);
  }
  return concatBytes(...parts);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause instanceof Error ? error.cause : error;
  return 'code' in inner && typeof inner.code === 'string' ? inner.code : inner.message;
}
