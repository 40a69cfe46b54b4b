// The host around the enclave: its configuration, its files, its clock, its cache, its command line.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chunkDigest } from '@wardround/protocol/manifest';
import { ChunkCache } from '../../aggregator-enclave/src/host/chunk-cache.ts';
import { runCommandLine } from '../../aggregator-enclave/src/host/command-line.ts';
import { configText, initialConfig, parseConfig, readConfig } from '../../aggregator-enclave/src/host/config.ts';
import { systemClock } from '../../aggregator-enclave/src/host/system-clock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-aggregator-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function command(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    print: (line: string) => void out.push(line),
    error: (text: string) => void err.push(text),
    signal: AbortSignal.abort(),
  };
  return { code: await runCommandLine(argv, io), out: out.join('\n'), err: err.join('') };
}

const url = 'http://127.0.0.1:8470';
const valid = configText(initialConfig(url, 'simulated'));

describe('aggregator.yaml', () => {
  it('is read as it was written', () => {
    expect(parseConfig(valid, 'here')).toEqual(initialConfig(url, 'simulated'));
  });

  it.each([
    ['a key that is not known', `${valid}colour: blue\n`, 'here: colour'],
    ['a key twice', `${valid}cache: other\n`, 'here'],
    ['a missing key', valid.replace(/^cache:.*\n/m, ''), 'here: cache'],
    ['a coordinator that is no URL', valid.replace(url, 'ftp://x'), 'here: coordinator'],
    ['a platform that does not exist', valid.replace('kind: simulated', 'kind: sgx'), 'here: platform.kind'],
    [
      'a number out of range',
      valid.replace(/retryMilliseconds: \d+/, 'retryMilliseconds: 1'),
      'here: retryMilliseconds',
    ],
    ['another version', valid.replace('aggregator/v1', 'aggregator/v2'), 'here: wardround'],
    ['text that is no YAML', 'a: [', 'here'],
    ['an alias', 'a: &x 1\nb: *x\n', 'here'],
  ])('is refused with %s', (_, text, where) => {
    expect(() => parseConfig(text, 'here')).toThrow(expect.objectContaining({ code: 'config-invalid', where }));
  });

  it('is asked for by name where it is missing', async () => {
    await expect(readConfig(directory)).rejects.toMatchObject({ code: 'config-missing' });
  });
});

describe('aggregator init', () => {
  it('makes secrets for this account alone, and says what the sites need', async () => {
    const dir = join(directory, 'new');
    const { code, out } = await command(
      'init',
      '--dir',
      dir,
      '--coordinator',
      url,
      '--token',
      'agg_12345678',
      '--simulated',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      platform: 'simulated',
      vendorRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
      until: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o077).toBe(0);
    expect(await readFile(join(dir, 'simulated-vendor.json'), 'utf8')).not.toContain('privateKey');
    const measured = await command('measure', '--dir', dir, '--json');
    expect(JSON.parse(measured.out)).toMatchObject({
      vendorRoot: JSON.parse(out).vendorRoot,
      measurement: JSON.parse(out).measurement,
    });
    const again = await command(
      'init',
      '--dir',
      dir,
      '--coordinator',
      url,
      '--token',
      'agg_12345678',
      '--simulated',
      '--json',
    );
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out)).toMatchObject({ error: { code: 'file-exists' } });
  }, 60_000);

  it.each([
    ['no token', ['--coordinator', url, '--simulated'], 'usage-invalid', 2],
    [
      'two tokens',
      ['--coordinator', url, '--token', 'agg_12345678', '--token-file', 'x', '--simulated'],
      'usage-invalid',
      2,
    ],
    ['no coordinator', ['--token', 'agg_12345678', '--simulated'], 'usage-invalid', 2],
    [
      'a coordinator that is no URL',
      ['--coordinator', 'nowhere', '--token', 'agg_12345678', '--simulated'],
      'config-invalid',
      1,
    ],
    ['no platform', ['--coordinator', url, '--token', 'agg_12345678'], 'usage-invalid', 2],
    [
      'a platform that does not exist',
      ['--coordinator', url, '--token', 'agg_12345678', '--platform', 'sgx'],
      'usage-invalid',
      2,
    ],
    [
      'two platforms',
      ['--coordinator', url, '--token', 'agg_12345678', '--platform', 'tdx', '--simulated'],
      'usage-invalid',
      2,
    ],
    ['a word too many', ['--coordinator', url, '--token', 'agg_12345678', '--simulated', '--fast'], 'usage-invalid', 2],
  ])('refuses %s', async (_, words, error, exit) => {
    const { code, out } = await command('init', '--dir', join(directory, 'new'), '--json', ...words);
    expect([code, JSON.parse(out).error.code]).toEqual([exit, error]);
  });
});

