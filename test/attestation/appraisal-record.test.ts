// A record judges the same again, years later; an edited one does not, and what is no record is refused.
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { AppraisalRecord } from '@wardround/attestation/appraisal-record';
import { isSameOutcome, parseAppraisalRecord, recordOf, replayRecord } from '@wardround/attestation/appraisal-record';
import { verifyEnclave } from '@wardround/attestation/verifier';
import type { AppraisalInput } from '@wardround/attestation/verifier';
import type { Composite } from './composite-world.ts';
import { bundleOf, deviceItem, makeComposite, otherNonce, policyOf } from './composite-world.ts';
import { at, mirrorOf, nonce, sessionOpen } from './world.ts';

let world: Composite;
let record: AppraisalRecord;

beforeAll(async () => {
  world = await makeComposite();
  record = recorded({});
}, 120_000);

function recorded(changes: Partial<AppraisalInput>): AppraisalRecord {
  const [device] = world.gpus;
  const input: AppraisalInput = {
    evidence: bundleOf(world, { sort: 'sevSnp', devices: [deviceItem({ device })] }),
    policy: policyOf(world, 'sevSnp', [device]),
    expected: { nonce, sessionOpenDigest: sessionOpen },
    at,
    mirror: mirrorOf(world.snp.crl),
    ...changes,
  };
  return recordOf(input, verifyEnclave(input), 'wardround 0.0.0');
}

describe('a record', () => {
  it('survives the disk and judges the same', async () => {
    const read = parseAppraisalRecord(canonicalJson(record));
    expect(read).toEqual(record);
    const replayed = await replayRecord(read);
    expect(replayed).toMatchObject({ differing: [], steps: [], report: { accepted: true } });
    expect(isSameOutcome(replayed)).toBe(true);
  });

  it('of a refusal judges the same refusal', async () => {
    const refused = recorded({ expected: { nonce: otherNonce, sessionOpenDigest: sessionOpen } });
    expect(refused.outcome.accepted).toBe(false);
    expect(isSameOutcome(await replayRecord(refused))).toBe(true);
  });

  it.each([
    [
      'its verdict',
      (one: AppraisalRecord) => ({ ...one, outcome: { ...one.outcome, accepted: false } }),
      ['accepted'],
      [],
    ],
    [
      'a step',
      (one: AppraisalRecord) => ({
        ...one,
        outcome: {
          ...one.outcome,
          steps: one.outcome.steps.map((step) =>
            step.name === 'nonce' ? { ...step, status: 'failed' as const, code: 'evidence-nonce' } : step,
          ),
        },
      }),
      [],
      ['nonce'],
    ],
    [
      'a step left out',
      (one: AppraisalRecord) => ({
        ...one,
        outcome: { ...one.outcome, steps: one.outcome.steps.filter(({ name }) => name !== 'machine') },
      }),
      [],
      ['machine'],
    ],
    [
      'what was expected',
      (one: AppraisalRecord) => ({ ...one, expected: { ...one.expected, nonce: otherNonce } }),
      ['accepted'],
      ['nonce', 'binding', 'gpu-0/nonce', 'gpu-0/nonce-known', 'gpu-0/revocation-nonce'],
    ],
    [
      'its policy',
      (one: AppraisalRecord) => ({ ...one, policy: { ...one.policy, maxEvidenceAgeSeconds: 60 } }),
      ['policyDigest'],
      [],
    ],
    [
      'its instant',
      (one: AppraisalRecord) => ({ ...one, at: '2026-12-23T08:00:00.000Z' }),
      ['authentic', 'accepted'],
      undefined,
    ],
  ] as const)('with %s edited judges otherwise, and says where', async (_, edit, differing, steps) => {
    const replayed = await replayRecord(parseAppraisalRecord(canonicalJson(edit(record))));
    expect(isSameOutcome(replayed)).toBe(false);
    expect([...replayed.differing]).toEqual(expect.arrayContaining([...differing]));
    if (steps !== undefined) expect(replayed.steps.map(({ name }) => name).toSorted()).toEqual(steps.toSorted());
  });

  it('whose evidence was edited is not accepted, whatever it says of itself', async () => {
    const evidence = { ...record.evidence, binding: { ...record.evidence.binding, sessionOpen: otherNonce } };
    const { report, differing } = await replayRecord({ ...record, evidence });
    expect(report.accepted).toBe(false);
    expect(differing).toContain('evidenceDigest');
  });

  it.each([
    ['a member more', (one: AppraisalRecord): unknown => ({ ...one, more: 1 }), 'appraisal-record-invalid'],
    ['a member less', (one: AppraisalRecord): unknown => ({ ...one, at: undefined }), 'appraisal-record-invalid'],
    ['another version', (one: AppraisalRecord): unknown => ({ ...one, version: 2 }), 'appraisal-record-invalid'],
  ])('with %s is none', (_, spoil, code) => {
    const bytes = Buffer.from(canonicalJson(JSON.parse(JSON.stringify(spoil(record)))));
    expect(() => parseAppraisalRecord(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it('is canonical, or none', () => {
    expect(() => parseAppraisalRecord(Buffer.from(JSON.stringify(record, null, 1)))).toThrow();
    expect(() => parseAppraisalRecord(Buffer.from(canonicalJson(record)).subarray(0, -1))).toThrow();
  });
});
