// A site whose policy wants NVIDIA's service to agree, beside the real enclave, which asks it: answers come with the evidence, keys from the site's own mirror.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toBase64Url, toHex } from '@wardround/protocol/bytes';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import { parsePolicy, type Policy } from '@wardround/attestation/policy/policy';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import type { GpuCollector, Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { withNras } from '../../aggregator-enclave/src/platform/nras.ts';
import { deviceEndorsements, nvidiaRulesOf } from '../attestation/composite-world.ts';
import { answerOf, goodGpu, keysAt, type Made, otherKey } from '../attestation/nras-service.ts';
import { makeNvidiaWorld, type NvidiaWorld, ueidOf } from '../attestation/nvidia-world.ts';
import { at, measurement, type World } from '../attestation/world.ts';
import { type NrasServer, startNras } from '../fakes/nras-server.ts';
import { Together } from './together.ts';
import { attestationWorld, VaultWorld } from './vault-world.ts';

let hardware: World;
let nvidia: NvidiaWorld;
beforeAll(async () => {
  [hardware, nvidia] = await Promise.all([attestationWorld(), makeNvidiaWorld()]);
}, 120_000);

let together: Together | null = null;
let service: NrasServer | null = null;
afterEach(async () => {
  await together?.end();
  await service?.stop();
});

interface Case {
  /** What is wrong with the service's answer. */
  readonly made?: Made;
  readonly asksNobody?: true;
  readonly mirror?: readonly MirroredEndorsement[];
}

/** What the service says of this GPU, for whatever nonce it is asked with. */
async function startService({ made = {} }: Case): Promise<NrasServer> {
  const devices = { 'GPU-0': { ...goodGpu, ueid: ueidOf(nvidia.gpu) } };
  return await startNras(async ({ nonce }) => ({ body: await answerOf({ nonce, at }, { devices, ...made }) }));
}

/** A machine whose operator named the service's address; null where nobody did. */
function platformWith(url: string | null): Platform {
  const { chip, vendor } = hardware;
  const { gpu, driverRim, vbiosRim, ocsp } = nvidia;
  const collector: GpuCollector = {
    attest: async (nonce) => {
      const report = toBase64Url(gpu.makeReport({ nonce: toHex(nonce) }));
      return await Promise.resolve([{ type: 'nvidiaGpu', report, certificates: gpu.certificates.map(toBase64Url) }]);
    },
  };
  return {
    kind: 'sevSnp',
    measurement,
    attest: async (reportData) => {
      const report = chip.makeReport({ reportData, measurement: fromHex(measurement, 48) });
      return {
        items: [{ type: 'sevSnp', report: toBase64Url(report) }],
        endorsements: [
          ...endorsementsOf(await endorse(vendor, chip)),
          ...deviceEndorsements({ rims: [driverRim, vbiosRim].map((rim) => Uint8Array.from(rim)), ocsp }),
        ],
      };
    },
    gpu: url === null ? collector : withNras(collector, { url, proxy: null, timeoutMilliseconds: 10_000 }),
  };
}

function wantingOpinion(policy: Policy): Policy {
  const { gpu, vendor } = nvidia;
  const required = { keys: 'mirrored', maxKeysAgeSeconds: 172_800 };
  const roots = [...(policy.simulatedPlatform?.roots ?? []), vendor.rootSha256];
  return parsePolicy({
    ...policy,
    gpu: { nvidia: { ...nvidiaRulesOf([gpu]), nras: { required } } },
    machines: [{ processor: toHex(hardware.chip.chipId), devices: [ueidOf(gpu)] }],
    simulatedPlatform: { roots },
  });
}

const keys: readonly MirroredEndorsement[] = [{ endorsement: keysAt(at), mirroredAt: at }];

describe('a site that wants a second opinion', () => {
  it.each<readonly [string, Case, readonly string[]]>([
    ['takes part where both agree', {}, []],
    ['is not moved by keys that it does not have', { mirror: [] }, ['evidence-refused nras-keys-missing']],
    ['refuses without one', { asksNobody: true }, ['evidence-refused nras-missing']],
    [
      'refuses an answer about another device',
      { made: { device: { ueid: '1' } } },
      ['evidence-refused nras-disagrees'],
    ],
    [
      'refuses one of another nonce',
      { made: { overall: { eat_nonce: '00'.repeat(32) } } },
      ['evidence-refused nras-nonce'],
    ],
    ['refuses one that the service did not sign', { made: { key: otherKey } }, ['evidence-refused nras-signature']],
  ])('%s', async (_, of, refusals) => {
    const world = await VaultWorld.create({
      plan: (plan) => ({ ...plan, rounds: 1, attestation: { ...plan.attestation, gpu: 'required' } }),
    });
    world.policy = wantingOpinion(world.policy);
    world.mirror = of.mirror ?? keys;
    await world.approved();
    service = await startService(of);
    together = new Together(world, platformWith(of.asksNobody === true ? null : service.url));
    const run = together;
    expect(await run.until(() => run.count('SealedModel') === 1)).toBe(true);
    expect(world.checks().filter((check) => check !== 'study-complete null')).toEqual(refusals);
    expect(world.said('Contribution')).toHaveLength(refusals.length === 0 ? 1 : 0);
  });
});
