// Options and readings that several commands share.
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Option } from '@wardround/command-line/options';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { type Genesis, genesisSchema } from '@wardround/protocol/documents/federation';
import { nameSchema } from '@wardround/protocol/documents/primitives';
import { digestOf } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { parseDocument } from '@wardround/protocol/jws';
import { readSiteConfig, type SiteConfig } from '../config/site-config.ts';
import { type SitePaths, sitePaths } from '../config/site-paths.ts';
import { type Connection, proveInvited, proveMember } from '../founding/connection.ts';
import { readAgentKeys, readApprovalKey } from '../keys/site-keys.ts';
import type { Surroundings, Typed } from './command.ts';

export const dirOption: Option = { type: 'string', value: 'DIR', help: "the site's directory", required: true };
export const invitationOption: Option = {
  type: 'string',
  value: 'CODE',
  help: "the invitation that the coordinator's operator gave out; needed until the federation is founded",
};
export const yesOption: Option = { type: 'boolean', help: 'do not ask before going on' };

export interface OpenSite {
  readonly paths: SitePaths;
  readonly config: SiteConfig;
}

/** The site in `--dir`. @throws WardroundError `config-*` */
export async function openSite(typed: Typed): Promise<OpenSite> {
  const paths = sitePaths(typed.text('dir'));
  return { paths, config: await readSiteConfig(paths) };
}

/** Connects under the invitation where one was typed, else as a member; `use` gets the connection, which is closed after it. */
export async function withConnection<T>(
  site: OpenSite,
  { typed, around }: { typed: Typed; around: Surroundings },
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { coordinator, proxy, name } = site.config;
  const invitation = typed.optional('invitation');
  const prove =
    invitation === undefined
      ? proveMember(name, (await readAgentKeys(site.paths)).agent)
      : proveInvited(name, await readApprovalKey(site.paths), invitation);
  const connection = await around.connect({ coordinator, proxy, prove });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** A draft as `federation draft` saved it. @throws WardroundError `draft-file-unreadable`, `json-*`, `document-invalid` */
export async function readDraft(path: string): Promise<{ readonly genesis: Genesis; readonly digest: string }> {
  const genesis = parseDocument({ kind: 'Genesis', schema: genesisSchema, value: await readJson(path, 'draft-file') });
  return { genesis, digest: digestOf('Genesis', genesis) };
}

/** JSON that a person or another program wrote. @throws WardroundError `${area}-unreadable`, `json-*` */
export async function readJson(path: string, area: string): Promise<unknown> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new WardroundError(`${area}-unreadable`, 'the file cannot be read', { where: path, cause });
  });
  return parseLimitedJson(bytes);
}

/** `a,b,c`. @throws WardroundError `usage-names` */
export function parseNames(text: string | undefined, option: string): readonly string[] | null {
  if (text === undefined) return null;
  const names = text === '' ? [] : text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !nameSchema.safeParse(name).success);
  if (wrong !== undefined || new Set(names).size !== names.length) {
    throw new WardroundError('usage-names', `--${option} is a list of names, none twice`, {
      expected: 'names such as north,south',
      got: text,
    });
  }
  return names.toSorted();
}

/** @throws WardroundError `usage-number` */
export function parseCount(text: string, option: string, largest = 1000): number {
  const parsed = z.coerce.number().int().min(0).max(largest).safeParse(text);
  if (!/^\d+$/.test(text) || !parsed.success) {
    throw new WardroundError('usage-number', `--${option} is a whole number`, {
      expected: `0 to ${largest}`,
      got: text,
    });
  }
  return parsed.data;
}

/** @throws WardroundError `usage-not-confirmed` where the person said no, or nobody could be asked and --yes was not typed */
export async function requireConfirmed(
  question: string,
  { typed, around }: { typed: Typed; around: Surroundings },
): Promise<void> {
  if (typed.flag('yes') || (await around.confirm(question))) return;
  throw new WardroundError('usage-not-confirmed', 'not confirmed, so nothing was done', {
    expected: 'the answer yes, or --yes',
  });
}
