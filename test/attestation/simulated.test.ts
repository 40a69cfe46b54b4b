// The simulated platform's files: a chip and its vendor survive storage, secrets stay apart, and nothing secret is ever quoted.
import { inspect as print } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { fromBase64Url } from '@wardround/protocol/bytes';
import { parseEvidence } from '@wardround/attestation/evidence';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { simulatedEvidence } from '@wardround/attestation/simulated/evidence';
import {
  endorse,
  exportChipSecret,
  exportVendorSecret,
  importChipSecret,
  importVendorSecret,
  parseSimulatedEndorsements,
} from '@wardround/attestation/simulated/files';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { admitEnclave } from '@wardround/attestation/verified-enclave';
import type { World } from './world.ts';
import { at, inspect, makeWorld, measurement, nonce, policyFor, reportOf, sessionOpen, vendorKeys } from './world.ts';

let genoa: World;
let turin: World;
beforeAll(async () => {
  genoa = await makeWorld('Genoa');
  turin = await makeWorld('Turin');
}, 120_000);

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a simulated chip', () => {
  it('signs the same after it was stored and loaded by another process', () => {
    for (const world of [genoa, turin]) {
      const chip = importChipSecret(throughJson(exportChipSecret(world.chip)));
      expect(inspect(world, { report: reportOf({ ...world, chip }) }).authentic).toBe(true);
    }
  });

  it('makes evidence that a site admits whose policy names the vendor', async () => {
    const endorsements = parseSimulatedEndorsements(throughJson(await endorse(genoa.vendor, genoa.chip)));
    const evidence = parseEvidence(
      simulatedEvidence({ chip: genoa.chip, endorsements, nonce, sessionOpen, measurement }),
    );
    const enclave = admitEnclave({
      evidence,
      policy: parsePolicy(policyFor(genoa)),
      expected: { nonce, sessionOpenDigest: sessionOpen },
      at,
      mirror: [],
    });
    expect(enclave.simulated).toBe(true);
  });

  it('prints no key', () => {
    const secret = exportChipSecret(genoa.chip).privateKey;
    const printed =
      print([genoa.chip, genoa.vendor], { depth: 9, showHidden: true }) + JSON.stringify([genoa.chip, genoa.vendor]);
    expect(printed).not.toContain(secret);
    expect(printed).not.toContain(Buffer.from(fromBase64Url(secret)).toString('hex'));
  });
});

describe('a simulated vendor', () => {
  it('keeps its root and goes on certifying after it was stored', async () => {
    const vendor = importVendorSecret(throughJson(exportVendorSecret(genoa.vendor)));
    expect(vendor.rootSha256).toBe(genoa.vendor.rootSha256);
    const chip = await vendor.issueChip();
    expect(inspect({ ...genoa, vendor, chip, crl: await vendor.issueCrl() }).authentic).toBe(true);
  });

  it('puts no secret among the endorsements', async () => {
    const text = JSON.stringify(await endorse(genoa.vendor, genoa.chip));
    const secrets = [
      exportChipSecret(genoa.chip).privateKey,
      exportVendorSecret(genoa.vendor).rootKey,
      exportVendorSecret(genoa.vendor).intermediateKey,
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toContain('Secret');
  });

  it('says in every certificate that it proves nothing', () => {
    for (const der of [genoa.vendor.root, genoa.intermediate, genoa.chip.certificate]) {
      expect(Buffer.from(der).toString('latin1')).toContain('wardround simulated silicon, proves nothing');
    }
  });

  it('is another one each time, even with the same keys', async () => {
    const twin = await createSimulatedVendor({ product: 'Genoa', at, keys: await vendorKeys() });
    expect(twin.rootSha256).not.toBe(genoa.vendor.rootSha256);
  });

  it('takes its chips’ ids from the randomness it is given', async () => {
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(6);
    const vendor = await createSimulatedVendor({ product: 'Turin', at, keys: await vendorKeys(), random });
    expect([...(await vendor.issueChip()).chipId]).toEqual([...new Uint8Array(8).fill(6), ...new Uint8Array(56)]);
  });
});

describe('a spoiled file', () => {
  it.each([
    ['nothing', null],
    ['another kind', { kind: 'SimulatedVendorSecret' }],
    ['an unknown member', { extra: 1 }],
    ['a spoiled key', { privateKey: 'AAAA' }],
    ['a short chip id', { chipId: '00' }],
  ])('of a chip is refused without quoting it: %s', (_, change) => {
    const secret = exportChipSecret(genoa.chip);
    const value = change === null ? null : { ...secret, ...change };
    try {
      importChipSecret(value);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      expect(error.code).toBe('simulated-file-invalid');
      expect(`${error.message}${String(error.cause)}`).not.toContain(secret.privateKey.slice(0, 40));
    }
  });

  it('of a vendor is refused', () => {
    expect(() => importVendorSecret({ ...exportVendorSecret(genoa.vendor), at: 'yesterday' })).toThrow(WardroundError);
    expect(() => parseSimulatedEndorsements({})).toThrow(WardroundError);
  });
});
