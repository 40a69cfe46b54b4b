// Runs the importer in its own process, with the source's path and the snapshots' directory, and without the network.
import { buffer } from 'node:stream/consumers';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { SiteConfig } from '../config/site-config.ts';
import type { SitePaths } from '../config/site-paths.ts';
import { sourcePaths } from '../config/source.ts';
import { launchImporter } from '../isolation/launch.ts';
import { importerMain } from '../isolation/program.ts';
import { startProcess } from '../isolation/start-process.ts';
import {
  importAnswerSchema,
  type ImportAnswer,
  type ImportedSnapshot,
  type ImportRequest,
  maxAnswerBytes,
} from './frames.ts';

/**
 * Freezes the site's source as it is now; `vault/snapshots/<digest>.arrow` is durable when this returns.
 *
 * @throws WardroundError with the source's own code (`csv-*`, `data-*`, …), or `importer-failed` where the process itself did
 */
export async function runImporter({
  paths,
  config,
  script = importerMain,
  signal,
}: {
  readonly paths: SitePaths;
  readonly config: Pick<SiteConfig, 'source' | 'vaultIsolation'>;
  readonly script?: string;
  readonly signal?: AbortSignal;
}): Promise<ImportedSnapshot> {
  const launch = launchImporter(paths, {
    isolation: config.vaultIsolation,
    script,
    sources: sourcePaths(config.source),
  });
  const child = startProcess(launch);
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killed) => resolve(killed ?? `exit code ${code ?? 'none'}`));
  });
  const request: ImportRequest = { source: config.source, snapshots: paths.snapshots };
  child.stdin.end(JSON.stringify(request));
  const [stdout, stderr, end] = await Promise.all([buffer(child.stdout), buffer(child.stderr), exited]);
  signal?.removeEventListener('abort', kill);
  return imported(readAnswer(stdout, { stderr: stderr.toString(), end }));
}

function readAnswer(stdout: Uint8Array, { stderr, end }: { stderr: string; end: string }): ImportAnswer {
  try {
    return importAnswerSchema.parse(parseLimitedJson(stdout, { maxBytes: maxAnswerBytes, maxDepth: 6 }));
  } catch (cause) {
    const lines = stderr.split('\n').filter((line) => line.trim() !== '');
    throw new WardroundError('importer-failed', 'the importer ended without an answer', {
      got: [end, ...lines.slice(0, 3)].join(': '),
      action: 'stop',
      cause,
    });
  }
}

function imported(answer: ImportAnswer): ImportedSnapshot {
  if ('imported' in answer) return answer.imported;
  const { code, message, action } = answer.failed;
  throw new WardroundError(code, message, { action });
}
