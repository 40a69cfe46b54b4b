// NVIDIA's remote attestation service, asked for its opinion of the GPUs: only where aggregator.yaml names its address. What it answers needs no trust
// here: it is signed, and sites that want it verify it under keys of their own. No answer is an error, never evidence without one.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { type Endorsement, endorsementSchema, type EvidenceItem } from '@wardround/attestation/evidence';
import { parseNvidiaCertificates } from '@wardround/attestation/nvidia/chain';
import { openRoute } from '@wardround/relay/route';
import type { GpuCollector } from '../enclave/ports.ts';

export interface NrasAsking {
  /** The service's base address, such as https://nras.attestation.nvidia.com. */
  readonly url: string;
  /** A proxy's URL; null for what the environment says. */
  readonly proxy: string | null;
  readonly timeoutMilliseconds: number;
}

const maxAnswerBytes = 262_144;
const architectures = [
  [/^GH1/, 'HOPPER'],
  [/^GB[12]/, 'BLACKWELL'],
] as const;

/** The same GPUs, whose evidence the service is asked about each time. @throws (each call) WardroundError `nras-unreachable`, `nras-answer`, `nras-device` */
export function withNras(gpu: GpuCollector, asking: NrasAsking): GpuCollector {
  return {
    attest: async (nonce) => await gpu.attest(nonce),
    endorse: async (nonce, items) => [await askNras(asking, { nonce, items })],
  };
}

/** One answer about all GPUs. @throws WardroundError as {@link withNras} */
async function askNras(
  asking: NrasAsking,
  { nonce, items }: { readonly nonce: Bytes; readonly items: readonly EvidenceItem[] },
): Promise<Endorsement> {
  const devices = items.flatMap((item) => (item.type === 'nvidiaGpu' ? [item] : []));
  const body = JSON.stringify({
    nonce: toHex(nonce),
    arch: architectureOf(devices[0]?.certificates ?? []),
    claims_version: '3.0',
    evidence_list: devices.map(({ report, certificates }) => ({
      evidence: Buffer.from(fromBase64Url(report)).toString('base64'),
      certificate: Buffer.from(pemOf(certificates)).toString('base64'),
    })),
  });
  const eat = await post(asking, body);
  const parsed = endorsementSchema.safeParse({ type: 'nras', eat });
  if (parsed.success && eat.startsWith('[')) return parsed.data;
  throw answered('a detached token', `${eat.length} characters of something else`);
}

function architectureOf(certificates: readonly string[]): string {
  const [, identity] = parseNvidiaCertificates(certificates.map((der) => fromBase64Url(der)));
  const found = architectures.find(([pattern]) => pattern.test(identity?.commonName ?? ''));
  if (found !== undefined) return found[1];
  throw new WardroundError('nras-device', 'the service is not asked about a device of this kind', {
    expected: 'GPUs of Hopper or Blackwell',
    got: identity?.commonName ?? 'no certificate',
  });
}

function pemOf(certificates: readonly string[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(fromBase64Url(der))
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
    })
    .join('');
}

/** Redirections are not followed. */
async function post({ url, proxy, timeoutMilliseconds }: NrasAsking, body: string): Promise<string> {
  const route = openRoute({ url, proxyUrl: proxy ?? undefined });
  try {
    const answer = await route.dispatcher.request({
      origin: route.origin,
      path: `${new URL(url).pathname.replace(/\/+$/, '')}/v4/attest/gpu`,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body,
      headersTimeout: timeoutMilliseconds,
      bodyTimeout: timeoutMilliseconds,
    });
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of bytesOf(answer.body)) {
      length += part.byteLength;
      if (length > maxAnswerBytes) throw answered(`at most ${maxAnswerBytes} bytes`, 'more');
      parts.push(part);
    }
    if (answer.statusCode !== 200) throw answered('status 200', `status ${answer.statusCode}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(concatBytes(...parts)).trim();
  } catch (cause) {
    if (cause instanceof WardroundError) throw cause;
    throw new WardroundError('nras-unreachable', 'NVIDIA’s attestation service does not answer', {
      where: url,
      action: 'retry',
      cause,
    });
  } finally {
    await route.close();
  }
}

/** The library types its body loosely. */
async function* bytesOf(body: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const part of body) if (part instanceof Uint8Array) yield part;
}

function answered(expected: string, got: string): WardroundError {
  return new WardroundError('nras-answer', 'NVIDIA’s attestation service gave no opinion', {
    expected,
    got,
    action: 'retry',
  });
}
