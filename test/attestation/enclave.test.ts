// A site's decision: every way in which authentic evidence is refused, each with its code, and what an accepted enclave carries.
import { beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { toBase64Url, toHex } from '@wardround/protocol/bytes';
import { reportDataFor } from '@wardround/attestation/binding';
import type { Evidence } from '@wardround/attestation/evidence';
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import type { SnpImage, SnpRules } from '@wardround/attestation/policy/snp-rules';
import type { ReportRequest } from '@wardround/attestation/simulated/chip';
import { EnclaveRefused, VerifiedEnclave, admitEnclave, requireFresh } from '@wardround/attestation/verified-enclave';
import type { AppraisalInput, VerificationReport } from '@wardround/attestation/verifier';
import { enclaveSteps, verifyEnclave } from '@wardround/attestation/verifier';
import { wantingGpu } from '../fakes/gpu-policy.ts';
import type { World } from './world.ts';
import {
  at,
  dayMs,
  evidenceOf,
  failuresOf,
  makeWorld,
  measurement,
  mirrorOf,
  nonce,
  policyFor,
  reportOf,
  sessionOpen,
  snpRulesOf,
} from './world.ts';

let genoa: World;
let turin: World;
let milan: World;
let vlek: World;
let policy: Policy;

beforeAll(async () => {
  genoa = await makeWorld('Genoa');
  turin = await makeWorld('Turin');
  milan = await makeWorld('Milan');
  vlek = await makeWorld('Genoa', 'VLEK');
  policy = parsePolicy(policyFor(genoa));
}, 120_000);

const expected = { nonce, sessionOpenDigest: sessionOpen };

function appraise(changes: Partial<AppraisalInput> = {}): VerificationReport {
  return verifyEnclave({ evidence: evidenceOf(genoa), policy, expected, at, mirror: [], ...changes });
}

function refusals(changes: Partial<AppraisalInput> = {}): readonly string[] {
  const report = appraise(changes);
  expect(report.accepted).toBe(false);
  return failuresOf(report);
}

/** The refusals of a report with these fields, under the strict policy. */
function refusalsOf(fields: Partial<ReportRequest>, world = genoa): readonly string[] {
  return refusals({ evidence: evidenceOf(world, reportOf(world, fields)), policy: parsePolicy(policyFor(world)) });
}

function withRules(change: (rules: SnpRules) => Partial<SnpRules>): Policy {
  const rules = snpRulesOf(policy);
  return parsePolicy({ ...policy, platforms: { ...policy.platforms, sevSnp: { ...rules, ...change(rules) } } });
}

function withImages(...images: readonly Partial<SnpImage>[]): Policy {
  const [image] = policy.measurements;
  return parsePolicy({ ...policy, measurements: images.map((change) => ({ ...image, ...change })) });
}

const waived = { waived: { reason: 'tried here', until: '2026-12-01T00:00:00.000Z' } };
const lapsed = { waived: { reason: 'tried here', until: at.toISOString() } };

describe('evidence that holds', () => {
  it.each(['Genoa', 'Turin'] as const)('%s is accepted, with every step ok and its weakness named', (product) => {
    const world = product === 'Genoa' ? genoa : turin;
    const report = appraise({ evidence: evidenceOf(world), policy: parsePolicy(policyFor(world)) });
    expect(report.steps.map(({ name }) => name)).toEqual(enclaveSteps);
    expect(report.steps.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(report).toMatchObject({
      authentic: true,
      accepted: true,
      simulated: true,
      weaknesses: [{ name: 'simulatedPlatform' }],
    });
  });

  it('is admitted as a VerifiedEnclave with the facts that were proved', () => {
    const evidence = evidenceOf(genoa);
    const enclave = admitEnclave({ evidence, policy, expected, at, mirror: [] });
    expect(enclave.platform).toBe('sevSnp');
    expect(enclave.hardware).toBe('AMD SEV-SNP Genoa');
    expect(enclave.simulated).toBe(true);
    expect(enclave.code).toEqual({ platform: 'sevSnp', measurement });
    expect(enclave.machine).toBe(toHex(genoa.chip.chipId));
    expect(enclave.gpus).toEqual([]);
    expect(enclave.nonce).toBe(nonce);
    expect(enclave.sessionOpenDigest).toBe(sessionOpen);
    expect(enclave.evidenceDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(enclave.policyDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(enclave.verifiedAt).toEqual(at);
    expect(enclave.steps).toHaveLength(enclaveSteps.length);
  });

  it('survives the wire: canonical bytes, parsed strictly', () => {
    const evidence = parseEvidenceBytes(canonicalJson(evidenceOf(genoa)));
    expect(appraise({ evidence }).accepted).toBe(true);
  });

  it('may take its revocation list from the site’s own mirror', () => {
    const evidence = evidenceOf(genoa);
    const bare = { ...evidence, endorsements: evidence.endorsements.filter(({ type }) => type !== 'crl') };
    expect(appraise({ evidence: bare, mirror: mirrorOf(turin.crl, genoa.crl) }).accepted).toBe(true);
    expect(refusals({ evidence: bare, mirror: mirrorOf(turin.crl) })).toEqual([
      'revocation: snp-crl-issuer',
      'revocation-known: snp-crl-missing',
    ]);
  });
});

describe('a VerifiedEnclave', () => {
  it('cannot be made by anybody else', () => {
    const facts = {
      shown: {
        platform: 'sevSnp' as const,
        hardware: 'AMD SEV-SNP Genoa',
        code: { platform: 'sevSnp' as const, measurement },
        machine: '',
        gpus: [],
        switches: [],
      },
      simulated: false,
      nonce,
      sessionOpenDigest: sessionOpen,
    };
    const forged = { ...facts, evidenceDigest: '', policyDigest: '', verifiedAtMs: 0, steps: [] };
    expect(codeOf(() => new VerifiedEnclave(Symbol('admitted'), forged))).toBe('enclave-not-verified');
    const lookalike: unknown = Object.create(VerifiedEnclave.prototype);
    if (!(lookalike instanceof VerifiedEnclave)) throw new Error('not even alike');
    expect(() => lookalike.code).toThrow(TypeError);
  });

  it('cannot be changed', () => {
    const enclave = admitEnclave({ evidence: evidenceOf(genoa), policy, expected, at, mirror: [] });
    expect(Object.isFrozen(enclave)).toBe(true);
    expect(Object.isFrozen(enclave.steps)).toBe(true);
    enclave.verifiedAt.setFullYear(3000);
    expect(enclave.verifiedAt).toEqual(at);
  });

  it('is fresh for as long as the policy says, and never before it was verified', () => {
    const enclave = admitEnclave({ evidence: evidenceOf(genoa), policy, expected, at, mirror: [] });
    expect(() => requireFresh(enclave, policy, at)).not.toThrow();
    expect(() => requireFresh(enclave, policy, new Date(at.getTime() + 3_600_000))).not.toThrow();
    expect(codeOf(() => requireFresh(enclave, policy, new Date(at.getTime() + 3_600_001)))).toBe('evidence-too-old');
    expect(codeOf(() => requireFresh(enclave, policy, new Date(at.getTime() - 1)))).toBe('evidence-from-future');
    expect(codeOf(() => requireFresh(enclave, policy, new Date('never')))).toBe('clock-invalid');
  });
});

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'nothing was thrown';
}

describe('a refusal', () => {
  it('is thrown with the code of the first failed step and lists them all', () => {
    const report = reportOf(genoa, { policy: 0xb_0137n, measurement: new Uint8Array(48), guestSvn: 0 });
    const input = { evidence: evidenceOf(genoa, report), policy, expected, at, mirror: [] };
    try {
      admitEnclave(input);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof EnclaveRefused)) throw error;
      expect(hasCode(error, 'snp-debug')).toBe(true);
      expect(failuresOf(error.report)).toEqual(['debug: snp-debug', 'measurement: snp-measurement-unknown']);
      expect(error.report).toMatchObject({ authentic: true, accepted: false });
      expect(error.message).toContain('snp-measurement-unknown');
    }
  });

  it('is not authentic for a forged signature, and authentic but not accepted for a debug guest', () => {
    const forged = reportOf(genoa);
    forged[0x090] = 0;
    const report = appraise({ evidence: evidenceOf(genoa, forged) });
    expect(report).toMatchObject({ authentic: false, accepted: false });
    expect(appraise({ evidence: evidenceOf(genoa, reportOf(genoa, { policy: 0xb_0137n })) })).toMatchObject({
      authentic: true,
      accepted: false,
    });
  });
});

describe('whom the evidence was made for', () => {
  const other = 'ff'.repeat(32);
  const rebound = (change: Partial<Evidence['binding']>): Evidence => {
    const evidence = evidenceOf(genoa);
    return { ...evidence, binding: { ...evidence.binding, ...change } };
  };

  it('refuses a stale nonce, replayed as it was or with our nonce written over it', () => {
    const stale = reportOf(genoa, { reportData: reportDataFor({ nonce: other, sessionOpen, gpuEvidence: 'none' }) });
    const replayed = evidenceOf(genoa, stale);
    expect(refusals({ evidence: { ...replayed, binding: { ...replayed.binding, nonce: other } } })).toEqual([
      'nonce: evidence-nonce',
      'binding: evidence-binding',
    ]);
    expect(refusals({ evidence: replayed })).toEqual(['binding: evidence-binding']);
  });

  it('refuses re-keyed evidence: another session’s, or ours claimed for it', () => {
    const rekeyed = reportOf(genoa, { reportData: reportDataFor({ nonce, sessionOpen: other, gpuEvidence: 'none' }) });
    expect(refusals({ evidence: evidenceOf(genoa, rekeyed) })).toEqual(['binding: evidence-binding']);
    expect(refusals({ evidence: rebound({ sessionOpen: other }) })).toEqual(['session: evidence-session']);
    expect(refusals({ expected: { nonce, sessionOpenDigest: other } })).toEqual([
      'session: evidence-session',
      'binding: evidence-binding',
    ]);
  });

  it('refuses report data that is only the nonce, a truncated hash, or zero', () => {
    const whole = reportDataFor({ nonce, sessionOpen, gpuEvidence: 'none' });
    const truncated = new Uint8Array(64);
    truncated.set(whole.subarray(0, 32));
    for (const reportData of [new Uint8Array(64), Buffer.from(nonce.repeat(2), 'hex'), truncated]) {
      expect(refusalsOf({ reportData })).toEqual(['binding: evidence-binding']);
    }
  });

  it('refuses a GPU that is required, unsaid, said twice or bound without being there', () => {
    expect(refusals({ policy: wantingGpu(policy) })).toEqual(['gpu: evidence-gpu-required']);
    const evidence = evidenceOf(genoa);
    const [cpu, none] = evidence.evidence;
    if (cpu === undefined || none === undefined) throw new Error('no evidence');
    expect(refusals({ evidence: { ...evidence, evidence: [cpu] } })).toEqual(['gpu: evidence-gpu-undeclared']);
    expect(refusals({ evidence: { ...evidence, evidence: [cpu, none, none] } })).toEqual([
      'gpu: evidence-gpu-undeclared',
    ]);
    expect(refusals({ evidence: rebound({ gpuEvidence: other }) })).toEqual([
      'gpu: evidence-gpu-undeclared',
      'binding: evidence-binding',
    ]);
  });
});

describe('what cannot be appraised is refused, never ignored', () => {
  const evidenceWith = (extra: Partial<Evidence>): Evidence => ({ ...evidenceOf(genoa), ...extra });
  const bytes = toBase64Url(new Uint8Array(16));

  const quote: Evidence['evidence'][number] = {
    type: 'tpmQuote',
    hclReport: 'none',
    certificates: [],
    quote: bytes,
    signature: bytes,
    bank: 'sha256',
    pcrs: [{ index: 0, value: '00'.repeat(32) }],
    eventLog: 'none',
  };

  it.each([
    [{ type: 'tdx', quote: bytes, eventLog: 'none' }, ['contents: evidence-cpu-count']],
    [{ type: 'nvidiaGpu', report: bytes, certificates: [bytes] }, ['gpu: evidence-gpu-unwanted']],
    [{ type: 'nvSwitch', report: bytes, certificates: [bytes] }, ['gpu: evidence-gpu-unwanted']],
    [quote, ['second-path: evidence-second-path-unasked']],
  ] satisfies [Evidence['evidence'][number], string[]][])('%j beside a good report', (item, codes) => {
    const report = appraise({ evidence: evidenceWith({ evidence: [...evidenceOf(genoa).evidence, item] }) });
    expect(failuresOf(report)).toEqual(codes);
    expect(report.accepted).toBe(false);
  });

  it('makes no step on a bundle whose contents it refuses', () => {
    const good = evidenceOf(genoa).evidence;
    const report = appraise({
      evidence: evidenceWith({ evidence: [...good, { type: 'tdx', quote: bytes, eventLog: 'none' }] }),
    });
    expect(report.steps.map(({ name }) => name)).toEqual(enclaveSteps);
    expect(report.steps.slice(1).every(({ status }) => status === 'not-evaluated')).toBe(true);
    expect(report).toMatchObject({ authentic: false, accepted: false, fields: null, enclave: null });
  });

  it('another carrier, no report of a processor or two, and texts that do not decode', () => {
    const { evidence, endorsements, binding } = evidenceOf(genoa);
    const [cpu, none] = evidence;
    if (cpu === undefined || none === undefined) throw new Error('no evidence');
    const only = (changed: Partial<Evidence>): readonly string[] => refusals({ evidence: evidenceWith(changed) });
    const carriedBy = { ...binding, carriedBy: 'tpm' as const };
    expect(only({ binding: carriedBy })).toEqual(['contents: evidence-carrier']);
    expect(only({ binding: carriedBy, evidence: [cpu, none, quote] })).toEqual(['contents: evidence-carrier']);
    expect(only({ binding: carriedBy, evidence: [cpu, none, { ...quote, hclReport: bytes }] })).toEqual([
      'contents: evidence-cpu-count',
    ]);
    expect(only({ binding: carriedBy, evidence: [none, { ...quote, hclReport: bytes }] })).toEqual([
      'contents: evidence-platform-refused',
    ]);
    expect(only({ evidence: [none] })).toEqual(['contents: evidence-cpu-count']);
    expect(only({ evidence: [cpu, cpu, none] })).toEqual(['contents: evidence-cpu-count']);
    expect(only({ evidence: [{ type: 'tdx', quote: bytes, eventLog: 'none' }, none] })).toEqual([
      'contents: evidence-platform-refused',
    ]);
    expect(only({ evidence: [{ type: 'sevSnp', report: 'AB' }, none] })).toEqual(['contents: encoding-base64url']);
    expect(only({ endorsements: [...endorsements, { type: 'ocsp', response: 'AB' }] })).toEqual([
      'contents: encoding-base64url',
    ]);
    const twice = { ...quote, pcrs: [...quote.pcrs, ...quote.pcrs] };
    expect(only({ evidence: [cpu, none, twice] })).toEqual(['contents: evidence-pcr-twice']);
    const longer = { ...quote, bank: 'sha384' as const };
    expect(only({ evidence: [cpu, none, longer] })).toEqual(['contents: encoding-hex']);
  });

  it('endorsements of other hardware change nothing: nobody needs to trust them', () => {
    const { endorsements } = evidenceOf(genoa);
    const more: Evidence['endorsements'] = [
      { type: 'ocsp', response: bytes },
      { type: 'rim', id: 'x', xml: '<x/>' },
    ];
    expect(appraise({ evidence: evidenceWith({ endorsements: [...endorsements, ...more] }) }).accepted).toBe(true);
  });
});

describe('the code', () => {
  it.each([
    ['another measurement', { measurement: new Uint8Array(48).fill(1) }, ['measurement: snp-measurement-unknown']],
    ['another host data', { hostData: new Uint8Array(32).fill(1) }, ['host-data: snp-host-data']],
    ['another family', { familyId: new Uint8Array(16).fill(1) }, ['family-id: snp-family-id']],
    ['another image id', { imageId: new Uint8Array(16).fill(1) }, ['image-id: snp-image-id']],
    ['another id key', { idKeyDigest: new Uint8Array(48).fill(1) }, ['id-key: snp-id-key']],
    [
      'another author key',
      { authorKeyDigest: new Uint8Array(48).fill(1), authorKeyEnabled: true },
      ['author-key: snp-author-key'],
    ],
    [
      'an author key that is not in force',
      { authorKeyDigest: new Uint8Array(48).fill(1) },
      ['author-key: snp-author-key'],
    ],
    ['an author key flag without a digest', { authorKeyEnabled: true }, ['author-key: snp-author-key']],
    ['another privilege level', { vmpl: 1 }, ['vmpl: snp-vmpl']],
    ['an older image', { guestSvn: 0 }, ['guest-svn: snp-guest-svn-below-floor']],
  ] as const)('%s', (_, fields, codes) => {
    expect(refusalsOf(fields)).toEqual(codes);
  });

  it('matches one entry as a whole, never the fields of several', () => {
    const images = withImages({ hostData: '11'.repeat(32), vmpl: 0 }, { hostData: 'unused', vmpl: 2 });
    expect(refusals({ policy: images })).toEqual(['vmpl: snp-vmpl']);
    const second = withImages({ hostData: '11'.repeat(32) }, {});
    expect(appraise({ policy: second }).accepted).toBe(true);
    const otherMeasurement = withImages({ measurement: '00'.repeat(48) }, { hostData: '11'.repeat(32) });
    expect(refusals({ policy: otherMeasurement })).toEqual(['host-data: snp-host-data']);
  });

  it('of a simulated machine is never accepted by an entry for genuine ones', () => {
    expect(refusals({ policy: withImages({ vendor: 'amd' }) })).toEqual(['measurement: snp-measurement-unknown']);
  });

  it('accepts exact values where the policy has them', () => {
    const fields = {
      hostData: new Uint8Array(32).fill(2),
      idKeyDigest: new Uint8Array(48).fill(3),
      authorKeyDigest: new Uint8Array(48).fill(4),
      authorKeyEnabled: true,
    };
    const exact = withImages({
      hostData: '02'.repeat(32),
      idKeyDigest: '03'.repeat(48),
      authorKeyDigest: '04'.repeat(48),
    });
    expect(appraise({ evidence: evidenceOf(genoa, reportOf(genoa, fields)), policy: exact }).accepted).toBe(true);
    expect(refusals({ policy: exact })).toEqual(['host-data: snp-host-data']);
  });

  it('may have a field waived, with a note, until the waiver runs out', () => {
    const report = appraise({
      evidence: evidenceOf(genoa, reportOf(genoa, { hostData: new Uint8Array(32).fill(9) })),
      policy: withImages({ hostData: waived }),
    });
    expect(report.accepted).toBe(true);
    expect(report.steps.find(({ name }) => name === 'host-data')?.reason).toContain('tried here');
    expect(report.weaknesses).toContainEqual({
      name: 'waiver',
      where: 'measurements.0.hostData',
      meaning: 'tried here',
      until: waived.waived.until,
    });
    expect(refusals({ policy: withImages({ hostData: lapsed }) })).toEqual(['host-data: policy-waiver-expired']);
    expect(appraise({ policy: withImages({ hostData: lapsed }, {}) }).accepted).toBe(true);
  });
});

describe('the machine', () => {
  it('Milan is refused, whatever its TCB, and accepted only by a waiver in force', () => {
    const evidence = evidenceOf(milan);
    const strict = parsePolicy({ ...policyFor(milan) });
    expect(refusals({ evidence, policy: strict })).toEqual(['product-accepted: snp-milan-refused']);
    const rules = snpRulesOf(strict);
    if (rules.products.Genoa === 'refused') throw new Error('no rules');
    const like = rules.products.Genoa;
    const milanWith = (rootSeedExtracted: unknown): Policy =>
      parsePolicy({
        ...strict,
        platforms: {
          ...strict.platforms,
          sevSnp: { ...rules, products: { ...rules.products, Milan: { ...like, rootSeedExtracted } } },
        },
      });
    expect(appraise({ evidence, policy: milanWith(waived) }).accepted).toBe(true);
    expect(refusals({ evidence, policy: milanWith(lapsed) })).toEqual(['product-accepted: policy-waiver-expired']);
  });

  it('a refused product', () => {
    expect(
      refusals({ policy: withRules(({ products }) => ({ products: { ...products, Genoa: 'refused' } })) }),
    ).toEqual(['product-accepted: snp-product-refused']);
  });

  it('an unknown chip, and all chips by a waiver in force', () => {
    expect(refusals({ policy: withRules(() => ({ chipIds: ['01'.repeat(64)] })) })).toEqual([
      'chip-accepted: snp-chip-unknown',
    ]);
    expect(appraise({ policy: withRules(() => ({ chipIds: waived })) }).accepted).toBe(true);
    expect(refusals({ policy: withRules(() => ({ chipIds: lapsed })) })).toEqual([
      'chip-accepted: policy-waiver-expired',
    ]);
  });

  it('Turin chips by their eight bytes', () => {
    const short = policyFor(turin);
    const rules = snpRulesOf(short);
    const byEight = parsePolicy({
      ...short,
      platforms: { ...policy.platforms, sevSnp: { ...rules, chipIds: [toHex(turin.chip.chipId).slice(0, 16)] } },
    });
    expect(appraise({ evidence: evidenceOf(turin), policy: byEight }).accepted).toBe(true);
  });

  it('a provider’s key: refused, unknown, or named; but it never names a chip', () => {
    const evidence = evidenceOf(vlek);
    const own = { simulatedPlatform: { roots: [vlek.vendor.rootSha256] } };
    const strict = parsePolicy({ ...policy, ...own });
    expect(refusals({ evidence, policy: strict })).toEqual([
      'signer-accepted: snp-vlek-refused',
      'chip-accepted: snp-chip-unknown',
    ]);
    const named = (providers: readonly string[], chipIds: unknown): Policy =>
      parsePolicy({
        ...strict,
        platforms: {
          ...strict.platforms,
          sevSnp: { ...snpRulesOf(strict), signedBy: { vcek: 'refused', vlek: { providers } }, chipIds },
        },
      });
    expect(refusals({ evidence, policy: named(['CN=other.example'], waived) })).toEqual([
      'signer-accepted: snp-provider-unknown',
    ]);
    expect(appraise({ evidence, policy: named(['CN=cloud.example'], waived) }).accepted).toBe(true);
    expect(refusals({ policy: withRules(() => ({ signedBy: { vcek: 'refused', vlek: 'refused' } })) })).toEqual([
      'signer-accepted: snp-vcek-refused',
    ]);
  });
});

describe('the firmware', () => {
  const low = { bootLoader: 9, tee: 0, snp: 23, microcode: 219 };

  it('is held against a floor for each TCB and each component', async () => {
    for (const component of ['bootLoader', 'snp', 'microcode'] as const) {
      const tcb = { ...genoa.chip.tcb, [component]: genoa.chip.tcb[component] - 1 };
      const chip = await genoa.vendor.issueChip({ tcb, chipId: genoa.chip.chipId });
      const world = { ...genoa, chip };
      const higher = { currentTcb: genoa.chip.tcb, committedTcb: genoa.chip.tcb, launchTcb: genoa.chip.tcb };
      expect(refusalsOf(higher, world)).toEqual(['tcb-reported: snp-tcb-below-floor']);
    }
  });

  it('is refused when only the committed or only the launch TCB is below it', () => {
    expect(refusalsOf({ committedTcb: low })).toEqual(['tcb-committed: snp-tcb-below-floor']);
    expect(refusalsOf({ launchTcb: low })).toEqual(['tcb-launch: snp-tcb-below-floor']);
  });

  it('is not saved by one component that is far above', () => {
    expect(refusalsOf({ launchTcb: { bootLoader: 255, tee: 255, snp: 22, microcode: 255 } })).toEqual([
      'tcb-launch: snp-tcb-below-floor',
    ]);
    expect(refusalsOf({ launchTcb: { ...turin.chip.tcb, fmc: 0, microcode: 255 } }, turin)).toEqual([
      'tcb-launch: snp-tcb-below-floor',
    ]);
  });

  it('cannot be behind what it committed to', () => {
    expect(refusalsOf({ currentTcb: low })).toEqual(['tcb-order: snp-tcb-order']);
    expect(refusalsOf({ committedVersion: { major: 1, minor: 56, build: 0 } })).toEqual(['tcb-order: snp-tcb-order']);
  });

  it('has a floor for its own version', () => {
    const old = { major: 1, minor: 54, build: 255 };
    expect(refusalsOf({ committedVersion: old })).toEqual(['firmware: snp-firmware-below-floor']);
    expect(refusalsOf({ committedVersion: old, currentVersion: old })).toEqual(['firmware: snp-firmware-below-floor']);
  });

  it('must have the required mitigations, now and at launch', () => {
    const strict = policyFor(turin);
    const required = parsePolicy({
      ...strict,
      platforms: { ...policy.platforms, sevSnp: { ...snpRulesOf(strict), requiredMitigations: '0x21' } },
    });
    const refusedFor = (fields: Partial<ReportRequest>): readonly string[] =>
      refusals({ evidence: evidenceOf(turin, reportOf(turin, fields)), policy: required });
    expect(appraise({ evidence: evidenceOf(turin), policy: required }).accepted).toBe(true);
    expect(refusedFor({ launchMitVector: 0x1fn })).toEqual(['mitigations: snp-mitigation-missing']);
    expect(refusedFor({ currentMitVector: 0x3en })).toEqual(['mitigations: snp-mitigation-missing']);
    expect(refusedFor({ version: 4 })).toEqual(['mitigations: snp-mitigation-missing']);
  });
});

describe('the guest’s launch policy and the platform', () => {
  const strict = {
    minimumAbi: { major: 1, minor: 55 },
    smt: 'refused',
    cxl: 'refused',
    singleSocket: 'required',
    memoryAes256Xts: 'required',
    raplDisabled: 'required',
    ciphertextHiding: 'required',
    pageSwapDisabled: 'required',
  } as const;
  const best = 0x3d2_0137n;

  it('refuses debugging and migration always', () => {
    expect(refusalsOf({ policy: 0x3_0137n | (1n << 19n) })).toEqual(['debug: snp-debug']);
    expect(refusalsOf({ policy: 0x3_0137n | (1n << 18n) })).toEqual(['migration: snp-migration-agent']);
    expect(refusalsOf({ reportIdMa: new Uint8Array(32) })).toEqual(['migration: snp-migration-agent']);
  });

  it('refuses a lower firmware interface than the floor', () => {
    expect(refusalsOf({ policy: 0x3_0136n })).toEqual(['guest-policy: snp-abi-below-floor']);
    expect(refusalsOf({ policy: 0x3_00ffn })).toEqual(['guest-policy: snp-abi-below-floor']);
    expect(appraise({ evidence: evidenceOf(genoa, reportOf(genoa, { policy: 0x3_0200n })) }).accepted).toBe(true);
  });

  it('refuses CXL memory', () => {
    expect(refusalsOf({ policy: 0x3_0137n | (1n << 21n) })).toEqual(['guest-policy: snp-guest-policy']);
  });

  it.each([
    ['nothing', best, []],
    ['SMT', best | (1n << 16n), ['guest-policy: snp-guest-policy']],
    ['a second socket', best & ~(1n << 20n), ['guest-policy: snp-guest-policy']],
    ['weaker memory encryption', best & ~(1n << 22n), ['guest-policy: snp-guest-policy']],
    ['RAPL', best & ~(1n << 23n), ['guest-policy: snp-guest-policy']],
    ['visible ciphertext', best & ~(1n << 24n), ['guest-policy: snp-guest-policy']],
    ['page swaps', best & ~(1n << 25n), ['guest-policy: snp-guest-policy']],
  ] as const)('under the strictest rules a guest may allow: %s', (_, bits, codes) => {
    const report = appraise({
      evidence: evidenceOf(genoa, reportOf(genoa, { policy: bits })),
      policy: withRules(() => ({ guestPolicy: strict })),
    });
    expect(failuresOf(report)).toEqual(codes);
  });

  it.each([
    ['no ECC', 0x21n, ['platform-info: snp-platform-info']],
    ['no alias check', 0x05n, ['platform-info: snp-platform-info']],
    ['bit 6, which has no known meaning', 0x65n, ['platform-info: snp-platform-unknown-bit']],
    ['bit 63', 0x25n | (1n << 63n), ['platform-info: snp-platform-unknown-bit']],
    ['trusted I/O, which is known', 0xa5n, []],
  ] as const)('a platform with %s', (_, platformInfo, codes) => {
    expect(failuresOf(appraise({ evidence: evidenceOf(genoa, reportOf(genoa, { platformInfo })) }))).toEqual(codes);
  });

  it('a platform under the strictest rules, and an unknown bit that the policy accepts', () => {
    const rules = {
      smt: 'refused',
      transparentEncryption: 'required',
      ecc: 'required',
      raplDisabled: 'required',
      ciphertextHiding: 'required',
      aliasCheckComplete: 'required',
      acceptedUnknownBits: [6],
    } as const;
    const strictest = withRules(() => ({
      platformInfo: { ...rules, acceptedUnknownBits: [...rules.acceptedUnknownBits] },
    }));
    const resultOf = (platformInfo: bigint): readonly string[] =>
      failuresOf(appraise({ evidence: evidenceOf(genoa, reportOf(genoa, { platformInfo })), policy: strictest }));
    expect(resultOf(0x7en)).toEqual([]);
    for (const bit of [1n, 2n, 3n, 4n, 5n])
      expect(resultOf(0x7en & ~(1n << bit))).toEqual(['platform-info: snp-platform-info']);
    expect(resultOf(0x7fn)).toEqual(['platform-info: snp-platform-info']);
  });
});

describe('revocation and time', () => {
  it('a missing list is authentic but refused', () => {
    const evidence = evidenceOf(genoa);
    const report = appraise({
      evidence: { ...evidence, endorsements: evidence.endorsements.filter(({ type }) => type !== 'crl') },
    });
    expect(report).toMatchObject({ authentic: true, accepted: false });
    expect(failuresOf(report)).toEqual(['revocation-known: snp-crl-missing']);
  });

  it('a list older than the policy allows, though still in date', () => {
    expect(refusals({ at: new Date(at.getTime() + 8 * dayMs) })).toEqual(['revocation-known: snp-crl-too-old']);
    const fresh = new Date(at.getTime() + 7 * dayMs - 3_600_000);
    expect(appraise({ at: fresh }).accepted).toBe(true);
  });

  it('a revoked intermediate, known to the site’s mirror only', async () => {
    const revoking = await genoa.vendor.issueCrl({ revoked: [genoa.vendor.intermediateSerial('VCEK')] });
    const report = appraise({ mirror: mirrorOf(revoking) });
    expect(report).toMatchObject({ authentic: false, accepted: false });
    expect(failuresOf(report)).toEqual(['revocation: snp-revoked', 'revocation-known: snp-crl-missing']);
  });

  it('expired certificates', () => {
    const report = appraise({ at: new Date(at.getTime() + 8 * 365 * dayMs) });
    expect(report.authentic).toBe(false);
    expect(failuresOf(report)).toContain('validity: snp-expired');
  });

  it('a clock that is no instant', () => {
    expect(codeOf(() => appraise({ at: new Date(Number.NaN) }))).toBe('clock-invalid');
  });
});

describe('the simulated vendor', () => {
  it('is refused by a policy that does not name its root', () => {
    const genuineOnly: Policy = { ...withImages({ vendor: 'amd' }) };
    const { simulatedPlatform: _, ...without } = genuineOnly;
    const report = appraise({ policy: parsePolicy(without) });
    expect(report).toMatchObject({ authentic: false, accepted: false, simulated: false, weaknesses: [] });
    expect(failuresOf(report)[0]).toBe('chain: snp-root-untrusted');
    expect(report.steps.find(({ name }) => name === 'measurement')?.status).toBe('not-evaluated');
  });

  it('is refused by a policy that names another federation’s', () => {
    const report = appraise({ policy: parsePolicy({ ...policy, simulatedPlatform: { roots: ['00'.repeat(32)] } }) });
    expect(report.authentic).toBe(false);
    expect(failuresOf(report)[0]).toBe('chain: snp-root-untrusted');
  });
});
