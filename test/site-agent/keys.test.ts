// Key files: made once with mode 0600, never overwritten, and not used when anybody else could have reached them.
import { chmod, chown, link, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateSigningKey } from '@wardround/protocol/keys';
import { siteDirectories, type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { readKeyFile, writeKeyFile } from '../../site-agent/src/keys/key-file.ts';
import { createSiteKeys, readAgentKeys, readApprovalKey, readPublicKeys } from '../../site-agent/src/keys/site-keys.ts';

let paths: SitePaths;

beforeEach(async () => {
  paths = sitePaths(join(await mkdtemp(join(tmpdir(), 'wardround-keys-')), 'site'));
  for (const path of siteDirectories(paths)) await mkdir(path, { mode: 0o700 });
});
afterEach(async () => await rm(join(paths.directory, '..'), { recursive: true, force: true }));

describe('a key file', () => {
  it('comes back as the same key, mode 0600, with nothing left beside it', async () => {
    const key = generateSigningKey();
    await writeKeyFile(paths.agentKey, key);
    expect((await readKeyFile(paths.agentKey)).thumbprint).toBe(key.thumbprint);
    expect((await lstat(paths.agentKey)).mode & 0o7777).toBe(0o600);
    expect(await readdir(paths.keys)).toEqual(['agent.json']);
  });

  it('is not made readable by a lax umask', async () => {
    const before = process.umask(0);
    try {
      await writeKeyFile(paths.agentKey, generateSigningKey());
    } finally {
      process.umask(before);
    }
    expect((await lstat(paths.agentKey)).mode & 0o7777).toBe(0o600);
  });

  it('is never overwritten', async () => {
    await writeKeyFile(paths.agentKey, generateSigningKey());
    const before = await readFile(paths.agentKey, 'utf8');
    await expect(writeKeyFile(paths.agentKey, generateSigningKey())).rejects.toMatchObject({ code: 'key-file-exists' });
    expect(await readFile(paths.agentKey, 'utf8')).toBe(before);
    expect(await readdir(paths.keys)).toEqual(['agent.json']);
  });

  it.each([0o640, 0o604, 0o660, 0o666, 0o610, 0o601, 0o4640])('with mode %o is refused by name', async (mode) => {
    await writeKeyFile(paths.agentKey, generateSigningKey());
    await chmod(paths.agentKey, mode);
    await expect(readKeyFile(paths.agentKey)).rejects.toMatchObject({
      code: 'key-file-mode',
      got: `mode ${mode.toString(8).padStart(4, '0')}`,
      expected: 'mode 0600',
      message: expect.stringContaining(`chmod 600 ${paths.agentKey}`),
    });
  });

  it('with mode 0400 is read', async () => {
    await writeKeyFile(paths.agentKey, generateSigningKey());
    await chmod(paths.agentKey, 0o400);
    await expect(readKeyFile(paths.agentKey)).resolves.toBeDefined();
  });

  it.skipIf(process.getuid?.() !== 0)('of another user is refused', async () => {
    await writeKeyFile(paths.agentKey, generateSigningKey());
    await chown(paths.agentKey, 12_345, 12_345);
    await expect(readKeyFile(paths.agentKey)).rejects.toMatchObject({ code: 'key-file-owner', got: 'owner 12345' });
  });

  it('must be an ordinary file', async () => {
    await writeKeyFile(paths.agentKey, generateSigningKey());
    await symlink(paths.agentKey, paths.witnessKey);
    await expect(readKeyFile(paths.witnessKey)).rejects.toMatchObject({ code: 'key-file-type' });
    await expect(readKeyFile(paths.keys)).rejects.toMatchObject({ code: 'key-file-type' });
    await expect(readKeyFile('/dev/null')).rejects.toMatchObject({ code: 'key-file-type' });
    await expect(readKeyFile(join(paths.keys, 'none'))).rejects.toMatchObject({ code: 'key-file-missing' });
  });

  it.each([
    ['nothing', '', 'key-file-format'],
    ['no JSON', '{"kty":"OKP"', 'key-file-format'],
    ['two keys', '{"kty":"OKP","kty":"OKP"}', 'key-file-format'],
    ['another object', '{}', 'key-invalid'],
    ['far too much', `"${'a'.repeat(8192)}"`, 'key-file-format'],
  ])('with %s in it is refused', async (_what, text, code) => {
    await writeFile(paths.agentKey, text, { mode: 0o600 });
    await expect(readKeyFile(paths.agentKey)).rejects.toMatchObject({ code });
  });

  it('never shows what it holds, not even when it is spoiled', async () => {
    const key = generateSigningKey();
    await writeKeyFile(paths.agentKey, key);
    const { d } = key.exportSecret();
    for (const spoiled of [`{"d":"${d}","d":1}`, `{"d":"${d}"}`, `{"d":"${d}"`, d]) {
      await writeFile(paths.agentKey, spoiled, { mode: 0o600 });
      const error: unknown = await readKeyFile(paths.agentKey).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 10 })).not.toContain(d);
    }
  });
});

describe("a site's keys", () => {
  it('are three, apart, and all different', async () => {
    const keys = await createSiteKeys(paths);
    expect(new Set([keys.approval.x, keys.agent.x, keys.witness.x]).size).toBe(3);
    expect(await readPublicKeys(paths)).toEqual(keys);
    expect((await readdir(paths.keys)).toSorted()).toEqual(['agent.json', 'approval.json', 'witness.json']);
  });

  it('of the vault do not need the approval key', async () => {
    await createSiteKeys(paths);
    await rm(paths.approvalKey);
    await expect(readAgentKeys(paths)).resolves.toBeDefined();
    await expect(readApprovalKey(paths)).rejects.toMatchObject({ code: 'key-file-missing' });
  });

  it('in a directory that others can enter are not used by a person’s command', async () => {
    await createSiteKeys(paths);
    await chmod(paths.keys, 0o750);
    await expect(readApprovalKey(paths)).rejects.toMatchObject({
      code: 'key-file-mode',
      got: 'mode 0750',
      message: expect.stringContaining(`chmod 700 ${paths.keys}`),
    });
  });

  it('are not made over others', async () => {
    const key = generateSigningKey();
    await writeKeyFile(join(paths.keys, 'other'), key);
    await link(join(paths.keys, 'other'), paths.approvalKey);
    await expect(createSiteKeys(paths)).rejects.toMatchObject({ code: 'key-file-exists' });
    expect((await readKeyFile(paths.approvalKey)).thumbprint).toBe(key.thumbprint);
  });
});
