// The vendors' services, played by a server in the test: what each address answers, one answer after another, and what was asked.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | string;
  /** Promise this many bytes and close after what there is. */
  readonly promise?: number;
}

type Handler = (request: { readonly path: string; readonly body: Buffer }) => Answer;

export class VendorService {
  readonly #server: Server;
  readonly #answers = new Map<string, (Answer | Handler)[]>();
  /** Paths with their query, in the order in which they were asked for. */
  readonly asked: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<VendorService> {
    const server = createServer();
    const service = new VendorService(server);
    server.on('request', (request, response) => void service.#respond(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get url(): string {
    const address = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  /** The answers to a path, one after another; the last one stays. */
  on(path: string, ...answers: readonly (Answer | Handler)[]): this {
    this.#answers.set(path, [...answers]);
    return this;
  }

  /** Shows the headers of each request. */
  onHeaders(look: (headers: IncomingMessage['headers']) => void): void {
    this.#server.on('request', ({ headers }: IncomingMessage) => look(headers));
  }

  forget(): void {
    this.asked.length = 0;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.asked.push(path);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(Buffer.from(part));
    const answer = this.#next(path, Buffer.concat(parts));
    const body = Buffer.from(answer.body ?? '');
    response.writeHead(answer.status ?? 200, {
      'content-length': String(answer.promise ?? body.byteLength),
      ...Object.fromEntries(
        Object.entries(answer.headers ?? {}).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : [...value],
        ]),
      ),
    });
    if (answer.promise === undefined) response.end(body);
    else response.write(body, () => response.destroy());
  }

  #next(path: string, body: Buffer): Answer {
    const answers = this.#answers.get(path);
    const answer = answers !== undefined && answers.length > 1 ? answers.shift() : answers?.[0];
    if (answer === undefined) return { status: 404, body: 'unknown' };
    return typeof answer === 'function' ? answer({ path, body }) : answer;
  }
}
