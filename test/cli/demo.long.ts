// The demo as a newcomer runs it: what it prints, and that nothing of it is left, however it ends.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { launcher, sharedFolder, wardround } from './run-wardround.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-demo-'));
  folders.push(folder);
  return folder;
}

/** Processes that name this folder on their command line. */
function leftIn(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid))
    .flatMap((pid) => {
      try {
        const cwd = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return cwd.includes(folder) || environment.includes(folder) ? [cwd] : [];
      } catch {
        return [];
      }
    });
}

describe('wardround demo', () => {
  it('trains, verifies every receipt and refuses every attack', async () => {
    const out = freshFolder();
    const { status, stdout, stderr } = await wardround(['demo', '--out', out, '--rounds', '3', '--json']);
    expect(stderr).toContain('SIMULATED PLATFORM');
    expect(status, stderr).toBe(0);
    const result: unknown = JSON.parse(stdout);
    // Three of training, and the evaluation at the end.
    expect(result).toMatchObject({ data: 'synthetic', rounds: 3, receiptsVerified: 3, resultReceiptsVerified: 1 });
    expect(result).toMatchObject({
      pooled: ['accuracy', 'auroc'].map((metric) => ({
        metric,
        value: expect.any(Number),
        interval: expect.anything(),
      })),
    });
    expect(result).toMatchObject({
      sites: ['cleveland', 'hungary', 'switzerland', 'va'].map((name) => ({
        name,
        patients: expect.any(Number),
        localAccuracy: expect.any(Number),
        federatedAccuracy: expect.any(Number),
        roundsContributed: 3,
      })),
    });
    expect(result).toMatchObject({ attacks: expect.arrayContaining([expect.objectContaining({ refused: true })]) });
    expect(stdout).not.toContain('"refused": false');
    expect(existsSync(join(out, 'model/tfjs/model.json'))).toBe(true);
    expect((await wardround(['audit', 'verify', join(out, 'audit')])).status).toBe(0);
    expect(leftIn(out)).toEqual([]);
  });

  it('leaves an earlier demo alone and says where it went', async () => {
    const cwd = freshFolder();
    mkdirSync(join(cwd, 'wardround-demo'));
    const { status, stdout, stderr } = await wardround(['demo', '--rounds', '1'], { cwd });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(`Everything is in ${join(cwd, 'wardround-demo-2')}:`);
    expect(readdirSync(join(cwd, 'wardround-demo'))).toEqual([]);
    expect(existsSync(join(cwd, 'wardround-demo-2/plan.yaml'))).toBe(true);
  });

  const real = join(sharedFolder, 'data');
  it.skipIf(!existsSync(real))('says that the patients are real, where they are', async () => {
    const { status, stdout } = await wardround([
      'demo',
      '--out',
      freshFolder(),
      '--rounds',
      '1',
      '--data',
      real,
      '--json',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ data: 'real' });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves no process behind after %s', async (signal) => {
    const out = freshFolder();
    const child = spawn(process.execPath, [launcher, 'demo', '--out', out], { stdio: ['ignore', 'ignore', 'pipe'] });
    await new Promise<void>((resolve) => {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (part: string) => {
        said += part;
        if (said.includes('its agent runs')) resolve();
      });
    });
    expect(leftIn(out).length).toBeGreaterThan(4);
    child.kill(signal);
    await new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => leftIn(out), { timeout: 20_000 }).toEqual([]);
  });

  it.each([
    [['--sites', '1'], 'demo-sites'],
    [['--sites', '13'], 'demo-sites'],
    [['--rounds', '0'], 'demo-option'],
    [['--seed', 'x'], 'demo-option'],
    [['--data', '/nonexistent'], 'demo-data'],
    [['--out', '.'], 'directory-not-empty'],
  ])('refuses %j', async (words, code) => {
    const { status, stdout } = await wardround([
      'demo',
      ...words,
      ...(words[0] === '--out' ? [] : ['--out', freshFolder()]),
      '--json',
    ]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
  });
});
