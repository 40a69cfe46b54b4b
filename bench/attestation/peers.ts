// Other people's verifiers on the same vectors: fetched from their registries into a temporary folder, run, and said to be absent where they are.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import * as z from 'zod';

const lineSchema = z.union([
  z.strictObject({ name: z.string(), perSecond: z.array(z.number()).min(1) }),
  z.strictObject({ name: z.string(), error: z.string() }),
]);
export type PeerLine = z.infer<typeof lineSchema>;

export interface PeerRun {
  readonly peer: string;
  readonly lines: readonly PeerLine[];
  /** Why there are no lines. */
  readonly absent?: string;
}

interface Options {
  readonly vectors: string;
  readonly seconds: number;
}

const minute = 60_000;
const sources = join(import.meta.dirname, '../peers');

function linesOf(output: string): readonly PeerLine[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

function inTemporaryFolder(peer: string, run: (folder: string) => readonly PeerLine[]): PeerRun {
  const folder = mkdtempSync(join(tmpdir(), 'peer-'));
  try {
    return { peer, lines: run(folder) };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { peer, lines: [], absent: stripVTControlCharacters(words).split('\n').slice(0, 3).join(' ').slice(0, 300) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** google/go-sev-guest and go-tdx-guest through the Go module proxy. */
export function googlePeer({ vectors, seconds }: Options): PeerRun {
  const installed = '/usr/local/go/bin/go';
  const go = existsSync(installed) ? installed : 'go';
  return inTemporaryFolder('google/go-sev-guest 0.15.0, go-tdx-guest 0.3.1', (folder) => {
    cpSync(join(sources, 'go'), folder, { recursive: true });
    const env = { ...process.env, GOFLAGS: '-mod=mod' };
    execFileSync(go, ['build', '-o', 'peer', '.'], { cwd: folder, env, timeout: 10 * minute, stdio: 'pipe' });
    const output = execFileSync(join(folder, 'peer'), [vectors, `${seconds}`], {
      encoding: 'utf8',
      timeout: 2 * minute,
    });
    return linesOf(output);
  });
}

/** NVIDIA's local verifier through PyPI, in a virtual environment of its own. */
export function nvidiaPeer({ vectors, seconds }: Options): PeerRun {
  return inTemporaryFolder('nv-local-gpu-verifier 2.7.3', (folder) => {
    const wait = { timeout: 10 * minute, stdio: 'pipe', encoding: 'utf8' } as const;
    execFileSync('python3', ['-m', 'venv', folder], wait);
    const python = join(folder, 'bin/python');
    execFileSync(python, ['-m', 'pip', 'install', '-q', 'nv-local-gpu-verifier==2.7.3'], wait);
    return linesOf(execFileSync(python, [join(sources, 'nvidia.py'), vectors, `${seconds}`], { ...wait, cwd: folder }));
  });
}
