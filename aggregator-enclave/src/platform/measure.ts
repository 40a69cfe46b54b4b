// What the simulated platform calls its measurement: the program's own files, as the process would run them. Genuine hardware measures the
// image itself; this proves nothing and exists so that the same checks run on it.
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256, sha384, toHex, utf8 } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';

export interface ProgramFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly sha256: string;
}

export interface Measured {
  /** Sorted by path. */
  readonly files: readonly ProgramFile[];
  /** Hex, 48 bytes: SHA-384 over the label and the list's canonical JSON. */
  readonly measurement: string;
  /** Hex, 32 bytes: SHA-256 over the same. */
  readonly bundle: string;
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const entry = 'aggregator-enclave/src/main.ts';
/** Pins every package of others by its hash. */
const lockfile = 'package-lock.json';
const specifierPattern = /\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g;

/** The import closure of the program's entry point within the repository, and the lockfile. @throws WardroundError `measure-unreadable` */
export async function measureProgram(): Promise<Measured> {
  const contents = new Map<string, Uint8Array>([[lockfile, await read(lockfile)]]);
  await collect(entry, contents);
  const files = [...contents]
    .map(([path, bytes]) => ({ path, sha256: toHex(sha256(bytes)) }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const list = canonicalJson(files);
  const prefix = [utf8(labels.programMeasurement), Uint8Array.of(0)];
  return { files, measurement: toHex(sha384(...prefix, list)), bundle: toHex(sha256(...prefix, list)) };
}

async function collect(path: string, contents: Map<string, Uint8Array>): Promise<void> {
  if (contents.has(path)) return;
  const bytes = await read(path);
  contents.set(path, bytes);
  for (const [, specifier = ''] of new TextDecoder().decode(bytes).matchAll(specifierPattern)) {
    const imported = resolveSpecifier(path, specifier);
    if (imported !== null) await collect(imported, contents);
  }
}

/** Null for what is not ours: Node's own modules and the packages that the lockfile pins. */
function resolveSpecifier(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return join(dirname(from), specifier).replaceAll('\\', '/');
  const [, room, file] = /^@wardround\/([a-z-]+)\/(.+)$/.exec(specifier) ?? [];
  return room === undefined || file === undefined || file === 'package.json' ? null : `${room}/src/${file}.ts`;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(join(root, path));
  } catch (cause) {
    throw new WardroundError('measure-unreadable', 'a file of the program cannot be read', { where: path, cause });
  }
}

/** The commit that is checked out, where this is a git working tree; null otherwise. Read, not asked of a child process. */
export async function sourceCommit(): Promise<string | null> {
  try {
    const head = (await readFile(join(root, '.git/HEAD'), 'utf8')).trim();
    const name = /^ref: (\S+)$/.exec(head)?.[1];
    const commit = name === undefined ? head : await readRef(name);
    return /^[0-9a-f]{40,64}$/.test(commit) ? commit : null;
  } catch {
    return null;
  }
}

async function readRef(name: string): Promise<string> {
  try {
    return (await readFile(join(root, '.git', relative('.', name)), 'utf8')).trim();
  } catch {
    const packed = await readFile(join(root, '.git/packed-refs'), 'utf8');
    return (
      packed
        .split('\n')
        .find((line) => line.endsWith(` ${name}`))
        ?.split(' ')[0] ?? ''
    );
  }
}
