// An appraisal that can be made again years later: what was judged, by which rules, at which instant, with which collateral, and what came out.
import * as z from 'zod';
import { instantSchema, nonceSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import type { JsonLimits } from '@wardround/protocol/canonical-json';
import { parseStrictJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { evidenceSchema } from './evidence.ts';
import { ownEndorsementSchema } from './own-endorsement.ts';
import { policySchema } from './policy/policy.ts';
import { withSecondOpinions } from './second-opinions.ts';
import type { AppraisalInput, VerificationReport } from './verifier.ts';
import { verifyEnclave } from './verifier.ts';

/** A record as it lies on disk: canonical JSON. */
export const recordLimits: JsonLimits = { maxBytes: 16 * 1024 * 1024, maxDepth: 32 };

const stepSchema = z.strictObject({
  name: z.string().min(1).max(128),
  status: z.enum(['ok', 'failed', 'not-evaluated']),
  reason: z.string().max(65_536).optional(),
  code: z.string().max(128).optional(),
});

/** What a report decided. What it shows besides follows from the evidence. */
const outcomeSchema = z.strictObject({
  authentic: z.boolean(),
  accepted: z.boolean(),
  simulated: z.boolean(),
  evidenceDigest: sha256Schema,
  policyDigest: sha256Schema,
  steps: z.array(stepSchema).min(1).max(4_096),
});

export const appraisalRecordSchema = z.strictObject({
  kind: z.literal('AppraisalRecord'),
  version: z.literal(1),
  /** The instant as of which everything was judged. */
  at: instantSchema,
  expected: z.strictObject({ nonce: nonceSchema, sessionOpenDigest: sha256Schema }),
  evidence: evidenceSchema,
  policy: policySchema,
  /** The site's own collateral that was judged together with the bundle's, and when it was mirrored. */
  mirror: z.array(z.strictObject({ endorsement: ownEndorsementSchema, mirroredAt: instantSchema })).max(1_024),
  outcome: outcomeSchema,
  /** Which program judged: other versions may know more. */
  program: z.string().min(1).max(64),
});
export type AppraisalRecord = z.infer<typeof appraisalRecordSchema>;

/** The record of an appraisal. @param program the version that judged */
export function recordOf(input: AppraisalInput, report: VerificationReport, program: string): AppraisalRecord {
  const { evidence, policy, at, mirror } = input;
  const { nonce, sessionOpenDigest } = input.expected;
  return {
    kind: 'AppraisalRecord',
    version: 1,
    at: at.toISOString(),
    expected: { nonce, sessionOpenDigest },
    evidence,
    policy,
    mirror: mirror.map(({ endorsement, mirroredAt }) => ({ endorsement, mirroredAt: mirroredAt.toISOString() })),
    outcome: outcomeOf(report),
    program,
  };
}

/** Reads a record. @throws WardroundError `appraisal-record-invalid`, and those of `parseStrictJson` */
export function parseAppraisalRecord(bytes: Uint8Array): AppraisalRecord {
  const result = appraisalRecordSchema.safeParse(parseStrictJson(bytes, recordLimits));
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new WardroundError('appraisal-record-invalid', 'the record of an appraisal cannot be read', {
    where: first === undefined || first.path.length === 0 ? '$' : first.path.map(String).join('.'),
    expected: first?.message ?? 'an AppraisalRecord document',
    cause: result.error,
  });
}

type RecordedStep = AppraisalRecord['outcome']['steps'][number];

export interface StepDifference {
  readonly name: string;
  /** Null where there was no such step. */
  readonly recorded: RecordedStep | null;
  readonly replayed: RecordedStep | null;
}

export interface Replayed {
  readonly report: VerificationReport;
  /** Which members of the outcome are otherwise than recorded. */
  readonly differing: readonly ('authentic' | 'accepted' | 'simulated' | 'evidenceDigest' | 'policyDigest')[];
  /** Steps that came out otherwise, or with another code. Their words may change between versions. */
  readonly steps: readonly StepDifference[];
}

/**
 * Judges again, at the recorded instant, with what was recorded. A record is nobody's word for anything: only what follows from it counts.
 * @throws WardroundError `clock-invalid`
 */
export async function replayRecord(record: AppraisalRecord): Promise<Replayed> {
  const { at, expected, evidence, policy, mirror, outcome } = record;
  const input = await withSecondOpinions({
    evidence,
    policy,
    expected,
    at: new Date(at),
    mirror: mirror.map(({ endorsement, mirroredAt }) => ({ endorsement, mirroredAt: new Date(mirroredAt) })),
  });
  const report = verifyEnclave(input);
  const again = outcomeOf(report);
  const members = ['authentic', 'accepted', 'simulated', 'evidenceDigest', 'policyDigest'] as const;
  return {
    report,
    differing: members.filter((member) => again[member] !== outcome[member]),
    steps: differences(outcome.steps, again.steps),
  };
}

/** Whether the outcome is the recorded one, step by step. */
export function isSameOutcome({ differing, steps }: Replayed): boolean {
  return differing.length === 0 && steps.length === 0;
}

function outcomeOf(report: VerificationReport): AppraisalRecord['outcome'] {
  const { authentic, accepted, simulated, evidenceDigest, policyDigest, steps } = report;
  return { authentic, accepted, simulated, evidenceDigest, policyDigest, steps: steps.map((step) => ({ ...step })) };
}

function differences(recorded: readonly RecordedStep[], replayed: readonly RecordedStep[]): readonly StepDifference[] {
  const names = [...new Set([...recorded, ...replayed].map(({ name }) => name))];
  const find = (steps: readonly RecordedStep[], name: string): RecordedStep | null =>
    steps.find((step) => step.name === name) ?? null;
  return names
    .map((name) => ({ name, recorded: find(recorded, name), replayed: find(replayed, name) }))
    .filter(({ recorded: was, replayed: is }) => was?.status !== is?.status || was?.code !== is?.code);
}
