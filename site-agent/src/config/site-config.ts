// site.yaml: a site's settings, read strictly. A mistake is named by its path, with what was expected and what was probably meant.
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { backendNames } from '@wardround/learning/tfjs/backend-name';
import { nameSchema, textSchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { describeMistakes, mistakesOf } from './issues.ts';
import type { SitePaths } from './site-paths.ts';
import { sourceSchema } from './source.ts';

/** How the operating system keeps the vault off the network. The last one is a named weakness, which a person must have typed. */
export const vaultIsolationSchema = z.enum([
  'networkNamespace',
  'bubblewrap',
  'systemdPrivateNetwork',
  'vaultNotIsolated',
]);
export type VaultIsolation = z.infer<typeof vaultIsolationSchema>;

export const siteConfigSchema = z.strictObject({
  wardround: z.literal('site/v1', { error: 'expected site/v1' }),
  name: nameSchema,
  displayName: textSchema,
  /** Where the coordinator is reached; its origin is what connections are bound to. */
  coordinator: z
    .string()
    .refine(isCoordinatorUrl, 'expected an http: or https: address such as https://coordinator.example'),
  /** The hospital's proxy, if connections must go through one. Null: the one that HTTPS_PROXY and NO_PROXY name, if they do. */
  proxy: z
    .string()
    .refine(isHttpUrl, 'expected null, or an http: or https: address such as http://proxy.example:3128')
    .nullable(),
  vaultIsolation: vaultIsolationSchema,
  source: sourceSchema,
  /** The attestation policy's file, beside this one. */
  policy: z.literal('policy.yaml', { error: 'expected policy.yaml, beside site.yaml' }),
  /** A directory that `wardround collateral` keeps, from here or absolute. Left out: what comes with the evidence is all there is. */
  collateral: z.string().min(1).max(4096).optional(),
  /** What computes when this site trains. Left out: wasm. A native one must have been installed beside wardround; it is never replaced. */
  backend: z.enum(backendNames).optional(),
  population: z.literal('site', { error: 'expected site: the privacy budget belongs to all patients of the site' }),
});
export type SiteConfig = z.infer<typeof siteConfigSchema>;

const maxConfigBytes = 64 * 1024;

/** @throws WardroundError `config-unreadable`, and those of {@link parseSiteConfig} */
export async function readSiteConfig(paths: SitePaths): Promise<SiteConfig> {
  return parseSiteConfig(await readConfigText(paths.config), paths.config);
}

/**
 * @param where the file's name, for messages
 * @throws WardroundError `config-too-large`, `config-syntax` with line and column, `config-invalid` with every mistake
 */
export function parseSiteConfig(text: string, where: string): SiteConfig {
  const parsed = siteConfigSchema.safeParse(parseYaml(text, where));
  if (parsed.success) return parsed.data;
  const mistakes = mistakesOf(parsed.error, (path) => (path.length === 0 ? Object.keys(siteConfigSchema.shape) : []));
  throw new WardroundError('config-invalid', describeMistakes(mistakes), {
    where: `${where}, ${mistakes[0]?.path ?? '$'}`,
    cause: parsed.error,
  });
}

/** A settings file's text. @throws WardroundError `config-unreadable` */
export async function readConfigText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WardroundError('config-unreadable', 'the settings cannot be read', {
      where: path,
      expected: 'a file that `wardround site init` made',
      cause,
    });
  }
}

/** YAML 1.2 without aliases' bombs, duplicate keys or custom tags. @throws WardroundError `config-too-large`, `config-syntax` */
export function parseYaml(text: string, where: string): unknown {
  if (Buffer.byteLength(text) > maxConfigBytes) {
    throw new WardroundError('config-too-large', 'larger than settings may be', {
      where,
      expected: `at most ${maxConfigBytes} bytes`,
    });
  }
  const document = parseDocument(text, { uniqueKeys: true, strict: true, prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const place = problem.linePos?.[0];
    throw new WardroundError('config-syntax', `not YAML: ${problem.message.split('\n')[0] ?? ''}`, {
      where: place === undefined ? where : `${where}, line ${place.line}, column ${place.col}`,
    });
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new WardroundError('config-syntax', 'settings have no use for YAML aliases', { where, cause });
  }
}

function isCoordinatorUrl(text: string): boolean {
  if (!isHttpUrl(text)) return false;
  const { pathname, search, hash, username, password } = new URL(text);
  return pathname === '/' && search === '' && hash === '' && username === '' && password === '';
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
