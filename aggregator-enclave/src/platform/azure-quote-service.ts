// Azure's quoting service, which beside NVIDIA's (nras.ts) is all that an enclave speaks to but for the coordinator, and only where aggregator.yaml says
// `quoteService: azureImds`. It is link-local, so nothing leaves the physical host; it is plain HTTP and hostile, and what it returns needs no trust:
// a quote is signed by Intel's key and names the report it was asked for.
import { request } from 'node:http';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import * as z from 'zod';

/** Microsoft's az-tdx-vtpm, src/imds.rs. */
export const azureQuoteService = 'http://169.254.169.254/acc/tdquote';

const maxAnswerBytes = 65_536;
const maxQuoteBytes = 12_288;
/** Base64url, with or without padding. */
const answerSchema = z.object({ quote: z.string().regex(/^[A-Za-z0-9_-]+={0,2}$/) });

/** The quote of a TDREPORT. Redirects and proxies are not followed. @throws WardroundError `quote-service-unreachable`, `quote-service-answer` */
export async function askQuoteService(
  url: string,
  { tdReport, timeoutMilliseconds }: { tdReport: Uint8Array; timeoutMilliseconds: number },
): Promise<Bytes> {
  const body = JSON.stringify({ report: Buffer.from(tdReport).toString('base64url') });
  const answer = answerSchema.safeParse(readJson(await post(url, { body, timeoutMilliseconds })));
  if (!answer.success) throw answered('{"quote": "…"} in base64url', 'something else');
  const quote = copyBytes(Buffer.from(answer.data.quote, 'base64url'));
  if (quote.byteLength > maxQuoteBytes) throw answered(`at most ${maxQuoteBytes} bytes`, `${quote.byteLength} bytes`);
  return quote;
}

async function post(
  url: string,
  { body, timeoutMilliseconds }: { body: string; timeoutMilliseconds: number },
): Promise<Bytes> {
  return await new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    const outgoing = request(url, { method: 'POST', headers, signal }, (incoming) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      incoming.on('data', (chunk: Uint8Array) => {
        length += chunk.byteLength;
        if (length <= maxAnswerBytes) chunks.push(chunk);
        else outgoing.destroy(answered(`at most ${maxAnswerBytes} bytes`, 'more'));
      });
      incoming.on('error', (error) => reject(unreachable(url, error)));
      incoming.on('end', () => {
        if (incoming.statusCode === 200) resolve(copyBytes(Buffer.concat(chunks)));
        else reject(answered('status 200', `status ${incoming.statusCode ?? 'none'}`));
      });
    });
    outgoing.on('error', (error) => reject(unreachable(url, error)));
    outgoing.end(body);
  });
}

function readJson(bytes: Bytes): unknown {
  try {
    return parseLimitedJson(bytes);
  } catch {
    throw answered('JSON', `${bytes.byteLength} bytes of something else`);
  }
}

function unreachable(where: string, cause: Error): WardroundError {
  if (cause instanceof WardroundError) return cause;
  return new WardroundError('quote-service-unreachable', 'Azure’s quoting service does not answer', {
    where,
    expected: 'an Azure confidential VM with Intel TDX, and no firewall before its metadata service',
    action: 'retry',
    cause,
  });
}

function answered(expected: string, got: string): WardroundError {
  return new WardroundError('quote-service-answer', 'Azure’s quoting service gave no quote', {
    expected,
    got,
    action: 'retry',
  });
}
