// Backends: the one that was asked for or an error, and no handler of anybody else's left in the process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startBackend } from '@wardround/learning/tfjs/backend';
import { withCode } from '../tensors.ts';

const module = join(import.meta.dirname, '../../../learning/src/tfjs/backend.ts');

/** In a process of its own: what the WASM glue does to a process cannot be seen in one where it was loaded before. */
function inOwnProcess(script: string): { stdout: string; stderr: string; status: number | null } {
  const source = `import { startBackend } from ${JSON.stringify(module)};\n${script}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

describe('startBackend', () => {
  it.each(['wasm', 'cpu'] as const)('starts %s and says what it is', async (name) => {
    const backend = await startBackend(name);
    expect(backend.name).toBe(name);
    expect(backend.tf.getBackend()).toBe(name);
    expect(backend.description).toMatch(
      new RegExp(`^tfjs-${name} \\d+\\.\\d+\\.\\d+.*, tfjs \\d+\\.\\d+\\.\\d+, Node \\d+`),
    );
  });
  afterAll(() => startBackend('wasm'));

  it('does not fall back for a name that it does not know', () => {
    const { stdout } = inOwnProcess(`
      for (const name of ['tensorflow', 'webgpu', 'toString']) console.log(await startBackend(name).catch((error) => error.code));
    `);
    expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 3 }, () => 'backend-unavailable'));
  });

  it('is no backend any more when somebody switches it', async () => {
    const wasm = await startBackend('wasm');
    await startBackend('cpu');
    expect(() => wasm.tf).toThrow(withCode('backend-unavailable'));
    await startBackend('wasm');
    expect(wasm.tf.getBackend()).toBe('wasm');
  });

  it('is an error when WASM cannot start, not plain JS', () => {
    const { stdout } = inOwnProcess(`
      delete globalThis.WebAssembly;
      console.log(await startBackend('wasm').then((backend) => backend.tf.getBackend(), (error) => error.code));
    `);
    expect(stdout.trim()).toBe('backend-unavailable');
  });

  it('leaves the process’s own handlers, and none of the WASM glue’s', () => {
    const { stdout, stderr } = inOwnProcess(`
      const own = () => {};
      process.on('uncaughtException', own);
      await startBackend('wasm');
      console.log(process.listenerCount('uncaughtException'), process.listeners('uncaughtException')[0] === own,
        process.listenerCount('unhandledRejection'));
    `);
    expect(stdout.trim(), stderr).toBe('1 true 0');
  });
});
