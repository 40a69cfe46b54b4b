// The bulk side: chunks over HTTP, each request with a bearer token that an authenticated connection obtained.
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { maxChunkSize } from '@wardround/protocol/manifest';
import { digestsSchema, maxMissingQuery } from '@wardround/protocol/relay-wire';
import type { AccessTokens } from './access-token.ts';
import type { ChunkDirectory } from './chunk-directory.ts';
import type { Publication } from './publication.ts';

export interface HttpParts {
  readonly chunks: ChunkDirectory;
  readonly tokens: AccessTokens;
  readonly publication: Publication;
  readonly log: Logger;
}

const statuses: Readonly<Record<string, number>> = {
  'auth-token': 401,
  'auth-unknown': 403,
  'chunk-forbidden': 403,
  'chunk-missing': 404,
  'http-unknown': 404,
  'chunk-too-large': 413,
  'chunk-quota': 507,
};

/** The routes; the caller listens and closes. */
export function serveHttp(parts: HttpParts): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: maxChunkSize, requestTimeout: 300_000 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: maxMissingQuery * 70 + 1024 },
    (_request, body, done) => done(null, parseJson(body.toString())),
  );
  app.setErrorHandler((error, _request, reply) => {
    const refusal = asRefusal(error);
    if (refusal.code === 'internal') parts.log.error({ err: error }, 'request failed');
    const { code, message, action } = refusal;
    void reply.code(statuses[code] ?? (code === 'internal' ? 500 : 400)).send({ error: { code, message, action } });
  });
  app.setNotFoundHandler(() => {
    throw new WardroundError('http-unknown', 'no such address');
  });
  app.get('/v1/health', async () => await Promise.resolve({ status: 'ok' }));
  void app.register(async (scope) => {
    await Promise.resolve();
    chunkRoutes(scope, parts);
  });
  return app;
}

function chunkRoutes(scope: FastifyInstance, { chunks, tokens, publication }: HttpParts): void {
  // Before the body is read: a stranger cannot make us hold eight megabytes.
  scope.addHook('onRequest', async (request) => {
    const identity = await tokens.check(request.headers.authorization);
    const rights = await publication.rights(identity);
    const needed = request.method === 'PUT' ? ['readAndWrite'] : ['readAndWrite', 'read'];
    if (!needed.includes(rights.chunks)) {
      // A member whose federation this board lost may return: then it is a matter of time.
      const action = rights.chunks === 'none' && identity.role !== 'joining' ? 'retry' : 'fix';
      throw new WardroundError('chunk-forbidden', `a connection as ${identity.role} may not do this`, { action });
    }
  });
  scope.route({
    method: 'PUT',
    url: '/v1/chunks/:digest',
    handler: async (request) => {
      if (!Buffer.isBuffer(request.body)) {
        throw new WardroundError('chunk-empty', 'expected the bytes of a chunk as application/octet-stream');
      }
      await chunks.put(digestOf(request), request.body);
      return {};
    },
  });
  scope.route({
    method: 'GET',
    url: '/v1/chunks/:digest',
    handler: async (request, reply) => {
      const bytes = await chunks.get(digestOf(request));
      return await reply.type('application/octet-stream').send(Buffer.from(bytes.buffer));
    },
  });
  scope.route({
    method: 'POST',
    url: '/v1/chunks/missing',
    handler: async ({ body }) => {
      const asked = digestsSchema.safeParse(body);
      if (!asked.success) {
        throw new WardroundError('message-invalid', `expected at most ${maxMissingQuery} digests`, {
          where: 'digests',
        });
      }
      return { digests: await chunks.missing(asked.data.digests) };
    },
  });
}

function digestOf(request: FastifyRequest): string {
  const { params } = request;
  const digest = typeof params === 'object' && params !== null && 'digest' in params ? params.digest : '';
  return typeof digest === 'string' ? digest : '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WardroundError('message-invalid', 'not JSON', { cause });
  }
}

function asRefusal(error: unknown): ReturnType<typeof describeError> {
  if (error instanceof WardroundError) return describeError(error);
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return { code: 'chunk-too-large', message: `expected at most ${maxChunkSize} bytes`, action: 'fix' };
  }
  if (typeof code === 'string' && code.startsWith('FST_ERR_CTP')) {
    return { code: 'message-invalid', message: 'not a body that is read here', action: 'fix' };
  }
  return { code: 'internal', message: 'the coordinator failed', action: 'retry' };
}
