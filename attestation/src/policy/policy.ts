// A site's appraisal policy (RFC 9334, section 8.5): which machines and which code it releases updates to. Read strictly, once.
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { snpImageSchema, snpRulesSchema } from './snp-rules.ts';

const daySeconds = 86_400;

const refused = z.literal('refused');

/** Each platform is named: nothing is accepted, or refused, by being forgotten. */
const platformsSchema = z
  .strictObject({ sevSnp: z.union([refused, snpRulesSchema]) })
  .refine(
    (platforms) => Object.values(platforms).some((rules) => rules !== 'refused'),
    'expected at least one platform that is not refused',
  );

export const policySchema = z
  .strictObject({
    kind: z.literal('AttestationPolicy'),
    version: z.literal(1),
    platforms: platformsSchema,
    /** Full tuples: a report matches one entry in every field, never some fields of several. */
    measurements: z
      .array(z.discriminatedUnion('platform', [snpImageSchema]))
      .min(1)
      .max(256),
    /** A revocation list must be there, in date, and no older than this. */
    collateral: z.strictObject({
      maxCrlAgeSeconds: z
        .int()
        .min(60)
        .max(400 * daySeconds),
    }),
    /** How long an appraisal may be relied on before fresh evidence is due. */
    maxEvidenceAgeSeconds: z.int().min(60).max(daySeconds),
    gpu: z.enum(['required', 'unused']),
    /** NAMED WEAKNESS: trusts the simulated vendors with these roots, whose evidence proves nothing. Absent: genuine vendors only. */
    simulatedPlatform: z.strictObject({ roots: z.array(sha256Schema).min(1).max(8) }).optional(),
  })
  .superRefine((policy, context) => {
    policy.measurements.forEach(({ vendor, platform }, index) => {
      if (vendor === 'simulated' && policy.simulatedPlatform === undefined) {
        context.addIssue({
          code: 'custom',
          path: ['measurements', index, 'vendor'],
          message: 'expected simulatedPlatform to name the roots of a simulated vendor',
        });
      }
      if (policy.platforms[platform] === 'refused') {
        context.addIssue({
          code: 'custom',
          path: ['measurements', index, 'platform'],
          message: `expected platforms.${platform} to be accepted as well`,
        });
      }
    });
  });
export type Policy = z.infer<typeof policySchema>;

/**
 * Reads a policy from parsed YAML or JSON. Unknown keys, missing keys and wrong values are refused, each named by its path.
 * @throws WardroundError `policy-invalid`
 */
export function parsePolicy(value: unknown): Policy {
  const result = policySchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(describeIssue);
  throw new WardroundError(
    'policy-invalid',
    `the attestation policy cannot be accepted: ${problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
    {
      where: problems[0]?.path ?? '$',
      cause: result.error,
    },
  );
}

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Of a union's branches the one that got furthest says what is wrong. */
function describeIssue(issue: z.core.$ZodIssue): Problem {
  const path = issue.path.length === 0 ? '$' : issue.path.map(String).join('.');
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { path, message: issue.message };
  const branches = issue.errors.flatMap((branch) => branch.map(describeIssue));
  const deepest = branches.toSorted((left, right) => depth(right.path) - depth(left.path))[0];
  if (deepest === undefined || deepest.path === '$') {
    return { path, message: [...new Set(branches.map(({ message }) => message))].join(', or ') };
  }
  return { path: `${path}.${deepest.path}`, message: deepest.message };
}

function depth(path: string): number {
  return path === '$' ? 0 : path.split('.').length;
}
