// Evidence with one thing wrong, from the real enclave to the real vault: this site names the check and sends nothing; the others go on.
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { sign } from '@wardround/protocol/documents/signed';
import { generateEphemeralHpkeKey } from '@wardround/protocol/hpke-keys';
import { evidenceLimits, parseEvidenceBytes } from '@wardround/attestation/evidence';
import { reportDataFor } from '@wardround/attestation/binding';
import type { ReportRequest } from '@wardround/attestation/simulated/chip';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import { endorse } from '@wardround/attestation/simulated/files';
import type { CrlOptions } from '@wardround/attestation/simulated/vendor';
import type { Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { at, dayMs, makeWorld, measurement, type World } from '../attestation/world.ts';
import { flipBit } from '../fakes/bytes.ts';
import { mutate } from '../fakes/memory-relay.ts';
import { Together } from './together.ts';
import { attestationWorld, hex, VaultWorld } from './vault-world.ts';

interface Fault {
  readonly what: string;
  readonly code: string;
  /** What differs in the report, though the chip signed it. */
  readonly report?: Partial<ReportRequest>;
  /** What happens to the report after it was signed. */
  readonly forge?: (report: Uint8Array<ArrayBuffer>) => Uint8Array;
  readonly crl?: (vendor: World['vendor']) => CrlOptions;
  readonly withoutCrl?: boolean;
  readonly hardware?: () => Promise<World>;
}

const tooEarly = { notBefore: new Date(at.getTime() - 10 * dayMs), notAfter: new Date(at.getTime() - 1000) };
const binding = (nonce: string, sessionOpen: string): Partial<ReportRequest> => ({
  reportData: reportDataFor({ nonce, sessionOpen, gpuEvidence: 'none' }),
});

const faults: readonly Fault[] = [
  { what: 'forged', code: 'snp-signature', forge: (report) => flipBit(report, 8 * 0x090) },
  {
    what: 'signed under an expired certificate',
    code: 'snp-expired',
    hardware: async () => {
      const world = await attestationWorld();
      return { ...world, chip: await world.vendor.issueChip({ validity: tooEarly }) };
    },
  },
  {
    what: 'of a revoked vendor key',
    code: 'snp-revoked',
    crl: (vendor) => ({ revoked: [vendor.intermediateSerial('VCEK')] }),
  },
  { what: 'without a revocation list', code: 'snp-crl-missing', withoutCrl: true },
  { what: 'of a machine that can be debugged', code: 'snp-debug', report: { policy: 0xb_0137n } },
  { what: 'of other code', code: 'snp-measurement-unknown', report: { measurement: new Uint8Array(48).fill(1) } },
  { what: 'made for a stale nonce', code: 'evidence-binding', report: binding(hex('stale'), hex('session')) },
  { what: 'for nobody, with empty report data', code: 'evidence-binding', report: { reportData: new Uint8Array(64) } },
  { what: 'of a vendor that nobody named', code: 'snp-root-untrusted', hardware: async () => await strangers },
];

let strangers: Promise<World>;
beforeAll(() => {
  strangers = makeWorld('Genoa');
});

function platformWith(fault: Omit<Fault, 'what' | 'code'>, genuine: World): Platform {
  return {
    kind: 'sevSnp',
    measurement,
    attest: async (reportData) => {
      const { chip, vendor } = (await fault.hardware?.()) ?? genuine;
      const signed = chip.makeReport({ reportData, measurement: fromHex(measurement, 48), ...fault.report });
      const endorsements = await endorse(vendor, chip);
      const own = fault.crl === undefined ? null : toBase64Url(await vendor.issueCrl(fault.crl(vendor)));
      const crls = fault.withoutCrl === true ? [] : own === null ? endorsements.crls : [own];
      return {
        items: [{ type: 'sevSnp', report: toBase64Url(fault.forge?.(signed) ?? signed) }],
        endorsements: endorsementsOf({ ...endorsements, crls }),
      };
    },
  };
}

let together: Together | null = null;
let world: VaultWorld;
afterEach(async () => {
  await (together === null ? world.dispose() : together.end());
  together = null;
});

describe('evidence', () => {
  it.each(faults)('$what: refused as $code, nothing is sealed, and the others go on', async (fault) => {
    world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) })).approved();
    const run = new Together(world, platformWith(fault, await attestationWorld()));
    together = run;
    expect(await run.until(() => run.count('SealedModel') === 1)).toBe(true);
    expect(world.checks().filter((check) => check !== 'study-complete null')).toEqual([
      `evidence-refused ${fault.code}`,
    ]);
    for (const kind of ['Contribution', 'Cosignature']) expect(world.said(kind), kind).toEqual([]);
    expect(world.trainings).toBe(0);
    const [receipt] = world.vault?.studies.get(world.study)?.records.of('RoundReceipt') ?? [];
    expect(receipt?.value.contributors.map(({ site }) => site)).toEqual(['b', 'c', 'd']);
    expect(receipt?.value.absentees).toEqual([{ site: 'a', code: 'evidence-refused' }]);
  });
});