describe('aggregator start', () => {
  it('refuses a secret that others may read', async () => {
    const dir = join(directory, 'new');
    await command('init', '--dir', dir, '--coordinator', url, '--token', 'agg_12345678', '--simulated');
    await chmod(join(dir, 'simulated-chip.json'), 0o644);
    const { code, out } = await command('start', '--dir', dir, '--json');
    expect([code, JSON.parse(out).error.code]).toEqual([1, 'file-mode']);
  }, 60_000);

  it('refuses hardware that is not there', async () => {
    await writeFile(join(directory, 'aggregator.yaml'), configText(initialConfig(url, 'sevSnp')));
    const { code, out } = await command('start', '--dir', directory, '--json');
    expect([code, JSON.parse(out).error.code]).toEqual([1, expect.stringMatching(/^tsm-/)]);
  });

  it('tells what there is where it does not understand', async () => {
    expect(await command('dance')).toMatchObject({ code: 2, err: expect.stringContaining('aggregator init') });
  });

  it.each([
    [['--help'], ['aggregator init ', 'aggregator measure ', 'aggregator start ']],
    [['help'], ['aggregator init ', 'aggregator measure ', 'aggregator start ']],
    [
      ['init', '--help'],
      [
        'aggregator init --dir DIR --coordinator URL',
        '--platform KIND',
        '--token-file FILE',
        'PROVES NOTHING',
        'Example',
      ],
    ],
    [
      ['measure', '--help'],
      ['aggregator measure [options]', '--dir DIR', 'Example'],
    ],
    [
      ['start', '--help'],
      ['aggregator start --dir DIR', '--log-level LEVEL', 'Example'],
    ],
  ])('helps with %j, on stdout', async (words, parts) => {
    const { code, out, err } = await command(...words);
    expect([code, err]).toEqual([0, '']);
    for (const part of parts) expect(out).toContain(part);
  });

  it('refuses an option of another command', async () => {
    const { code, out } = await command('start', '--dir', directory, '--simulated', '--json');
    expect([code, JSON.parse(out).error.code]).toEqual([2, 'usage-invalid']);
  });
});

describe('the chunk cache', () => {
  const bytes = new Uint8Array(1000).fill(7);
  const digest = chunkDigest(bytes);

  it('gives back what it keeps, of one study', async () => {
    const cache = new ChunkCache(directory, 'study');
    expect(await cache.get(digest)).toBeNull();
    await cache.put(digest, bytes);
    expect(await cache.get(digest)).toEqual(bytes);
    expect(await new ChunkCache(directory, 'other').get(digest)).toBeNull();
    await cache.clear();
    expect(await cache.get(digest)).toBeNull();
  });

  it('never gives back what was spoiled on the disk', async () => {
    const cache = new ChunkCache(directory, 'study');
    await cache.put(digest, bytes);
    await writeFile(join(directory, 'study', digest), new Uint8Array(1000).fill(8));
    expect(await cache.get(digest)).toBeNull();
  });

  it('keeps nothing where it cannot write', async () => {
    await writeFile(join(directory, 'study'), 'a file in the way');
    const cache = new ChunkCache(directory, 'study');
    await cache.put(digest, bytes);
    expect(await cache.get(digest)).toBeNull();
  });
});

describe('the system clock', () => {
  it('does not sleep for what is past, nor once it is aborted', async () => {
    await systemClock.sleep(new Date(0), new AbortController().signal);
    await systemClock.sleep(null, AbortSignal.abort());
    const stop = new AbortController();
    const sleeping = systemClock.sleep(new Date(Date.now() + 10 ** 12), stop.signal);
    stop.abort();
    await sleeping;
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('wakes at the time, not before', async () => {
    const until = new Date(Date.now() + 20);
    await systemClock.sleep(until, new AbortController().signal);
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime());
  });
});
