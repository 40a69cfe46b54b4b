// The directory of a researcher or a releaser: who they are, their keys, the coordinator they use, the federation they pinned.
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod';
import { nameSchema, textSchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { federationFileName } from '../federation-file.ts';
import { readYamlFile } from '../yaml-file.ts';

export type PartyRole = 'researcher' | 'releaser';

const settingsSchema = z.strictObject({
  wardround: z.enum(['researcher/v1', 'releaser/v1']),
  name: nameSchema,
  displayName: textSchema,
  /** Where the coordinator is reached; null until this party joined. */
  coordinator: z.string().nullable(),
});
type Settings = z.infer<typeof settingsSchema>;

export interface PartyDirectory {
  readonly path: string;
  readonly role: PartyRole;
  readonly name: string;
  readonly displayName: string;
  readonly coordinator: string | null;
}

export function signingKeyPath(path: string): string {
  return join(path, 'keys/signing.json');
}

export function receivingKeyPath(path: string): string {
  return join(path, 'keys/receiving.json');
}

/** Where a researcher's things are: what was typed, else WARDROUND_HOME, else here. */
export function researcherDirectory(typed: string | undefined): string {
  return typed ?? process.env['WARDROUND_HOME'] ?? 'wardround-researcher';
}

/** @throws WardroundError `party-exists`, `party-unwritable`, `party-name` */
export async function createParty({
  path,
  role,
  name,
  displayName,
}: Omit<PartyDirectory, 'coordinator'>): Promise<PartyDirectory> {
  const parsed = settingsSchema.safeParse({ wardround: `${role}/v1`, name, displayName, coordinator: null });
  if (!parsed.success) {
    throw new WardroundError('party-name', parsed.error.issues[0]?.message ?? 'not a name', {
      where: '--name',
      got: name,
    });
  }
  try {
    await mkdir(join(path, 'keys'), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new WardroundError('party-unwritable', 'the directory cannot be made', { where: path, cause });
  }
  await writeSettings(path, parsed.data, { replace: false });
  return { path, role, name, displayName, coordinator: null };
}

/** @throws WardroundError `party-missing`, `party-invalid`, `yaml-invalid` */
export async function openParty(path: string, role: PartyRole): Promise<PartyDirectory> {
  const file = await readYamlFile(join(path, settingsName)).catch((cause: unknown) => {
    if (!(cause instanceof WardroundError) || cause.code !== 'file-unreadable') throw cause;
    throw new WardroundError('party-missing', `nobody set up a ${role} here`, {
      where: path,
      expected: `a directory made by \`wardround ${role === 'researcher' ? 'researcher' : 'release'} init\``,
      cause,
    });
  });
  const parsed = settingsSchema.safeParse(file.value);
  const issue = parsed.success ? undefined : parsed.error.issues[0];
  if (!parsed.success || parsed.data.wardround !== `${role}/v1`) {
    throw new WardroundError('party-invalid', issue?.message ?? `not the settings of a ${role}`, {
      where: `${file.path}: ${issue?.path.join('.') ?? 'wardround'}`,
      expected: `${role}/v1`,
    });
  }
  const { name, displayName, coordinator } = parsed.data;
  return { path, role, name, displayName, coordinator };
}

/** Remembers the coordinator. @throws WardroundError `party-unwritable` */
export async function rememberCoordinator(party: PartyDirectory, coordinator: string): Promise<PartyDirectory> {
  const { path, role, name, displayName } = party;
  await writeSettings(path, { wardround: `${role}/v1`, name, displayName, coordinator }, { replace: true });
  return { ...party, coordinator };
}

/** Writes the federation's records, whole or not at all. @throws WardroundError `party-unwritable` */
export async function writeFederationFile(path: string, document: unknown): Promise<void> {
  await replaceFile(join(path, federationFileName), `${JSON.stringify(document)}\n`);
}

const settingsName = 'party.yaml';

async function writeSettings(path: string, settings: Settings, { replace }: { replace: boolean }): Promise<void> {
  const target = join(path, settingsName);
  if (replace) {
    await replaceFile(target, stringify(settings));
    return;
  }
  try {
    const file = await open(target, 'wx', 0o644);
    await file.writeFile(stringify(settings));
    await file.close();
  } catch (cause) {
    throw new WardroundError('party-exists', 'there is a party here already; nothing is overwritten', {
      where: path,
      cause,
    });
  }
}

async function replaceFile(target: string, text: string): Promise<void> {
  try {
    const file = await open(`${target}.new`, 'w', 0o644);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(`${target}.new`, target);
  } catch (cause) {
    throw new WardroundError('party-unwritable', 'a file of this party cannot be written', { where: target, cause });
  }
}
