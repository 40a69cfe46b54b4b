// Key files: one private JWK, mode 0600, written durably once and never overwritten. What others could have read is not used.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type JsonLimits, parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { importSigningKey, type SigningKey } from '@wardround/protocol/keys';
import { createDurably } from '../config/durable-file.ts';

const limits: JsonLimits = { maxBytes: 4096, maxDepth: 2 };

/** Writes a key's secret to a new file. @throws WardroundError `key-file-exists`, `key-file-unwritable` */
export async function writeKeyFile(path: string, key: SigningKey): Promise<void> {
  try {
    await createDurably(path, `${JSON.stringify(key.exportSecret())}\n`, { mode: 0o600 });
  } catch (cause) {
    if (hasErrno(cause, 'EEXIST')) {
      throw new WardroundError(
        'key-file-exists',
        'a key file is never overwritten; keep it, or move it away yourself',
        {
          where: path,
        },
      );
    }
    throw new WardroundError('key-file-unwritable', 'the key file cannot be written', { where: path, cause });
  }
}

/**
 * Reads a key that only this user can read.
 *
 * @throws WardroundError `key-file-missing`, `key-file-unreadable`, `key-file-type` (a link, a directory), `key-file-mode` with the mode found
 * and the command that mends it, `key-file-owner`, `key-file-format` (never quoting the file), `key-invalid`
 */
export async function readKeyFile(path: string): Promise<SigningKey> {
  const file = await openKeyFile(path);
  try {
    requirePrivateFile(path, await file.stat());
    return importSigningKey(await readJwk(path, file));
  } finally {
    await file.close();
  }
}

/**
 * A directory that only this user can enter or list.
 *
 * @param path whose mode is `stats` @throws WardroundError `key-file-mode`, `key-file-owner`
 */
export function requirePrivateDirectory(path: string, stats: Stats): void {
  requireMode({ path, stats, expected: '0700', command: 'chmod 700' });
}

function requirePrivateFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new WardroundError('key-file-type', 'a key file is an ordinary file', { where: path });
  requireMode({ path, stats, expected: '0600', command: 'chmod 600' });
}

function requireMode({
  path,
  stats,
  expected,
  command,
}: {
  path: string;
  stats: Stats;
  expected: string;
  command: string;
}): void {
  // No bit for group or others. Whoever can change the mode owns the file, or is root.
  if ((stats.mode & 0o077) !== 0) {
    const exposed = stats.isFile()
      ? 'other users can reach this key, so it is not used; if nobody read it'
      : 'other users can reach this directory; if nobody read its keys';
    throw new WardroundError('key-file-mode', `${exposed}, run: ${command} ${path}`, {
      where: path,
      expected: `mode ${expected}`,
      got: `mode ${octal(stats.mode)}`,
    });
  }
  const user = process.getuid?.();
  if (user !== undefined && stats.uid !== user) {
    throw new WardroundError('key-file-owner', 'this belongs to another user; run the agent as the user that made it', {
      where: path,
      expected: `owner ${user}`,
      got: `owner ${stats.uid}`,
    });
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    // A link could point at a key that somebody else can replace. Without O_NONBLOCK a named pipe would hold us for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasErrno(cause, 'ENOENT')) {
      throw new WardroundError('key-file-missing', 'no such key file', { where: path, cause });
    }
    if (hasErrno(cause, 'ELOOP')) {
      throw new WardroundError('key-file-type', 'a key file is an ordinary file, not a link', { where: path, cause });
    }
    throw new WardroundError('key-file-unreadable', 'the key file cannot be read', { where: path, cause });
  }
}

async function readJwk(path: string, file: FileHandle): Promise<unknown> {
  const bytes = new Uint8Array(limits.maxBytes + 1);
  const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, 0);
  try {
    return parseLimitedJson(bytes.subarray(0, bytesRead), limits);
  } catch {
    // No cause: a parser's message could quote the key.
    throw new WardroundError('key-file-format', 'not a key file', { where: path, expected: 'one private JWK' });
  }
}

function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
