// Key files of a researcher or a releaser: one private key each, mode 0600, written once. What others could have read is not used.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { type HpkePrivateKey, importHpkeKey } from '@wardround/protocol/hpke-keys';
import { importSigningKey, type SigningKey } from '@wardround/protocol/keys';

const limits = { maxBytes: 16 * 1024, maxDepth: 3 };

/** Writes a secret to a new file, durably. @throws WardroundError `key-file-exists`, `key-file-unwritable` */
export async function writeKeyFile(path: string, secret: unknown): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(secret)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isErrno(cause, 'EEXIST')) {
      throw new WardroundError('key-file-exists', 'a key file is never overwritten; move it away yourself', {
        where: path,
      });
    }
    throw new WardroundError('key-file-unwritable', 'the key file cannot be written', { where: path, cause });
  }
}

/** @throws WardroundError `key-file-missing`, `key-file-mode`, `key-file-format`, `key-invalid` */
export async function readSigningKey(path: string): Promise<SigningKey> {
  return importSigningKey(await readSecret(path));
}

/** @throws WardroundError as {@link readSigningKey} */
export async function readReceivingKey(path: string): Promise<HpkePrivateKey> {
  return await importHpkeKey(await readSecret(path));
}

async function readSecret(path: string): Promise<unknown> {
  const file = await openKeyFile(path);
  try {
    await requirePrivate(path, file);
    const bytes = await file.readFile();
    return parseLimitedJson(bytes, limits);
  } catch (error) {
    if (error instanceof WardroundError && error.code.startsWith('key-file')) throw error;
    // No cause: a parser's message could quote the key.
    throw new WardroundError('key-file-format', 'not a key file', { where: path, expected: 'one private key as JSON' });
  } finally {
    await file.close();
  }
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    // A link could point at a key that somebody else can replace. Without O_NONBLOCK a named pipe would hold us for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new WardroundError('key-file-missing', 'there is no key file that can be read', { where: path, cause });
  }
}

async function requirePrivate(path: string, file: FileHandle): Promise<void> {
  const stats = await file.stat();
  if (!stats.isFile() || stats.size > limits.maxBytes) {
    throw new WardroundError('key-file-format', 'a key file is a small ordinary file', { where: path });
  }
  if ((stats.mode & 0o077) === 0) return;
  throw new WardroundError(
    'key-file-mode',
    `other users can read this key, so it is not used; if nobody did, run: chmod 600 ${path}`,
    {
      where: path,
      expected: 'mode 0600',
      got: `mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}`,
    },
  );
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
