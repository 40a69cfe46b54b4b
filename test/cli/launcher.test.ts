// The launcher under an old Node, without the pinned binary, and as a carrier of signals and statuses.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { launcher, wardround } from './run-wardround.ts';

/** A Node older than 24 on this machine, if there is one. */
function findOldNode(): string | undefined {
  return ['/usr/local/bin/node', '/usr/bin/node', '/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    const { stdout } = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
    const major = Number(stdout.split('.')[0]);
    return major >= 18 && major < 24;
  });
}

const oldNode = findOldNode();
if (oldNode === undefined) console.warn('SKIPPED: no Node 18 to 23 on this machine to try the launcher with');
const old = oldNode ?? '';
const folder = mkdtempSync(join(tmpdir(), 'wardround-launcher-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(oldNode === undefined)('the launcher under an old Node', () => {
  it('runs the program under the pinned Node', async () => {
    const { status, stdout } = await wardround(['help'], { node: old });
    expect(status).toBe(0);
    expect(stdout).toContain('a hospital');
  });

  it('passes the status on', async () => {
    expect((await wardround(['no-such-command'], { node: old })).status).toBe(2);
  });

  it('says one sentence where the pinned Node is not there', async () => {
    const lonely = join(folder, 'lonely/bin');
    mkdirSync(lonely, { recursive: true });
    copyFileSync(launcher, join(lonely, 'wardround.mjs'));
    const { status, stdout, stderr } = await wardround(['help'], { node: old, program: join(lonely, 'wardround.mjs') });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('[runtime-missing]');
  });

  it('passes signals on and dies with the program', async () => {
    // A stand-in for the program, in a tree of the same shape, that says when it can be signalled and how it was.
    const stage = join(folder, 'stage');
    mkdirSync(join(stage, 'cli/bin'), { recursive: true });
    mkdirSync(join(stage, 'cli/src'), { recursive: true });
    copyFileSync(launcher, join(stage, 'cli/bin/wardround.mjs'));
    writeFileSync(
      join(stage, 'cli/src/main.ts'),
      `process.on('SIGTERM', () => { process.stdout.write('got SIGTERM'); process.exit(7); });
       setInterval(() => {}, 1000); process.stdout.write('ready ');`,
    );
    const binary = `node-${process.platform}-${process.arch}`;
    mkdirSync(join(stage, 'node_modules', binary, 'bin'), { recursive: true });
    writeFileSync(join(stage, 'node_modules', binary, 'package.json'), '{}');
    writeFileSync(join(stage, 'node_modules', binary, 'bin/node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, {
      mode: 0o755,
    });
    const child = spawn(old, [join(stage, 'cli/bin/wardround.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (said === 'ready ') child.kill('SIGTERM');
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect(said).toBe('ready got SIGTERM');
    expect(status).toBe(7);
  });
});
