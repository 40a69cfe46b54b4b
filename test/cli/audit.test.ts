// The audit of a real study, run by the enclave's own code on the simulated platform: it holds as it is, and each thing that is taken away,
// changed or added after the fact is named.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parsePolicy, type Policy } from '@wardround/attestation/policy/policy';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { copyBytes, fromHex, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { sign, UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { wantingGpu } from '../fakes/gpu-policy.ts';
import { type AuditRequest, auditStudy, type StudyAudit } from '../../cli/src/audit/audit-study.ts';
import type { Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { World } from '../aggregator-enclave/world.ts';

const measurement = '5e'.repeat(48);
/** Three rounds: statistics, training, and the evaluation of the model. */
const everyTask = (plan: StudyPlan): StudyPlan => ({
  ...plan,
  rounds: 1,
  statistics: ['moments'],
  evaluation: { ...plan.evaluation, metrics: ['auroc'] },
});

let world: World;
let whole: AuditRequest;

beforeAll(async () => {
  const vendor = await createSimulatedVendor({ product: 'Turin', at: new Date('2026-11-23T08:00:00.000Z') });
  const chip = await vendor.issueChip();
  const endorsements = await endorse(vendor, chip);
  const platform: Platform = {
    kind: 'sevSnp',
    measurement,
    attest: async (reportData) => {
      const report = chip.makeReport({ reportData, measurement: fromHex(measurement, 48) });
      return await Promise.resolve({
        items: [{ type: 'sevSnp', report: toBase64Url(report) }],
        endorsements: endorsementsOf(endorsements),
      });
    },
  };
  world = await World.approved({ platform, plan: everyTask });
  await world.play();
  await releaseTo(world);
  const [leaf] = [findSnpLeaf(parseCertificates([chip.certificate]))];
  const policy = parsePolicy(
    parse(
      examplePolicy({
        measurement,
        chipIds: leaf.hardwareId === undefined ? [] : [toHex(copyBytes(leaf.hardwareId))],
        product: 'Turin',
        minimumTcb: leaf.tcb,
        minimumGuestSvn: 0,
        simulatedRoots: [vendor.rootSha256],
      }),
    ),
  );
  whole = {
    study: world.plan.digest,
    federation: {
      federation: world.federation.view.federation,
      records: world.relay.records.filter(({ topic }) => topic === 'federation').map(({ jws }) => jws),
    },
    jwsList: world.relay.records.filter(({ topic }) => topic === world.plan.digest).map(({ jws }) => jws),
    policies: new Map(world.sites.map(({ name }) => [name, policy])),
    modelFile: modelFile(world),
    soFar: false,
  };
});
afterAll(async () => await world.end());

/** Consents of all and a release by the first, of whatever ciphertext: the audit judges documents. */
async function releaseTo(at: World): Promise<void> {
  const final = at.published('RoundReceipt').find(({ value }) => value.round === 3);
  const [first] = at.sites;
  if (final === undefined || first === undefined) throw new Error('the study did not end');
  const recipient = at.federation.researcher.signing.thumbprint;
  const model = final.value.model ?? '';
  const consents: string[] = [];
  for (const site of at.sites) {
    const consent: DocumentOf<'ReleaseConsent'> = {
      kind: 'ReleaseConsent',
      version: 1,
      ...site.names,
      receipt: final.digest,
      model,
      recipient,
      consentedAt: at.clock.now().toISOString(),
    };
    consents.push((await site.publish('ReleaseConsent', consent, site.keys.approval)).digest);
  }
  const release: DocumentOf<'ModelRelease'> = {
    kind: 'ModelRelease',
    version: 1,
    ...first.names,
    receipt: final.digest,
    model,
    round: 3,
    recipient,
    consents: consents.toSorted(),
    ciphertext: { manifest: '0'.repeat(64), size: 1 },
    encapsulation: 'A'.repeat(1494),
    wrappedKey: 'AAAA',
    releasedAt: at.clock.now().toISOString(),
  };
  await first.publish('ModelRelease', release, first.keys.agent);
}

function modelFile(at: World): Uint8Array {
  const held = at.sites[0]?.held.find(({ round }) => round === 3);
  return encodeSafetensors(decodeCheckpoint(held?.bytes ?? new Uint8Array()).model, { note: 'released' });
}

const kindOf = (jws: string): string => UNVERIFIED_kindOf(jws).kind;
const valueOf = (jws: string): Readonly<Record<string, unknown>> => ({ ...(UNVERIFIED_kindOf(jws).value as object) });

/** Everything of the last round, and what came after it. */
function theEnd(): Partial<AuditRequest> {
  return without((value, kind) => value['round'] === 3 || kind === 'ReleaseConsent' || kind === 'ModelRelease');
}

/** The records without those that match. */
function without(matches: (value: Readonly<Record<string, unknown>>, kind: string) => boolean): Partial<AuditRequest> {
  return { jwsList: whole.jwsList.filter((jws) => !matches(valueOf(jws), kindOf(jws))) };
}

function firstFailure({ steps }: StudyAudit): { readonly name: string; readonly code: string | undefined } | null {
  const failed = steps.find(({ status }) => status === 'failed');
  return failed === undefined ? null : { name: failed.name, code: failed.code };
}

async function audited(change: Partial<AuditRequest> = {}): Promise<StudyAudit> {
  return await auditStudy({ ...whole, ...change });
}

describe('the audit of a whole study', () => {
  it('holds', async () => {
    const audit = await audited();
    expect(audit.steps.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(audit).toMatchObject({ holds: true, receiptsVerified: 3 });
  });

  it('says that the platform is simulated', async () => {
    const evidence = (await audited()).steps.find(({ name }) => name === 'evidence');
    expect(evidence?.detail).toContain('SIMULATED PLATFORM');
  });

  it('does not care about the order of records', async () => {
    expect((await audited({ jwsList: whole.jwsList.toReversed() })).holds).toBe(true);
  });

  it('finds a character changed in any record', async () => {
    const total = whole.jwsList.length;
    for (let index = 0; index < total; index += 7) {
      const jws = whole.jwsList[index] ?? '';
      const at = jws.indexOf('.') + 20;
      const changed = `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`;
      const audit = await audited({ jwsList: whole.jwsList.with(index, changed) });
      expect(firstFailure(audit), `${index} ${kindOf(jws)}`).toEqual({ name: 'records', code: 'audit-record' });
      expect(audit.receiptsVerified).toBe(0);
    }
  });
});

describe('what is missing', () => {
  const cases: readonly (readonly [string, () => Partial<AuditRequest>, string, string])[] = [
    ['the session', () => without((_v, kind) => kind === 'SessionOpen'), 'records', 'audit-record'],
    [
      'a statement',
      () => without((v, kind) => kind === 'ResumeStatement' && v['site'] === 'a'),
      'sessions',
      'audit-session-statement',
    ],
    [
      'an approval',
      () => without((v, kind) => kind === 'Approval' && v['site'] === 'b'),
      'sessions',
      'audit-session-approval',
    ],
    [
      'the evidence of a site',
      () => without((v, kind) => kind === 'EvidenceOffer' && v['site'] === 'c'),
      'evidence',
      'audit-evidence-missing',
    ],
    ['an order', () => without((v, kind) => kind === 'RoundOrder' && v['round'] === 2), 'contributions', 'audit-order'],
    [
      'a contribution',
      () => without((v, kind) => kind === 'Contribution' && v['round'] === 2 && v['site'] === 'd'),
      'contributions',
      'audit-contribution',
    ],
    [
      'a receipt in the middle',
      () => without((v, kind) => kind === 'RoundReceipt' && v['round'] === 2),
      'chain',
      'audit-chain-gap',
    ],
    [
      'the first receipt',
      () => without((v, kind) => kind === 'RoundReceipt' && v['round'] === 1),
      'chain',
      'audit-chain-gap',
    ],
    [
      'cosignatures of a round',
      () => without((v, kind) => kind === 'Cosignature' && v['round'] === 2 && v['site'] !== 'a'),
      'chain',
      'audit-chain-gap',
    ],
    [
      'cosignatures of the last round',
      () => without((v, kind) => kind === 'Cosignature' && v['round'] === 3),
      'sealed-models',
      'audit-sealed-early',
    ],
    [
      'the result of the statistics',
      () => without((v, kind) => kind === 'RoundResult' && v['round'] === 1),
      'results',
      'audit-result-missing',
    ],
    [
      'the result of the evaluation',
      () => without((v, kind) => kind === 'RoundResult' && v['round'] === 3),
      'results',
      'audit-result-missing',
    ],
    [
      'cosignatures of a result that was released all the same',
      () => without((v, kind) => (kind === 'Cosignature' || kind === 'SealedModel') && v['round'] === 3),
      'results',
      'audit-result-early',
    ],
    ['the end', () => theEnd(), 'complete', 'audit-incomplete'],
    [
      'a consent',
      () => without((v, kind) => kind === 'ReleaseConsent' && v['site'] !== 'a'),
      'releases',
      'audit-release-consents',
    ],
  ];
  it.each(cases)('%s', async (_name, change, name, code) => {
    const audit = await audited(change());
    expect(firstFailure(audit)).toEqual({ name, code });
    expect(audit.holds).toBe(false);
  });

  it('may be the end, where that is said', async () => {
    expect(firstFailure(await audited({ ...theEnd(), soFar: true, modelFile: null }))).toBeNull();
  });

  it('a founder’s signature', async () => {
    const { federation, records } = whole.federation;
    const index = records.findIndex((jws) => kindOf(jws) === 'Genesis');
    const audit = await audited({ federation: { federation, records: records.toSpliced(index, 1) } });
    expect(firstFailure(audit)).toEqual({ name: 'records', code: 'genesis-incomplete' });
  });

  it('the plan', async () => {
    const { federation, records } = whole.federation;
    const audit = await audited({
      federation: { federation, records: records.filter((jws) => kindOf(jws) !== 'StudyPlan') },
    });
    expect(firstFailure(audit)).toEqual({ name: 'records', code: 'audit-plan-missing' });
  });

  it('the release of the enclave', async () => {
    const { federation, records } = whole.federation;
    const audit = await audited({
      federation: { federation, records: records.filter((jws) => kindOf(jws) !== 'EnclaveRelease') },
    });
    expect(firstFailure(audit)).toEqual({ name: 'sessions', code: 'audit-session-release' });
  });

  it('a policy', async () => {
    const policies = new Map([...whole.policies].filter(([site]) => site !== 'b'));
    expect(firstFailure(await audited({ policies }))).toEqual({ name: 'evidence', code: 'audit-evidence-policy' });
  });
});

describe('what is other than it should be', () => {
  const [, , , d] = ['a', 'b', 'c', 'd'];

  function policies(change: (policy: Policy) => Policy): Partial<AuditRequest> {
    return {
      policies: new Map([...whole.policies].map(([site, policy]) => [site, site === d ? change(policy) : policy])),
    };
  }

  it.each([
    [
      'another measurement',
      (p: Policy) => ({
        ...p,
        measurements: p.measurements.map((image) => ({ ...image, measurement: '11'.repeat(48) })),
      }),
    ],
    ['another vendor root', (p: Policy) => ({ ...p, simulatedPlatform: { roots: ['22'.repeat(32)] } })],
    ['genuine hardware', ({ simulatedPlatform: _none, ...p }: Policy) => p],
    ['a GPU', (p: Policy) => wantingGpu(p)],
  ])('one hospital wanted %s', async (_name, change) => {
    expect(firstFailure(await audited(policies(change)))).toEqual({ name: 'evidence', code: 'audit-evidence-refused' });
  });

  it('the enclave’s release was revoked before the session', async () => {
    const { federation, records } = whole.federation;
    const release = UNVERIFIED_kindOf(records.find((jws) => kindOf(jws) === 'EnclaveRelease') ?? '').digest;
    const revocation: DocumentOf<'ReleaseRevocation'> = {
      kind: 'ReleaseRevocation',
      version: 1,
      release,
      releaser: 'builder',
      revokedAt: '2026-11-23T08:59:00.000Z',
      reason: 'a hole was found',
    };
    const { jws } = await sign('ReleaseRevocation', revocation, world.federation.releaser);
    const audit = await audited({ federation: { federation, records: [...records, jws] } });
    expect(firstFailure(audit)).toEqual({ name: 'sessions', code: 'audit-session-release' });
  });

  it('an approval was withdrawn before the session', async () => {
    const [site] = world.sites;
    const withdrawal: DocumentOf<'Withdrawal'> = {
      kind: 'Withdrawal',
      version: 1,
      ...(site?.names ?? { federation: '', study: '', site: '' }),
      approval: site?.approval?.digest ?? '',
      withdrawnAt: '2026-11-23T08:00:00.000Z',
    };
    const jws = site === undefined ? '' : (await sign('Withdrawal', withdrawal, site.keys.approval)).jws;
    expect(firstFailure(await audited({ jwsList: [...whole.jwsList, jws] }))).toEqual({
      name: 'sessions',
      code: 'audit-session-approval',
    });
  });

  it.each([
    ['released to a stranger', 'ModelRelease', { recipient: '33'.repeat(32) }, 'audit-release-recipient'],
    ['released another model', 'ModelRelease', { model: '44'.repeat(32) }, 'audit-release-model'],
    ['released a model of another round', 'ModelRelease', { round: 2 }, 'audit-release-model'],
    ['released with invented consents', 'ModelRelease', { consents: ['55'.repeat(32)] }, 'audit-release-consents'],
  ] as const)('a site %s', async (_name, kind: DocumentKind, change, code) => {
    const [site] = world.sites;
    const original = valueOf(whole.jwsList.find((jws) => kindOf(jws) === kind) ?? '');
    const forged = { ...original, ...change } as unknown as DocumentOf<'ModelRelease'>;
    const jws = site === undefined ? '' : (await sign('ModelRelease', forged, site.keys.agent)).jws;
    expect(firstFailure(await audited({ jwsList: [...whole.jwsList, jws] }))).toEqual({ name: 'releases', code });
  });

  it('a stranger’s record is among them', async () => {
    const [site] = world.sites;
    const [other] = (await World.create()).sites;
    const original = valueOf(
      whole.jwsList.find((jws) => kindOf(jws) === 'Cosignature') ?? '',
    ) as unknown as DocumentOf<'Cosignature'>;
    const jws =
      site === undefined || other === undefined ? '' : (await sign('Cosignature', original, other.keys.witness)).jws;
    expect(firstFailure(await audited({ jwsList: [...whole.jwsList, jws] }))).toEqual({
      name: 'records',
      code: 'audit-record',
    });
  });

  it('the model file is another', async () => {
    const other = encodeSafetensors([{ name: 'weight', dtype: 'F32', shape: [1], data: Float32Array.of(1) }]);
    expect(firstFailure(await audited({ modelFile: other }))).toEqual({ name: 'model-file', code: 'audit-model-file' });
    expect((await audited({ modelFile: readFileSync(import.meta.filename) })).holds).toBe(false);
  });

  it('a cosignature of a receipt that nobody issued changes nothing', async () => {
    const [site] = world.sites;
    const original = valueOf(
      whole.jwsList.find((jws) => kindOf(jws) === 'Cosignature') ?? '',
    ) as unknown as DocumentOf<'Cosignature'>;
    const jws =
      site === undefined
        ? ''
        : (await sign('Cosignature', { ...original, site: site.name, receipt: '66'.repeat(32) }, site.keys.witness))
            .jws;
    expect((await audited({ jwsList: [...whole.jwsList, jws] })).holds).toBe(true);
  });
});
