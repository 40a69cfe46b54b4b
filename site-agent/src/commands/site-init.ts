// `site init`: a new site's directory, with its keys, settings and a policy that refuses everything until somebody completes it.
import { thumbprint } from '@wardround/protocol/keys';
import { policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import { WardroundError } from '@wardround/protocol/errors';
import { createSite } from '../config/create-site.ts';
import { readPolicyFile, refusingPolicy } from '../config/policy-file.ts';
import { parseSiteConfig, type VaultIsolation, vaultIsolationSchema } from '../config/site-config.ts';
import { sitePaths } from '../config/site-paths.ts';
import type { Source } from '@wardround/datasets/source-settings';
import { parseSource } from '../config/source.ts';
import { stringify } from 'yaml';
import { chooseIsolation } from '../isolation/choose.ts';
import type { Command, Typed } from './command.ts';
import { dirOption } from './options.ts';

export const siteInit: Command = {
  words: ['site', 'init'],
  summary: "make a new site's directory, with its keys",
  about: [
    "Makes the directory (mode 0700) with three key files (mode 0600), site.yaml and policy.yaml. The approval key is a person's: keep it where only the people who decide can use it. Nothing is sent anywhere.",
    'The policy says which machines and which code may receive updates. Without --policy it refuses everything until somebody fills it in.',
    'The vault, which holds the data, runs without any network. auto tries what this machine offers and writes down what worked. Where nothing works, vaultNotIsolated must be typed, and is shown as a weakness ever after.',
  ],
  options: {
    dir: dirOption,
    name: { type: 'string', value: 'NAME', help: "the site's short name: a-z 0-9 . _ -", required: true },
    'display-name': { type: 'string', value: 'TEXT', help: 'the name that people read (default: the short name)' },
    coordinator: { type: 'string', value: 'URL', help: "the coordinator's address", required: true },
    proxy: {
      type: 'string',
      value: 'URL',
      help: "the hospital's proxy, written into site.yaml (default: none there; HTTPS_PROXY and NO_PROXY count)",
    },
    source: {
      type: 'string',
      value: 'SOURCE',
      help: 'csv:PATH, uci:HOSPITAL:DIR or synthetic:HOSPITAL:SEED (default: csv:DIR/data.csv)',
    },
    policy: { type: 'string', value: 'FILE', help: 'an attestation policy to start with (YAML)' },
    'vault-isolation': {
      type: 'string',
      value: 'HOW',
      help: `auto (default), ${vaultIsolationSchema.options.join(', ')}`,
    },
  },
  positionals: [],
  example:
    'wardround site init --dir ./north --name north --coordinator https://coordinator.example --source csv:/data/heart.csv',
  async run(typed, around) {
    const paths = sitePaths(typed.text('dir'));
    const policy = await startingPolicy(typed.optional('policy'));
    // Before the probe, which takes a moment: everything else that could be wrong.
    const config = settings(typed, 'vaultNotIsolated', paths.config);
    const vaultIsolation = await chooseIsolation(wantedIsolation(typed), (line) => around.progress(line));
    const keys = await createSite(paths, { config: { ...config, vaultIsolation }, policy: policy.text });
    const weaknesses = [...policy.weaknesses, ...(vaultIsolation === 'vaultNotIsolated' ? [vaultIsolation] : [])];
    const prints = {
      approval: thumbprint(keys.approval),
      agent: thumbprint(keys.agent),
      witness: thumbprint(keys.witness),
    };
    return {
      json: { site: config.name, directory: paths.directory, keys: prints, vaultIsolation, weaknesses },
      lines: [
        `Made ${paths.directory} for the site ${config.name}.`,
        `  approval key     ${prints.approval}  (a person's: ${paths.approvalKey})`,
        `  vault isolation  ${vaultIsolation}`,
        ...weaknesses.map((name) => `  WEAKNESS         ${name}`),
        `Next: look through ${paths.config}${policy.given ? '' : ` and complete ${paths.policy}`}, then: wardround site join`,
      ],
    };
  },
};

async function startingPolicy(
  file: string | undefined,
): Promise<{ readonly text: string; readonly weaknesses: readonly string[]; readonly given: boolean }> {
  if (file === undefined) return { text: refusingPolicy(), weaknesses: [], given: false };
  const { policy, text } = await readPolicyFile(file);
  return { text, weaknesses: [...new Set(policyWeaknesses(policy).map(({ name }) => name))], given: true };
}

function settings(typed: Typed, vaultIsolation: VaultIsolation, where: string): ReturnType<typeof parseSiteConfig> {
  const name = typed.text('name');
  const source: Source = parseSource(typed.optional('source') ?? `csv:${typed.text('dir')}/data.csv`);
  const value = {
    wardround: 'site/v1',
    name,
    displayName: typed.optional('display-name') ?? name,
    coordinator: typed.text('coordinator'),
    proxy: typed.optional('proxy') ?? null,
    vaultIsolation,
    source,
    policy: 'policy.yaml',
    population: 'site',
  };
  return parseSiteConfig(stringify(value), where);
}

function wantedIsolation(typed: Typed): VaultIsolation | 'auto' {
  const wanted = typed.optional('vault-isolation') ?? 'auto';
  if (wanted === 'auto') return 'auto';
  const parsed = vaultIsolationSchema.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw new WardroundError('usage-option', '--vault-isolation is not one that we know', {
    expected: `auto, ${vaultIsolationSchema.options.join(', ')}`,
    got: wanted,
  });
}
