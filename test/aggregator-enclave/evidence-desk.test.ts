// The desk that answers nonces, attacked: a member that asks without end, GPUs that fail or say nothing, several sites at once.
import { setImmediate as tick } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { toBase64Url } from '@wardround/protocol/bytes';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { parseStrictJson } from '@wardround/protocol/canonical-json';
import { type Evidence, evidenceLimits, parseEvidence } from '@wardround/attestation/evidence';
import { gpuEvidenceDigest, gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import type { GpuCollector, Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import type { FakeSite } from '../fakes/fake-site.ts';
import { stubPlatform, World } from './world.ts';

let world: World;
afterEach(async () => {
  await world.end();
});

const certificates = ['AAAA'];

/** Takes its time, and says which nonce it was asked with. */
const echoing: GpuCollector = {
  attest: async (nonce) => {
    for (let turns = 0; turns < 5; turns += 1) await tick();
    return [{ type: 'nvidiaGpu', report: toBase64Url(nonce), certificates }];
  },
};

const withGpu = (plan: StudyPlan): StudyPlan => ({
  ...plan,
  attestation: { ...plan.attestation, gpu: 'required' },
});

async function open(platform: Platform): Promise<void> {
  world = await World.approved(platform.gpu === undefined ? { platform } : { platform, plan: withGpu });
  await world.playToOrder();
}

async function ask(site: FakeSite, nonces: readonly string[]): Promise<void> {
  const session = world.published('SessionOpen').at(-1)?.digest ?? '';
  const requestedAt = world.clock.now().toISOString();
  for (const nonce of nonces) {
    const request = { kind: 'EvidenceRequest', version: 1, ...site.names, session, nonce, requestedAt } as const;
    await site.publish('EvidenceRequest', request, site.keys.agent);
  }
}

const nonces = (first: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${first}${index.toString(16).padStart(63, '0')}`);

async function offers(): Promise<readonly { site: string; nonce: string; evidence: Evidence }[]> {
  await world.sync();
  return world.published('EvidenceOffer').map(({ value: { site, nonce, evidence } }) => {
    return { site, nonce, evidence: parseEvidence(parseStrictJson(Buffer.from(evidence), evidenceLimits)) };
  });
}

const toSite = async (name: string): Promise<readonly string[]> =>
  (await offers()).filter(({ site }) => site === name).map(({ nonce }) => nonce);

describe('a member that asks without end', () => {
  it('costs the hardware a bounded time, and the others wait behind none of it', async () => {
    await open(stubPlatform);
    const [flooder, honest] = world.sites;
    if (flooder === undefined || honest === undefined) throw new Error('two sites');
    const before = (await toSite(flooder.name)).length;
    await ask(flooder, nonces('f', 40));
    await ask(honest, nonces('b', 1));
    expect(await toSite(honest.name)).toContain(nonces('b', 1)[0]);
    expect((await toSite(flooder.name)).length - before).toBeLessThan(8);
    await world.advance(60_000);
    await ask(honest, nonces('c', 1));
    expect(await toSite(honest.name)).toContain(nonces('c', 1)[0]);
    expect((await toSite(flooder.name)).length - before).toBeLessThan(12);
  });
});

describe('GPUs beside the processor', () => {
  it('are asked with each site’s own nonce, however many ask at once', async () => {
    await open({ ...stubPlatform, gpu: echoing });
    const asked = world.sites.flatMap((site, index) => nonces(String(index), 3).map((nonce) => ({ site, nonce })));
    await Promise.all(asked.map(async ({ site, nonce }) => await ask(site, [nonce])));
    const all = await offers();
    expect(all.length).toBeGreaterThanOrEqual(asked.length);
    for (const { nonce, evidence } of all) {
      const report = toBase64Url(Buffer.from(gpuNonceFor(nonce), 'hex'));
      const gpus = evidence.evidence.filter(({ type }) => type === 'nvidiaGpu');
      expect(gpus).toEqual([{ type: 'nvidiaGpu', report, certificates }]);
      expect(evidence.binding).toMatchObject({ nonce, gpuEvidence: gpuEvidenceDigest(gpus) });
    }
  });

  it.each([
    ['fail', async () => await Promise.reject(new Error('the driver went away'))],
    ['say nothing', async () => await Promise.resolve([])],
  ])(
    'that %s give no evidence, never evidence without them; and are asked again for as long as it takes',
    async (_, attest) => {
      let works = false;
      const attempts: unknown[] = [];
      const gpu: GpuCollector = {
        attest: async (nonce) => {
          attempts.push(nonce);
          return works ? await echoing.attest(nonce) : await attest();
        },
      };
      world = await World.approved({ platform: { ...stubPlatform, gpu }, plan: withGpu });
      await world.playToOrder();
      for (let times = 0; times < 15; times += 1) await world.advance(5_000);
      expect(await offers()).toEqual([]);
      expect(attempts.length).toBeGreaterThan(8 * world.sites.length);
      works = true;
      for (let times = 0; times < 3; times += 1) await world.advance(5_000);
      const all = await offers();
      expect(new Set(all.map(({ site }) => site)).size).toBe(world.sites.length);
      expect(all.every(({ evidence }) => evidence.binding.gpuEvidence !== 'none')).toBe(true);
    },
  );
});
