// The simulated platform before the genuine verifier, the measurement, and the refusal of hardware that this version cannot ask.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parsePolicy, type Policy } from '@wardround/attestation/policy/policy';
import type { SimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { fromBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import { parse as parseYaml } from 'yaml';
import type { Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { choosePlatform } from '../../aggregator-enclave/src/platform/choose.ts';
import { initialConfig } from '../../aggregator-enclave/src/host/config.ts';
import { systemHardware } from '../../aggregator-enclave/src/platform/hardware.ts';
import { measureProgram } from '../../aggregator-enclave/src/platform/measure.ts';
import {
  foundSimulatedPlatform,
  requireInDate,
  simulatedPlatform,
  simulatedUntil,
} from '../../aggregator-enclave/src/platform/simulated.ts';
import { World } from './world.ts';

let platform: Platform;
let endorsements: SimulatedEndorsements;
let measurement: string;

beforeAll(async () => {
  ({ measurement } = await measureProgram());
  const founded = await foundSimulatedPlatform(new Date('2026-11-20T00:00:00.000Z'));
  ({ endorsements } = founded);
  platform = simulatedPlatform({ ...founded, measurement });
}, 60_000);

function policy(change: { readonly measurement?: string; readonly root?: string } = {}): Policy {
  const { hardwareId, tcb } = findSnpLeaf(
    parseCertificates(endorsements.certificates.map((der) => fromBase64Url(der))),
  );
  return parsePolicy(
    parseYaml(
      examplePolicy({
        measurement: change.measurement ?? measurement,
        chipIds: [toHex(hardwareId ?? new Uint8Array())],
        product: 'Turin',
        minimumTcb: tcb,
        minimumGuestSvn: 0,
        simulatedRoots: [change.root ?? endorsements.rootSha256],
      }),
    ),
  );
}

describe('the simulated vendor', () => {
  it('is good for ninety days, and then tells the operator what to do instead of being refused by every site', () => {
    const until = simulatedUntil(endorsements);
    expect(until.toISOString()).toBe('2027-02-18T00:00:00.000Z');
    expect(() => requireInDate(endorsements, until)).not.toThrow();
    expect(() => requireInDate(endorsements, new Date(until.getTime() + 1))).toThrow(
      expect.objectContaining({ code: 'simulated-expired', expected: expect.stringContaining('aggregator init') }),
    );
  });
});

describe('evidence of the simulated platform', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.approved({ platform, plan: (plan) => ({ ...plan, rounds: 1 }) });
    await world.play();
  }, 60_000);
  afterAll(async () => {
    await world.end();
  });

  it('is accepted by the genuine verifier, for each site’s own nonce and this session, and is called simulated', () => {
    const offers = world.published('EvidenceOffer');
    expect(offers.map(({ value }) => value.site)).toEqual(['a', 'b', 'c', 'd']);
    for (const { value } of offers) {
      const report = verifyEnclave({
        evidence: parseEvidenceBytes(utf8(value.evidence)),
        policy: policy(),
        expected: { nonce: value.nonce, sessionOpenDigest: value.session },
        at: world.clock.now(),
        mirror: [],
      });
      expect(report.steps.filter(({ status }) => status !== 'ok')).toEqual([]);
      expect([report.accepted, report.simulated]).toEqual([true, true]);
    }
  });

  it.each([
    ['another measurement', { measurement: 'cd'.repeat(48) }],
    ['another vendor’s root', { root: 'cd'.repeat(32) }],
  ])('is not accepted where the policy names %s', (_, change) => {
    const [offer] = world.published('EvidenceOffer');
    const report = verifyEnclave({
      evidence: parseEvidenceBytes(utf8(offer?.value.evidence ?? '')),
      policy: policy(change),
      expected: { nonce: offer?.value.nonce ?? '', sessionOpenDigest: offer?.value.session ?? '' },
      at: world.clock.now(),
      mirror: [],
    });
    expect(report.accepted).toBe(false);
  });
});

describe('the measurement', () => {
  it('covers every file that the program imports, and the lockfile', async () => {
    const { files } = await measureProgram();
    const paths = files.map(({ path }) => path);
    for (const path of [
      'aggregator-enclave/src/main.ts',
      'aggregator-enclave/src/enclave/intake.ts',
      'aggregator-enclave/src/enclave/kernel-wasm.ts',
      'attestation/src/evidence.ts',
      'learning/src/strategies/fed-adam.ts',
      'package-lock.json',
      'protocol/src/documents/round.ts',
      'relay/src/connect.ts',
    ])
      expect(paths).toContain(path);
    expect(paths).toEqual(paths.toSorted());
    expect(paths.some((path) => /^(?:site-agent|coordinator|cli|datasets|test)\//.test(path))).toBe(false);
    expect(paths.some((path) => path.includes('tfjs'))).toBe(false);
  });

  it('is the same twice', async () => {
    expect(await measureProgram()).toEqual(await measureProgram());
  });
});

describe('a platform that is not there', () => {
  const hardware = { ...systemHardware, tsmRoot: join(tmpdir(), 'wardround-no-such-configfs') };
  const settings = { gpu: 'none', collateral: null } as const;
  const now = new Date('2026-11-20T00:00:00.000Z');

  it.each([{ kind: 'sevSnp', privilegeLevel: null } as const, { kind: 'tdx' } as const])(
    '$kind is refused, never replaced',
    async (platform) => {
      await expect(choosePlatform({ platform, ...settings }, { measurement, now, hardware })).rejects.toMatchObject({
        code: 'tsm-absent',
      });
    },
  );

  it.each(['azureSnp', 'azureTdx'] as const)('%s is refused, never replaced', async (kind) => {
    const { platform } = initialConfig('https://coordinator.example', kind);
    const there = platform.kind === 'azureTdx' ? { ...platform, quoteService: 'azureImds' as const } : platform;
    const config = { platform: { ...there, tcti: 'device:/nonexistent/tpmrm0' }, ...settings };
    await expect(choosePlatform(config, { measurement, now, hardware })).rejects.toMatchObject({ code: 'tpm-absent' });
  });

  it('a simulated one without its files is refused', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wardround-platform-'));
    const platform = { kind: 'simulated', chip: join(directory, 'chip'), vendor: join(directory, 'vendor') } as const;
    await expect(choosePlatform({ platform, ...settings }, { measurement, now, hardware })).rejects.toMatchObject({
      code: 'file-unreadable',
    });
    await rm(directory, { recursive: true });
  });
});
