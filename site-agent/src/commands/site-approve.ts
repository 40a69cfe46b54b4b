// `site approve`: a person agrees to a study. The source is read into a frozen snapshot, everything is shown, weaknesses are typed by name.
import { join } from 'node:path';
import * as z from 'zod';
import { type FrozenSnapshot, readSnapshot } from '@wardround/datasets/snapshot';
import { type Weakness, weaknessSchema } from '@wardround/protocol/documents/consent';
import { fractionSchema, instantSchema } from '@wardround/protocol/documents/primitives';
import type { Verified } from '@wardround/protocol/documents/signed';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { readPolicyFile } from '../config/policy-file.ts';
import { runImporter } from '../importer/run-importer.ts';
import { readApprovalKey } from '../keys/site-keys.ts';
import { approveStudy, type ApproveRequest } from '../person/approve-study.ts';
import { describeStudy } from '../person/describe-study.ts';
import type { Command, Surroundings, Typed } from './command.ts';
import { dirOption, type OpenSite, openSite, parseCount, yesOption } from './options.ts';
import { findStudy } from './study-argument.ts';

export const siteApprove: Command = {
  words: ['site', 'approve'],
  summary: 'approve a study: this site will take part',
  about: [
    'Reads the configured source into a frozen snapshot, checks it against what the study asks for, shows the whole study, and signs with the approval key. The agent then reserves the budget and publishes the approval. Nothing connects to the network here.',
    'Every weakness that the study has here must be accepted by its name: --accept noDifferentialPrivacy,unmasked. Without it, the answer says which.',
    'A site may ask for more than the plan: more contributors in every sum, more patients, a smaller share for any one site, an earlier end.',
  ],
  options: {
    dir: dirOption,
    accept: { type: 'string', value: 'A,B', help: 'the weaknesses that you accept, by name' },
    'minimum-sites': { type: 'string', value: 'N', help: 'at least so many contributors in every sum' },
    'minimum-rows': { type: 'string', value: 'N', help: 'at least so many patients behind this site’s update' },
    'max-share': { type: 'string', value: '0.4', help: 'no contributor may weigh more than this' },
    'valid-until': { type: 'string', value: 'TIME', help: 'ends earlier than the plan: 2027-03-31T23:59:59.000Z' },
    yes: yesOption,
  },
  positionals: ['STUDY'],
  example: 'wardround site approve --dir ./north 3f9a2c --accept noDifferentialPrivacy,unmasked,unwitnessed',
  async run(typed, around) {
    const conditions = readConditions(typed);
    const site = await openSite(typed);
    const study = await findStudy(site.paths, typed.positionals[0] ?? '');
    const { policy } = await readPolicyFile(site.paths.policy);
    const approval = await showingWhatIsWeak(around, {
      ...conditions,
      paths: site.paths,
      site: site.config.name,
      study,
      approvalKey: await readApprovalKey(site.paths),
      policy,
      isolation: site.config.vaultIsolation,
      runImporter: async () => await importNow(site, around),
      confirm: async ({ lines }) => {
        for (const line of lines) around.progress(line);
        return typed.flag('yes') || (await around.confirm('Approve this study with the approval key?'));
      },
      now: () => around.now(),
    });
    const { weight, validUntil, acceptedWeaknesses } = approval.value;
    return {
      json: { study, approval: approval.digest, weight, validUntil, acceptedWeaknesses },
      lines: [
        `Approved ${study.slice(0, 12)}, until ${validUntil}. The agent publishes it; wardround site studies shows how it goes on.`,
        ...acceptedWeaknesses.map((name) => `  accepted: ${name}`),
      ],
    };
  },
};

/** Who did not type the weaknesses yet is shown the study, so that they can decide whether to. */
async function showingWhatIsWeak(around: Surroundings, request: ApproveRequest): Promise<Verified<'Approval'>> {
  try {
    return await approveStudy(request);
  } catch (error) {
    if (!hasCode(error, 'approve-weakness')) throw error;
    for (const line of (await describeStudy(request)).lines) around.progress(line);
    throw error;
  }
}

interface Conditions {
  readonly accept: readonly Weakness[];
  readonly minimumContributors?: number;
  readonly minimumRows?: number;
  readonly maxShare?: string;
  readonly validUntil?: string;
}

function readConditions(typed: Typed): Conditions {
  const sites = typed.optional('minimum-sites');
  const rows = typed.optional('minimum-rows');
  const share = typed.optional('max-share');
  const until = typed.optional('valid-until');
  return {
    accept: readWeaknesses(typed.optional('accept')),
    ...(sites === undefined ? {} : { minimumContributors: parseCount(sites, 'minimum-sites') }),
    ...(rows === undefined ? {} : { minimumRows: parseCount(rows, 'minimum-rows', 1_000_000_000) }),
    ...(share === undefined ? {} : { maxShare: requireForm(fractionSchema, { option: 'max-share', text: share }) }),
    ...(until === undefined ? {} : { validUntil: requireForm(instantSchema, { option: 'valid-until', text: until }) }),
  };
}

function readWeaknesses(text: string | undefined): readonly Weakness[] {
  const names = text === undefined || text === '' ? [] : text.split(',').map((name) => name.trim());
  return names.map((name) => {
    const parsed = weaknessSchema.safeParse(name);
    if (parsed.success) return parsed.data;
    throw new WardroundError('usage-accept', 'there is no weakness of this name', {
      expected: weaknessSchema.options.join(', '),
      got: name,
    });
  });
}

function requireForm(schema: z.ZodType<string>, { option, text }: { option: string; text: string }): string {
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new WardroundError('usage-option', `--${option} cannot be read: ${parsed.error.issues[0]?.message ?? ''}`, {
    got: text,
  });
}

async function importNow({ paths, config }: OpenSite, around: Surroundings): Promise<FrozenSnapshot> {
  around.progress(`reading the source (${config.source.kind}) into a frozen snapshot…`);
  const { digest, rows, provenance } = await runImporter({ paths, config, signal: around.signal });
  around.progress(`snapshot ${digest.slice(0, 12)}: ${rows} rows of ${provenance} data`);
  return await readSnapshot(join(paths.snapshots, `${digest}.arrow`), digest);
}
