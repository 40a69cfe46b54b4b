// A site's appraisal policy (RFC 9334, section 8.5): which machines and which code it releases updates to. Read strictly, once.
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { nvidiaRulesSchema } from './nvidia-rules.ts';
import { snpImageSchema, snpRulesSchema } from './snp-rules.ts';
import { tdxImageSchema, tdxRulesSchema } from './tdx-rules.ts';
import { tpmRulesSchema } from './tpm-rules.ts';
import { waiverSchema } from './waiver.ts';

const daySeconds = 86_400;

const refused = z.literal('refused');

/** Behind Azure's paravisor the processor measures the paravisor; its vTPM measures the guest. */
const azureSnpRules = z.strictObject({
  sevSnp: snpRulesSchema,
  paravisors: z.array(snpImageSchema).min(1).max(256),
  vtpm: tpmRulesSchema,
});
const azureTdxRules = z.strictObject({
  tdx: tdxRulesSchema,
  paravisors: z.array(tdxImageSchema).min(1).max(256),
  vtpm: tpmRulesSchema,
});

/** Each platform is named: nothing is accepted, or refused, by being forgotten. The names are those of a plan's `attestation.platforms`. */
const platformsSchema = z
  .strictObject({
    sevSnp: z.union([refused, snpRulesSchema]),
    tdx: z.union([refused, tdxRulesSchema]),
    azureSnpVtpm: z.union([refused, azureSnpRules]),
    azureTdxVtpm: z.union([refused, azureTdxRules]),
  })
  .refine(
    (platforms) => Object.values(platforms).some((rules) => rules !== 'refused'),
    'expected at least one platform that is not refused',
  );

const hexId = z
  .string()
  .regex(/^[0-9a-f]{16,128}$/, 'expected the id of a processor: 16 to 128 lower-case hex digits')
  .refine((text) => /[1-9a-f]/.test(text), 'expected an id that is not all zero: that names no processor');
const ueid = z.string().regex(/^[1-9]\d{0,60}$/, 'expected a device’s decimal serial');

/** A genuine GPU elsewhere can answer for this machine; only a list of pairs refuses it. */
const machinesSchema = z.union([
  z.literal('processorAlone'),
  z
    .array(z.strictObject({ processor: hexId, devices: z.array(ueid).min(1).max(32) }))
    .min(1)
    .max(4096),
  waiverSchema,
]);

export const policySchema = z
  .strictObject({
    kind: z.literal('AttestationPolicy'),
    version: z.literal(1),
    platforms: platformsSchema,
    /** The code on `sevSnp` and `tdx`. Full tuples: a report matches one entry in every field, never some fields of several. */
    measurements: z.array(z.discriminatedUnion('platform', [snpImageSchema, tdxImageSchema])).max(256),
    /** A TPM's quote beside a processor that carries the binding itself: then both paths must hold and agree. */
    secondPath: z.union([z.literal('notRequired'), z.strictObject({ vtpm: tpmRulesSchema })]),
    /** A revocation list must be there, in date, and no older than this. */
    collateral: z.strictObject({
      maxCrlAgeSeconds: z
        .int()
        .min(60)
        .max(400 * daySeconds),
    }),
    /** How long an appraisal may be relied on before fresh evidence is due. */
    maxEvidenceAgeSeconds: z.int().min(60).max(daySeconds),
    gpu: z.union([z.literal('unused'), z.strictObject({ nvidia: nvidiaRulesSchema })]),
    /** Which processor and devices are one machine. */
    machines: machinesSchema,
    /** NAMED WEAKNESS: trusts the simulated vendors with these roots, whose evidence proves nothing. Absent: genuine vendors only. */
    simulatedPlatform: z.strictObject({ roots: z.array(sha256Schema).min(1).max(8) }).optional(),
  })
  .superRefine((policy, context) => {
    for (const { path, message } of contradictions(policy)) context.addIssue({ code: 'custom', path, message });
  });
export type Policy = z.infer<typeof policySchema>;

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

type Fields = Omit<Policy, 'kind' | 'version'>;

/** What each part allows by itself and the whole does not. */
function contradictions(policy: Fields): readonly Contradiction[] {
  return [...imageContradictions(policy), ...vendorContradictions(policy), ...deviceContradictions(policy)];
}

function imageContradictions({ platforms, measurements }: Fields): readonly Contradiction[] {
  const stray = measurements.flatMap(({ platform }, index): readonly Contradiction[] =>
    platforms[platform] === 'refused'
      ? [
          {
            path: ['measurements', index, 'platform'],
            message: `expected platforms.${platform} to be accepted as well`,
          },
        ]
      : [],
  );
  const bare = (['sevSnp', 'tdx'] as const).flatMap((name): readonly Contradiction[] =>
    platforms[name] === 'refused' || measurements.some(({ platform }) => platform === name)
      ? []
      : [{ path: ['measurements'], message: `expected at least one image for platforms.${name}` }],
  );
  return [...stray, ...bare];
}

function vendorContradictions({ platforms, measurements, simulatedPlatform }: Fields): readonly Contradiction[] {
  if (simulatedPlatform !== undefined) return [];
  const azure = (['azureSnpVtpm', 'azureTdxVtpm'] as const).flatMap((name) => {
    const rules = platforms[name];
    return rules === 'refused' ? [] : [{ path: ['platforms', name, 'paravisors'], images: rules.paravisors }];
  });
  return [{ path: ['measurements'], images: measurements }, ...azure].flatMap(({ path, images }) =>
    images.flatMap(({ vendor }, index) =>
      vendor === 'simulated'
        ? [
            {
              path: [...path, index, 'vendor'],
              message: 'expected simulatedPlatform to name the roots of a simulated vendor',
            },
          ]
        : [],
    ),
  );
}

function deviceContradictions({ gpu, machines }: Fields): readonly Contradiction[] {
  if ((gpu === 'unused') === (machines === 'processorAlone')) return [];
  const message =
    gpu === 'unused'
      ? 'expected processorAlone, as gpu is unused'
      : 'expected pairs of processor and devices, or a waiver, as gpu has rules';
  return [{ path: ['machines'], message }];
}

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
