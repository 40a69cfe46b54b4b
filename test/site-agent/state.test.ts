// The vault's durable state where the vault has it: inside its walls, where no directory for temporary files exists.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { siteDirectories, type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { confiningModes } from '../../site-agent/src/isolation/confinement.ts';
import { launchVault } from '../../site-agent/src/isolation/launch.ts';
import { probeIsolation } from '../../site-agent/src/isolation/probe.ts';
import { createSiteKeys } from '../../site-agent/src/keys/site-keys.ts';

const tried = await Promise.all(confiningModes.map(async (isolation) => await probeIsolation(isolation)));
for (const { isolation, works, reason } of tried) if (!works) console.warn(`SKIPPED: ${isolation}: ${reason}`);

let paths: SitePaths;
beforeEach(async () => {
  paths = sitePaths(await mkdtemp(join(tmpdir(), 'wardround-state-')));
  for (const path of siteDirectories(paths)) await mkdir(path, { recursive: true, mode: 0o700 });
  await createSiteKeys(paths);
});
afterEach(async () => {
  await rm(paths.directory, { recursive: true, force: true });
});

describe.each(tried.filter(({ works }) => works))('under $isolation', ({ isolation }) => {
  // SQLite sorts more than its cache of 2 MB in a temporary file. A vault in a study of some sixty rounds could not start again.
  it('reads eight megabytes of one study’s records after a restart, in order', async () => {
    const launch = launchVault(
      paths,
      { vaultIsolation: isolation },
      join(import.meta.dirname, 'probes/long-memory.ts'),
    );
    const { stdout } = await promisify(execFile)(launch.command, [...launch.args], { env: launch.env });
    expect(JSON.parse(stdout)).toEqual({ kept: 128, read: 128, inOrder: true });
  });
});
