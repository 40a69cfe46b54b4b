// The host's few files. Secrets are 0600 and refused when laxer; nothing here ever holds an update or a key of a session.
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';

/** Makes a directory for this account alone. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** A new file, durable, for this account alone. @throws WardroundError `file-exists` */
export async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw new WardroundError('file-exists', 'nothing is overwritten here', { where: path, cause });
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @throws WardroundError `file-unreadable` */
export async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  });
}

/** @throws WardroundError `file-unreadable`, `file-mode` where others may read it */
export async function readSecretText(path: string): Promise<string> {
  const text = await readText(path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new WardroundError('file-mode', 'others may read this secret', {
      where: path,
      expected: '0600',
      got: `0${(mode & 0o777).toString(8)}`,
    });
  }
  return text.trim();
}

/** @throws WardroundError `file-unreadable`, `json-*` */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseLimitedJson(new TextEncoder().encode(await readText(path)));
}

/** @throws WardroundError `file-unreadable`, `file-mode`, `json-*` */
export async function readSecretJson(path: string): Promise<unknown> {
  return parseLimitedJson(new TextEncoder().encode(await readSecretText(path)));
}