describe('a coordinator that puts its own key in the enclave’s place', () => {
  it('with the genuine enclave’s evidence relabelled: evidence-binding; the genuine session goes on', async () => {
    world = await (await VaultWorld.create()).approved();
    const genuine = world.enclave();
    await world.session(genuine);
    const offer = genuine.records.of('EvidenceOffer').find(({ value }) => value.site === 'a');
    const evidence = parseEvidenceBytes(Buffer.from(offer?.value.evidence ?? ''));
    const attacker = world.enclave();
    await attacker.challenge();
    await world.pumpAll();
    await attacker.open();
    const claims = { nonce: attacker.nonceOf('a'), sessionOpen: attacker.session?.digest ?? '' };
    const relabelled = { ...evidence, binding: { ...evidence.binding, ...claims } };
    await attacker.offer('a', { text: () => new TextDecoder().decode(canonicalJson(relabelled, evidenceLimits)) });
    await attacker.order();
    await world.pumpAll();
    expect(world.checks()).toEqual(['evidence-refused evidence-binding']);
    expect(world.said('Contribution')).toEqual([]);
    const order = await genuine.order();
    await world.pumpAll();
    expect(world.said('Contribution').map((said) => said['order'])).toEqual([order.digest]);
  });

  it('as the round key of a genuine order: jws-signature, or jws-signer where it signs itself', async () => {
    world = await (await VaultWorld.create()).approved();
    const genuine = world.enclave();
    await world.session(genuine);
    world.relay.hostile.show = (record, party) => (party === 'a' && record.jws === order.jws ? [] : [record]);
    const order = await genuine.order();
    const attacker = world.enclave();
    const own = await sign(
      'RoundOrder',
      { ...order.value, roundKey: (await generateEphemeralHpkeKey()).publicKey },
      attacker.receiptKey,
    );
    const [head, , signature] = order.jws.split('.');
    for (const jws of [own.jws, [head, own.jws.split('.')[1], signature].join('.')])
      world.relay.forge(world.study, jws);
    await world.pumpAll();
    expect(codesOf(world)).toEqual(['jws-signature', 'jws-signer']);
    expect(world.said('Contribution')).toEqual([]);
    world.relay.hostile.show = (record) => [record];
    await world.pumpAll();
    expect(world.said('Contribution').map((said) => said['order'])).toEqual([order.digest]);
  });
});

describe('a plan altered after approval', () => {
  it('is nothing under the researcher’s signature of the old one, and another study, unapproved, under a new one', async () => {
    world = await (await VaultWorld.create()).approved();
    const altered = { ...world.plan.value, rounds: 99, encoding: { ...world.plan.value.encoding, paddingBytes: 8192 } };
    const signed = await sign('StudyPlan', altered, world.federation.researcher.signing);
    const [head, , signature] = world.plan.jws.split('.');
    const inPlace = [head, signed.jws.split('.')[1], signature].join('.');
    world.relay.hostile.show = mutate(({ jws }) => (jws === world.plan.jws ? inPlace : jws));
    await world.startVault();
    await world.pump();
    expect([...(world.vault?.studies.keys() ?? [])]).toEqual([world.study]);
    // A researcher who colludes signs it: it is another study, which nobody here approved; and records of the one are none of the other.
    world.relay.forge('federation', signed.jws);
    const enclave = world.enclave();
    await world.session(enclave);
    const approval = enclave.records.of('Approval').find(({ value }) => value.site === 'a');
    world.relay.forge(signed.digest, approval?.jws ?? '');
    world.relay.forge(signed.digest, enclave.challengeRecord?.jws ?? '');
    await world.round(enclave);
    expect(codesOf(world)).toEqual(['record-study']);
    expect(world.said('Contribution').map(({ study }) => study)).toEqual([world.study]);
    const status = world.status?.studies.find(({ study }) => study === signed.digest);
    expect(status?.roundsContributed).toBe(0);
    expect(world.vault?.studies.get(signed.digest)?.records.of('Approval')).toEqual([]);
  });
});

describe('a coordinator that shows two sites different things', () => {
  it('hides a contribution from one: that site does not cosign (receipt-contribution), and goes on with the quorum', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    let hidden = '';
    world.relay.hostile.show = (record, party) => (party === 'a' && record.jws === hidden ? [] : [record]);
    await world.peers[0]?.act();
    hidden = world.relay.records.at(-1)?.jws ?? '';
    await world.pumpAll();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    expect(world.checks()).toEqual(['receipt-refused receipt-contribution']);
    expect(world.said('Cosignature')).toEqual([]);
    await enclave.sealModel(receipt);
    await world.pumpAll();
    expect(world.state?.checkpoints(world.study).map(({ round }) => round)).toEqual([1]);
    await world.round(enclave);
    expect(world.said('Contribution').map(({ round }) => round)).toEqual([1, 2]);
  });
});

describe('an enclave restarted to run a closed round again with fewer sites', () => {
  it('is refused (session-resume-older), gets nothing more for that round, and the honest session goes on', async () => {
    world = await (
      await VaultWorld.create({ plan: (plan) => ({ ...plan, sites: { ...plan.sites, minimum: 3 } }) })
    ).approved();
    const honest = world.enclave();
    await world.session(honest);
    await world.round(honest);
    const again = world.enclave();
    await again.challenge();
    await world.pump();
    for (const peer of world.peers.slice(0, 2))
      await peer.state(again.challengeRecord?.digest ?? '', { held: [], newestReceipt: null, lastSealed: null });
    await again.sync();
    const fewer = again.records.of('Approval').filter(({ value }) => value.site !== 'd');
    const approvals = fewer.map(({ value, digest }) => ({ site: value.site, approval: digest }));
    await again.open({ resumesFrom: null, approvals: approvals.toSorted((x, y) => (x.site < y.site ? -1 : 1)) });
    await again.offer('a');
    await again.order({ round: 1 });
    await world.pump();
    expect(world.checks()).toEqual(['session-refused session-resume-older']);
    expect(world.said('Contribution').map(({ round }) => round)).toEqual([1]);
    await honest.order();
    await world.pump();
    expect(world.said('Contribution').map(({ round }) => round)).toEqual([1, 2]);
  });
});

const codesOf = ({ logs }: VaultWorld): readonly string[] =>
  [...new Set(logs.filter(({ event }) => event === 'record-refused').map(({ code }) => code ?? ''))].toSorted();
