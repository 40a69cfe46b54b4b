// NVIDIA's attestation service over HTTP, played by the test: what it is asked, and what it answers.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

export const questionSchema = z.strictObject({
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
  arch: z.string(),
  claims_version: z.literal('3.0'),
  evidence_list: z.array(z.strictObject({ evidence: z.base64(), certificate: z.base64() })).min(1),
});
export type Question = z.infer<typeof questionSchema>;

export interface NrasServer {
  readonly url: string;
  readonly asked: readonly { readonly path: string; readonly question: Question }[];
  readonly stop: () => Promise<void>;
}

export interface NrasReply {
  readonly status?: number;
  readonly body: string;
}

export async function startNras(reply: (question: Question) => Promise<NrasReply>): Promise<NrasServer> {
  const asked: { path: string; question: Question }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const question = questionSchema.parse(JSON.parse(Buffer.concat(parts).toString('utf8')));
      asked.push({ path: request.url ?? '', question });
      void reply(question).then(({ status = 200, body }) => response.writeHead(status).end(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
