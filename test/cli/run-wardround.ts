// Runs the shipped command as its users do: a process of its own, judged by its status and what it prints.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../..');
export const launcher = join(repository, 'cli/bin/wardround.mjs');
export const sharedFolder = process.env['WARDROUND_SHARED_DIR'] ?? join(repository, '../shared');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly node?: string;
  readonly program?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function wardround(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { node = process.execPath, program = launcher, cwd = repository, env = {} } = options;
  const child = spawn(node, [program, ...words], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text.stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text.stderr += part));
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...text }));
  });
}
