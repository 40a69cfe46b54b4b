// The coordinator's directory: configuration, three secrets, the board, the chunks. Made once, for its owner alone.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { type Config, readConfig, renderConfig } from './config.ts';
import type { FederationPin } from './members.ts';

export const paths = (directory: string) =>
  ({
    config: join(directory, 'coordinator.yaml'),
    invitation: join(directory, 'invitation'),
    aggregatorToken: join(directory, 'aggregator-token'),
    accessSecret: join(directory, 'access-secret'),
    federation: join(directory, 'federation'),
    lock: join(directory, 'lock'),
    chunks: join(directory, 'chunks'),
  }) as const;

/** What opens nothing that is sealed: who may speak here before the genesis, who runs an aggregator, and our own bearer tokens. */
export interface Secrets {
  readonly invitation: string;
  readonly aggregatorToken: string;
  readonly accessSecret: string;
}

/**
 * Makes the directory (mode 0700) with new secrets (mode 0600). The configuration is written last: without it there is no coordinator.
 *
 * @throws WardroundError `already-initialised`, `directory-unusable`
 */
export async function initialise(directory: string, config: Config): Promise<Secrets> {
  const files = paths(directory);
  await makeDirectory(directory);
  if (await exists(files.config)) {
    throw new WardroundError('already-initialised', 'this directory already has a coordinator', {
      where: files.config,
      action: 'stop',
    });
  }
  const secrets: Secrets = {
    invitation: `inv_${randomToken()}`,
    aggregatorToken: `agg_${randomToken()}`,
    accessSecret: randomToken(),
  };
  await writeDurably(files.invitation, `${secrets.invitation}\n`);
  await writeDurably(files.aggregatorToken, `${secrets.aggregatorToken}\n`);
  await writeDurably(files.accessSecret, `${secrets.accessSecret}\n`);
  await writeDurably(files.config, renderConfig(config));
  return secrets;
}

/**
 * Reads configuration and secrets.
 *
 * @throws WardroundError `config-missing`, `config-invalid`, `secret-permissions` (laxer than 0600), `secret-invalid`
 */
export async function openDirectory(directory: string): Promise<{ config: Config; secrets: Secrets }> {
  const files = paths(directory);
  const config = await readConfig(files.config);
  const secrets = {
    invitation: await readSecret(files.invitation),
    aggregatorToken: await readSecret(files.aggregatorToken),
    accessSecret: await readSecret(files.accessSecret),
  };
  return { config, secrets };
}

/**
 * The federation that this coordinator serves: from the configuration, else the one remembered here.
 *
 * @throws WardroundError `federation-invalid`
 */
export async function openPin(directory: string, config: Config): Promise<FederationPin> {
  const file = paths(directory).federation;
  let federation = config.federation ?? (await readRemembered(file));
  return {
    get federation() {
      return federation;
    },
    remember: async (digest) => {
      federation = digest;
      await writeDurably(file, `${digest}\n`);
    },
  };
}

async function readRemembered(file: string): Promise<string | null> {
  if (!(await exists(file))) return null;
  const digest = sha256Schema.safeParse((await readFile(file, 'utf8')).trimEnd());
  if (digest.success) return digest.data;
  throw new WardroundError('federation-invalid', 'not the digest of a genesis', { where: file });
}

/** 192 bits: nobody guesses it, and it still fits on a line. */
function randomToken(): string {
  return toBase64Url(randomBytes(24));
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  } catch (cause) {
    throw new WardroundError('directory-unusable', 'cannot make the directory', { where: directory, cause });
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function readSecret(path: string): Promise<string> {
  const text = await readOwn(path);
  const secret = text.trimEnd();
  if (!/^[A-Za-z0-9_-]{32,128}$/.test(secret)) {
    throw new WardroundError('secret-invalid', 'not a secret as `init` writes it', { where: path });
  }
  return secret;
}

async function readOwn(path: string): Promise<string> {
  const mode = await stat(path).then(
    (stats) => stats.mode & 0o777,
    (cause: unknown) => {
      throw new WardroundError('secret-invalid', 'a secret is missing', { where: path, cause });
    },
  );
  if ((mode & 0o077) !== 0) {
    throw new WardroundError('secret-permissions', 'others than its owner may read a secret', {
      where: path,
      expected: 'mode 0600',
      got: `mode 0${mode.toString(8)}`,
    });
  }
  return await readFile(path, 'utf8');
}

async function writeDurably(path: string, text: string): Promise<void> {
  const aside = `${path}.new`;
  const file = await open(aside, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
}
