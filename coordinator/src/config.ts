// coordinator.yaml: every value written out, nothing unknown accepted, mistakes named by their path.
import { readFile } from 'node:fs/promises';
import { parseDocument as parseYaml, stringify } from 'yaml';
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { maxChunkSize } from '@wardround/protocol/manifest';

const originSchema = z
  .string()
  .refine(isOrigin, 'expected an origin such as https://coordinator.example.org, without a path');

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export const configSchema = z
  .strictObject({
    wardround: z.literal('coordinator/v1'),
    host: z.string().min(1).max(255),
    /** 0 lets the operating system choose; the readiness line tells. */
    port: z.int().min(0).max(65_535),
    /** The origin under which parties reach this coordinator, and which their proofs name. Null: where it listens. */
    publicUrl: originSchema.nullable(),
    /** Digest of the Genesis; null accepts the first complete one on the board. */
    federation: sha256Schema.nullable(),
    chunkQuotaBytes: z.int().min(maxChunkSize),
    limits: z.strictObject({
      connections: z.int().min(1).max(100_000),
      /** How many pages one connection may wait for at a time. */
      followsPerConnection: z.int().min(1).max(10_000),
      publishesPerMinute: z.int().min(1).max(1_000_000),
      publishedBytesPerMinute: z.int().min(8 * 1024 * 1024),
      authenticationSeconds: z.int().min(1).max(300),
      accessTokenSeconds: z.int().min(10).max(3600),
    }),
  })
  .refine(({ host, publicUrl }) => publicUrl !== null || loopback.has(host), {
    path: ['publicUrl'],
    message: 'needed where the host is not a loopback address: proofs of connection name it',
  });
export type Config = z.infer<typeof configSchema>;

export const defaultConfig: Config = {
  wardround: 'coordinator/v1',
  host: '127.0.0.1',
  port: 8470,
  publicUrl: null,
  federation: null,
  chunkQuotaBytes: 64 * 1024 ** 3,
  limits: {
    connections: 1000,
    followsPerConnection: 64,
    publishesPerMinute: 6000,
    publishedBytesPerMinute: 512 * 1024 * 1024,
    authenticationSeconds: 20,
    accessTokenSeconds: 900,
  },
};

const comments: Readonly<Record<keyof Config, string>> = {
  wardround: 'What this file is.',
  host: 'Where to listen. Put a TLS proxy in front of anything but a loopback address.',
  port: '0 lets the operating system choose at each start.',
  publicUrl: 'The origin under which hospitals reach this coordinator; their proofs name it. null: where it listens.',
  federation:
    'Digest of the genesis that is served here. null: the first complete one, remembered in the file `federation`.',
  chunkQuotaBytes: 'How much ciphertext may lie in chunks/.',
  limits: 'Of all connections together, then of each.',
};

/** The file that {@link parseConfig} reads, each value with what it means. */
export function renderConfig(config: Config): string {
  return Object.entries(comments)
    .map(
      ([key, comment]) =>
        `# ${comment}\n${stringify(Object.fromEntries(Object.entries(config).filter(([name]) => name === key)))}`,
    )
    .join('');
}

/** @throws WardroundError `config-missing`, `config-invalid` with the path of what is wrong */
export async function readConfig(path: string): Promise<Config> {
  return parseConfig(await readText(path), path);
}

/** @throws WardroundError `config-invalid` */
export function parseConfig(text: string, where: string): Config {
  const document = parseYaml(text, { uniqueKeys: true, merge: false });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake !== undefined) {
    const [line] = mistake.message.split('\n');
    throw new WardroundError('config-invalid', line ?? 'not YAML', { where, cause: mistake });
  }
  return checkConfig(plainValue(document, where), where);
}

function plainValue(document: ReturnType<typeof parseYaml>, where: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new WardroundError('config-invalid', 'aliases are not read here', { where, cause });
  }
}

/** @throws WardroundError `config-invalid` */
export function checkConfig(value: unknown, where: string): Config {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { message, path } = firstMistake(parsed.error);
  throw new WardroundError('config-invalid', message, {
    where: path === '' ? where : `${where}: ${path}`,
    cause: parsed.error,
  });
}

/** A key that is not known explains, as a rule, the one that is missing: it is told first. */
function firstMistake({ issues }: z.ZodError): { message: string; path: string } {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const path = [...(issue?.path ?? []), ...unknown].map(String).join('.');
  return { path, message: unknown.length > 0 ? 'no such setting' : (issue?.message ?? 'not a configuration') };
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['http:', 'https:'].includes(url.protocol) && url.origin === text;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WardroundError('config-missing', 'no coordinator was set up here', {
      where: path,
      expected: 'a directory made by `wardround coordinator init`',
      cause,
    });
  }
}
