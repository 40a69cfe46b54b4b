// Makes a site's directory: private directories, keys made here, settings and a policy for a person to complete.
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import type { Site } from '@wardround/protocol/documents/federation';
import { WardroundError } from '@wardround/protocol/errors';
import { createSiteKeys } from '../keys/site-keys.ts';
import { requirePrivateDirectory } from '../keys/key-file.ts';
import { createDurably, syncDirectory } from './durable-file.ts';
import { parseSiteConfig, type SiteConfig } from './site-config.ts';
import { siteDirectories, type SitePaths } from './site-paths.ts';

/**
 * @param config checked again as it will be read, before anything is made
 * @returns the public keys
 * @throws WardroundError `site-exists` for a directory that is not empty, `config-invalid`, `site-unwritable`, `key-file-*`
 */
export async function createSite(
  paths: SitePaths,
  { config, policy }: { readonly config: SiteConfig; readonly policy: string },
): Promise<Site['keys']> {
  const text = configText(config);
  parseSiteConfig(text, paths.config);
  await makeDirectories(paths);
  const keys = await createSiteKeys(paths);
  await createDurably(paths.policy, policy);
  // Last: a directory with settings is a whole one.
  await createDurably(paths.config, text);
  return keys;
}

async function makeDirectories(paths: SitePaths): Promise<void> {
  try {
    await mkdir(dirname(paths.directory), { recursive: true });
    await mkdir(paths.directory, { mode: 0o700 }).catch(async (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      await requireEmpty(paths.directory);
    });
    const [, ...inner] = siteDirectories(paths);
    for (const directory of inner) await mkdir(directory, { mode: 0o700 });
    for (const directory of siteDirectories(paths)) await syncDirectory(directory);
  } catch (cause) {
    if (cause instanceof WardroundError) throw cause;
    throw new WardroundError('site-unwritable', "the site's directory cannot be made", {
      where: paths.directory,
      cause,
    });
  }
}

async function requireEmpty(directory: string): Promise<void> {
  const stats = await lstat(directory);
  if (!stats.isDirectory() || (await readdir(directory)).length > 0) {
    throw new WardroundError(
      'site-exists',
      'there is something here already; a site is made once, and nothing is overwritten',
      {
        where: directory,
        expected: 'a directory that does not exist yet, or an empty one',
      },
    );
  }
  requirePrivateDirectory(directory, stats);
}

function configText(config: SiteConfig): string {
  return [
    '# Settings of a wardround site. Unknown or missing settings are refused.',
    '# proxy: http://proxy.example:3128, or null: then what HTTPS_PROXY and NO_PROXY say, where they are set.',
    '# vaultIsolation: networkNamespace | bubblewrap | systemdPrivateNetwork, or vaultNotIsolated: a named weakness.',
    '# source: where this site’s rows come from (csv, uciHeartDisease, syntheticHeartDisease).',
    stringify(config),
  ].join('\n');
}
