// The roles' own programs. They are started as processes, never imported: a hospital's agent shares no memory with this command line.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';

export type Role = 'coordinator' | 'site-agent' | 'aggregator-enclave';

/** Which program answers to which first word, and whether it wants to see that word. */
const programs: Readonly<Record<string, { readonly role: Role; readonly keepsWord: boolean }>> = {
  coordinator: { role: 'coordinator', keepsWord: false },
  site: { role: 'site-agent', keepsWord: true },
  federation: { role: 'site-agent', keepsWord: true },
  aggregator: { role: 'aggregator-enclave', keepsWord: false },
};

export interface RoleCall {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** The role's program and its arguments, where the first word is a role's; null for our own commands. */
export function roleCall(words: readonly string[]): RoleCall | null {
  const [first = '', ...rest] = words;
  const entry = Object.hasOwn(programs, first) ? programs[first] : undefined;
  if (entry === undefined) return null;
  // A role's overview is asked for in one way, however somebody lost asks.
  const lost = rest.length === 0 || (rest.length === 1 && ['help', '--help', '-h'].includes(rest[0] ?? ''));
  const passed = entry.keepsWord ? [first, ...rest] : rest;
  return { program: roleProgram(entry.role), arguments: lost ? ['--help'] : passed };
}

const manifestSchema = z.looseObject({ bin: z.union([z.string(), z.record(z.string(), z.string())]).optional() });

/**
 * The file that a role's package names as its program.
 *
 * @throws WardroundError `role-missing`
 */
export function roleProgram(role: Role): string {
  const manifest = findManifest(role);
  const { bin } = manifestSchema.parse(JSON.parse(readFileSync(manifest, 'utf8')));
  const entry = typeof bin === 'string' ? bin : (Object.values(bin ?? {})[0] ?? './src/main.ts');
  const program = join(dirname(manifest), entry);
  if (existsSync(program)) return program;
  throw new WardroundError('role-missing', `the program of the role ${role} is not installed`, {
    expected: program,
    action: 'stop',
  });
}

function findManifest(role: Role): string {
  try {
    return createRequire(import.meta.url).resolve(`@wardround/${role}/package.json`);
  } catch (cause) {
    throw new WardroundError('role-missing', `the role ${role} is not installed here`, { action: 'stop', cause });
  }
}

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

/** That Node calls some of what we pin and test experimental is no news for a person at work. */
export const quietly = ['--disable-warning=ExperimentalWarning'] as const;

/** Runs a role in the foreground: our terminal is its terminal, signals go to it, its end is ours. Resolves with the exit status. */
export async function runRole(call: RoleCall): Promise<number> {
  const child = spawn(process.execPath, [...quietly, call.program, ...call.arguments], { stdio: 'inherit' });
  for (const signal of passedOn) process.on(signal, () => child.kill(signal));
  return await ended(child, call.program);
}

async function ended(child: ChildProcess, program: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new WardroundError('role-failed', 'a program of ours could not be started', { where: program, cause }));
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
