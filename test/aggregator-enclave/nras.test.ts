// Asking NVIDIA's attestation service for its opinion: what is sent, what is handed on untouched, and what is an error rather than evidence without one.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toBase64Url, utf8 } from '@wardround/protocol/bytes';
import type { EvidenceItem } from '@wardround/attestation/evidence';
import { readEvidenceList } from '@wardround/attestation/nvidia/evidence-files';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { trustedNvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { withNras } from '../../aggregator-enclave/src/platform/nras.ts';
import { answerOf, goodGpu } from '../attestation/nras-service.ts';
import { at, makeNvidiaWorld, nonce, type NvidiaWorld, ueidOf } from '../attestation/nvidia-world.ts';
import { type NrasReply, type NrasServer, startNras } from '../fakes/nras-server.ts';

let world: NvidiaWorld;
beforeAll(async () => {
  world = await makeNvidiaWorld();
});

let server: NrasServer | null = null;
afterEach(async () => await server?.stop());

async function ask(reply: () => Promise<NrasReply>, change: (item: EvidenceItem) => EvidenceItem = (item) => item) {
  server = await startNras(reply);
  const { gpu } = world;
  const item: EvidenceItem = {
    type: 'nvidiaGpu',
    report: toBase64Url(gpu.makeReport({ nonce })),
    certificates: gpu.certificates.map(toBase64Url),
  };
  const collector = { attest: async () => await Promise.resolve([item]) };
  const asking = withNras(collector, { url: server.url, proxy: null, timeoutMilliseconds: 10_000 });
  const bytes = fromHex(nonce, 32);
  return await asking.endorse?.(bytes, (await asking.attest(bytes)).map(change));
}

describe('the service', () => {
  it('is asked about the very evidence, and its answer is handed on as it is', async () => {
    const eat = await answerOf({ nonce, at }, { devices: { 'GPU-0': { ...goodGpu, ueid: ueidOf(world.gpu) } } });
    expect(await ask(async () => await Promise.resolve({ body: eat }))).toEqual([{ type: 'nras', eat }]);
    const [asked] = server?.asked ?? [];
    expect(asked).toMatchObject({ path: '/v4/attest/gpu', question: { nonce, arch: 'HOPPER' } });
    // In the form in which NVIDIA's own tools write such a list, which our reader of those takes.
    const list = asked?.question.evidence_list.map((entry) => ({ arch: 'HOPPER', ...entry }));
    const inspection = inspectNvidia({
      devices: readEvidenceList(utf8(JSON.stringify(list))),
      rims: [],
      ocsp: [],
      nonce,
      at,
      trustedRoots: trustedNvidiaRoots([world.vendor.rootSha256]),
    });
    expect(inspection.authentic).toBe(true);
  });

  it.each<readonly [string, NrasReply]>([
    ['an error', { status: 503, body: '[]' }],
    ['a redirection', { status: 302, body: '[]' }],
    ['a page of a proxy', { body: '<html>' }],
    ['nothing', { body: '' }],
    ['an answer without end', { body: `[${' '.repeat(300_000)}]` }],
  ])('that answers with %s gave no opinion', async (_, reply) => {
    await expect(ask(async () => await Promise.resolve(reply))).rejects.toMatchObject({ code: 'nras-answer' });
  });

  it('that is away is an error, to be tried again', async () => {
    const away = withNras(
      { attest: async () => await Promise.resolve([]) },
      { url: 'http://127.0.0.1:9', proxy: null, timeoutMilliseconds: 1000 },
    );
    const certificates = world.gpu.certificates.map(toBase64Url);
    const item = { type: 'nvidiaGpu', report: 'AA', certificates } as const;
    await expect(away.endorse?.(new Uint8Array(32), [item])).rejects.toMatchObject({
      code: 'nras-unreachable',
      action: 'retry',
    });
  });

  it('is not asked about what is no GPU', async () => {
    const asSwitch = (item: EvidenceItem): EvidenceItem =>
      item.type === 'nvidiaGpu' ? { ...item, type: 'nvSwitch' } : item;
    await expect(ask(async () => await Promise.resolve({ body: '[]' }), asSwitch)).rejects.toMatchObject({
      code: 'nras-device',
    });
    expect(server?.asked).toEqual([]);
  });
});
