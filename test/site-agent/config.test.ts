// site.yaml and policy.yaml: read strictly; a mistake is named by its path, with what was expected and what was probably meant.
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseSource as parseImporterSource } from '@wardround/datasets/source';
import { createSite } from '../../site-agent/src/config/create-site.ts';
import { createDurably, writeDurably } from '../../site-agent/src/config/durable-file.ts';
import { nearestName } from '../../site-agent/src/config/nearest.ts';
import { readPolicyFile, refusesEverything, refusingPolicy } from '../../site-agent/src/config/policy-file.ts';
import { parseSiteConfig, readSiteConfig, type SiteConfig } from '../../site-agent/src/config/site-config.ts';
import { siteDirectories, type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import { parseSource, sourcePaths } from '../../site-agent/src/config/source.ts';

const config: SiteConfig = {
  wardround: 'site/v1',
  name: 'north',
  displayName: 'North Hospital',
  coordinator: 'https://coordinator.example',
  proxy: null,
  vaultIsolation: 'networkNamespace',
  source: { kind: 'csv', path: '/data/heart.csv' },
  policy: 'policy.yaml',
  population: 'site',
};

let paths: SitePaths;
beforeEach(async () => {
  paths = sitePaths(join(await mkdtemp(join(tmpdir(), 'wardround-config-')), 'site'));
});
afterEach(async () => await rm(join(paths.directory, '..'), { recursive: true, force: true }));

describe('site.yaml', () => {
  it('is read as it was written', async () => {
    await createSite(paths, { config, policy: refusingPolicy() });
    expect(await readSiteConfig(paths)).toEqual(config);
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['a typing mistake', { ...config, coordinater: 'x' }, 'coordinater', 'did you mean coordinator?'],
    ['an unknown setting', { ...config, zzz: 1 }, 'zzz', 'expected one of wardround, name'],
    ['a missing one', { ...config, population: undefined }, 'population', 'expected site'],
    ['another version', { ...config, wardround: 'site/v2' }, 'wardround', 'expected site/v1'],
    ['a bad name', { ...config, name: 'North Hospital' }, 'name', 'a-z 0-9'],
    ['an address with a path', { ...config, coordinator: 'https://x.example/a' }, 'coordinator', 'https://'],
    ['an address with a password', { ...config, coordinator: 'https://u:p@x.example' }, 'coordinator', 'https://'],
    ['an address without a scheme', { ...config, coordinator: 'x.example:443' }, 'coordinator', 'https://'],
    ['a proxy that is none', { ...config, proxy: 'socks5://x' }, 'proxy', 'expected null'],
    ['an unnamed isolation', { ...config, vaultIsolation: 'none' }, 'vaultIsolation', 'vaultNotIsolated'],
    ['a policy elsewhere', { ...config, policy: '/etc/policy.yaml' }, 'policy', 'policy.yaml'],
    ['a backend that nobody knows', { ...config, backend: 'tensorflow' }, 'backend', 'tfjs-node'],
    ['a relative source', { ...config, source: { kind: 'csv', path: 'a.csv' } }, 'source.path', 'absolute'],
    ['a source with a typo', { ...config, source: { kind: 'cvs', path: '/a' } }, 'source.kind', ''],
    [
      'a source setting too many',
      { ...config, source: { kind: 'csv', path: '/a', url: 'x' } },
      'source.url',
      'unknown',
    ],
  ])('with %s is refused, naming where', (_what, value, path, said) => {
    const text = stringify(value);
    expect(() => parseSiteConfig(text, 'site.yaml')).toThrowError(
      expect.objectContaining({
        code: 'config-invalid',
        where: `site.yaml, ${path}`,
        message: expect.stringContaining(said),
      }),
    );
  });

  it.each(['wasm', 'cpu', 'tfjs-node', 'tfjs-node-gpu'])('may name the backend %s', (backend) => {
    expect(parseSiteConfig(stringify({ ...config, backend }), 'site.yaml')).toEqual({ ...config, backend });
  });

  it('names every mistake at once', () => {
    const text = stringify({ ...config, name: '!', proxy: 7 });
    expect(() => parseSiteConfig(text, 'site.yaml')).toThrowError(/name: .*proxy: /);
  });

  it.each([
    ['a key twice', `${stringify(config)}name: south\n`, 'config-syntax'],
    ['no YAML', 'a: [', 'config-syntax'],
    ['a tag of its own', 'a: !!js/function x', 'config-syntax'],
    ['a bomb of aliases', `a: &a [1]\nb: [${'*a,'.repeat(50)}]\n`, 'config-syntax'],
    ['nothing', '', 'config-invalid'],
    ['far too much', `# ${'x'.repeat(70_000)}`, 'config-too-large'],
  ])('with %s is refused', (_what, text, code) => {
    expect(() => parseSiteConfig(text, 'site.yaml')).toThrowError(expect.objectContaining({ code }));
  });

  it('that is not there is told so', async () => {
    await expect(readSiteConfig(paths)).rejects.toMatchObject({ code: 'config-unreadable', where: paths.config });
  });
});

describe('a new site', () => {
  it('is private throughout', async () => {
    await createSite(paths, { config, policy: refusingPolicy() });
    for (const path of siteDirectories(paths)) expect((await lstat(path)).mode & 0o777, path).toBe(0o700);
    for (const path of [paths.config, paths.policy, paths.approvalKey, paths.agentKey, paths.witnessKey]) {
      expect((await lstat(path)).mode & 0o777, path).toBe(0o600);
    }
  });

  it('is made once', async () => {
    await createSite(paths, { config, policy: refusingPolicy() });
    await expect(createSite(paths, { config, policy: refusingPolicy() })).rejects.toMatchObject({
      code: 'site-exists',
    });
  });

  it('takes an empty directory, if it is private', async () => {
    await mkdir(paths.directory, { mode: 0o755 });
    await expect(createSite(paths, { config, policy: '' })).rejects.toMatchObject({ code: 'key-file-mode' });
    await chmod(paths.directory, 0o700);
    await createSite(paths, { config, policy: '' });
    expect(await readdir(paths.directory)).toContain('site.yaml');
  });

  it('touches nothing where something is', async () => {
    await mkdir(paths.directory, { mode: 0o700 });
    await writeFile(join(paths.directory, 'mine'), 'x');
    await expect(createSite(paths, { config, policy: '' })).rejects.toMatchObject({ code: 'site-exists' });
    expect(await readdir(paths.directory)).toEqual(['mine']);
  });
});

describe('the policy of a new site', () => {
  it('is valid, and refuses everything', async () => {
    await mkdir(paths.directory);
    await writeFile(paths.policy, refusingPolicy());
    const { policy } = await readPolicyFile(paths.policy);
    expect(refusesEverything(policy)).toBe(true);
    expect(policy.simulatedPlatform).toBeUndefined();
  });

  it('with a mistake is refused by its path', async () => {
    await mkdir(paths.directory);
    await writeFile(paths.policy, refusingPolicy().replace('gpu: unused', 'gpu: maybe'));
    await expect(readPolicyFile(paths.policy)).rejects.toMatchObject({ code: 'policy-invalid', where: 'gpu' });
  });
});

describe('--source', () => {
  it.each([
    ['csv:/a/b.csv', { kind: 'csv', path: '/a/b.csv' }],
    ['csv:/a:b.csv', { kind: 'csv', path: '/a:b.csv' }],
    ['uci:va:/data', { kind: 'uciHeartDisease', hospital: 'va', directory: '/data' }],
    ['synthetic:cleveland:7', { kind: 'syntheticHeartDisease', hospital: 'cleveland', seed: 7 }],
  ])('%s', (text, source) => {
    expect(parseSource(text)).toEqual(source);
    // The importer checks the same settings again.
    expect(parseImporterSource(parseSource(text))).toEqual(source);
  });

  it('makes a path absolute', () => {
    expect(parseSource('csv:a.csv')).toEqual({ kind: 'csv', path: join(process.cwd(), 'a.csv') });
    expect(sourcePaths(parseSource('csv:/a.csv'))).toEqual(['/a.csv']);
    expect(sourcePaths(parseSource('synthetic:va:1'))).toEqual([]);
  });

  it.each([
    '',
    'csv:',
    'csv',
    'uci:va',
    'uci:rome:/d',
    'synthetic:va:',
    'synthetic:va:1.5',
    'synthetic:va:-1',
    'http://x',
  ])('refuses %j', (text) => {
    expect(() => parseSource(text)).toThrowError(expect.objectContaining({ code: 'source-invalid' }));
  });
});

describe('the nearest name', () => {
  it.each([
    ['coordinater', 'coordinator'],
    ['Name', 'name'],
    ['zzz', undefined],
    ['', undefined],
    ['name'.repeat(100), undefined],
  ])('of %s', (typed, expected) => {
    expect(nearestName(typed, ['name', 'coordinator', 'policy'])).toBe(expected);
  });
});

describe('durable files', () => {
  it('replace the old one whole, and leave nothing beside it when they cannot', async () => {
    await mkdir(paths.directory);
    await writeDurably(paths.status, 'x').catch(() => undefined);
    await writeDurably(paths.config, 'one');
    await writeDurably(paths.config, 'two');
    await expect(createDurably(paths.config, 'three')).rejects.toMatchObject({ code: 'EEXIST' });
    await mkdir(join(paths.directory, 'full'));
    await writeFile(join(paths.directory, 'full', 'x'), '');
    await expect(writeDurably(join(paths.directory, 'full'), 'x')).rejects.toThrow();
    expect((await readdir(paths.directory)).toSorted()).toEqual(['full', 'site.yaml']);
  });
});
