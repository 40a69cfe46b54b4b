// Public files pinned by SHA-256: from a folder that already has them, else from the network; nothing unpinned is ever written.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvHttpProxyAgent, type RequestInit, fetch } from 'undici';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { writeDurably } from './durable-file.ts';
import { filesInZip } from './zip.ts';

export interface PinnedFile {
  readonly name: string;
  readonly sha256: string;
  readonly maxBytes: number;
  /** Addresses of the file itself, tried in order after the archives. */
  readonly urls: readonly string[];
}

export interface PinnedSet {
  readonly files: readonly PinnedFile[];
  /** Addresses of zip archives that contain the files, by name, at any depth. */
  readonly archives: readonly string[];
  readonly maxArchiveBytes: number;
}

/** The bytes of each file by name. */
export type PinnedFiles = ReadonlyMap<string, Uint8Array>;

const requestTimeoutMilliseconds = 60_000;

/**
 * Reads the files from the first of `folders` that has any of them.
 *
 * @returns null where none of the folders has any
 * @throws WardroundError `data-digest`, `data-incomplete` (a folder has some files but not all)
 */
export async function readPinned(set: PinnedSet, folders: readonly string[]): Promise<PinnedFiles | null> {
  for (const folder of folders) {
    const found = await Promise.all(
      set.files.map(async (file) => [file, await readIfThere(join(folder, file.name))] as const),
    );
    if (found.every(([, bytes]) => bytes === null)) continue;
    return new Map(found.map(([file, bytes]) => [file.name, requirePinned(file, bytes, folder)]));
  }
  return null;
}

/**
 * Downloads the files: an archive first, then file by file. Proxies from the environment (`HTTPS_PROXY`, `NO_PROXY`) are used.
 *
 * @throws WardroundError `data-download` (nothing could be reached), `data-digest` (something was, but it is not the pinned file)
 */
export async function downloadPinned(set: PinnedSet): Promise<PinnedFiles> {
  const failures: unknown[] = [];
  for (const url of set.archives) {
    try {
      return await fromArchive(set, url);
    } catch (error) {
      failures.push(error);
    }
  }
  try {
    const entries = await Promise.all(set.files.map(async (file) => [file.name, await fromUrls(file)] as const));
    return new Map(entries);
  } catch (error) {
    failures.push(error);
  }
  throw bestFailure(failures);
}

/** Each file written beside its place, synced, then renamed: a reader sees a whole file or none. */
export async function writePinned(files: PinnedFiles, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, bytes] of files) await writeDurably(join(directory, name), bytes, 0o644);
}

async function fromArchive(set: PinnedSet, url: string): Promise<PinnedFiles> {
  const archive = await get(url, set.maxArchiveBytes);
  const wanted = new Map(set.files.map((file) => [file.name, file.maxBytes]));
  const found = await filesInZip(archive, wanted);
  return new Map(set.files.map((file) => [file.name, requirePinned(file, found.get(file.name) ?? null, url)]));
}

async function fromUrls(file: PinnedFile): Promise<Uint8Array> {
  const failures: unknown[] = [];
  for (const url of file.urls) {
    try {
      return requirePinned(file, await get(url, file.maxBytes), url);
    } catch (error) {
      failures.push(error);
    }
  }
  throw bestFailure(failures);
}

async function get(url: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const init: RequestInit = {
      dispatcher: new EnvHttpProxyAgent(),
      signal: AbortSignal.timeout(requestTimeoutMilliseconds),
    };
    const response = await fetch(url, init);
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      if (!(chunk instanceof Uint8Array)) throw new Error('not bytes');
      size += chunk.byteLength;
      if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    throw new WardroundError('data-download', 'the public data could not be downloaded', {
      where: url,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'a reachable archive; offline, set WARDROUND_DATA_DIR to a folder that has the files',
      action: 'retry',
      cause,
    });
  }
}

/** A wrong digest says more than an address that did not answer. */
function bestFailure(failures: readonly unknown[]): unknown {
  const digest = failures.find((failure) => failure instanceof WardroundError && failure.code !== 'data-download');
  return digest ?? failures[0] ?? new WardroundError('data-download', 'no address to download from');
}

function requirePinned(file: PinnedFile, bytes: Uint8Array | null, where: string): Uint8Array {
  if (bytes === null) {
    throw new WardroundError('data-incomplete', 'a file of the data set is not there', { where, expected: file.name });
  }
  const got = toHex(sha256(bytes));
  if (got !== file.sha256) {
    throw new WardroundError('data-digest', 'not the file that this version was made with', {
      where: `${file.name} from ${where}`,
      expected: file.sha256,
      got,
      action: 'stop',
    });
  }
  return bytes;
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new WardroundError('data-unreadable', 'the file cannot be read', { where: path, cause: error });
  }
}
