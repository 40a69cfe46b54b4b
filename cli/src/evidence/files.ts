// What the evidence commands read: files of bounded size, instants, hex. Nothing here judges.
import { readFile } from 'node:fs/promises';
import { WardroundError } from '@wardround/protocol/errors';

const maxFileBytes = 4 * 1024 * 1024;

/** @throws WardroundError `file-unreadable`, `file-too-large` */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    if (bytes.byteLength <= maxFileBytes) return bytes;
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  }
  throw new WardroundError('file-too-large', 'larger than any evidence', {
    where: path,
    expected: `at most ${maxFileBytes} bytes`,
  });
}

export async function readAll(paths: readonly string[]): Promise<readonly Buffer[]> {
  return await Promise.all(paths.map(readBytes));
}

/** The instant that `--at` names, with its time zone; now where it is absent. @throws WardroundError `instant-invalid` */
export function instantOf(text: string | undefined): Date {
  const at = text === undefined ? new Date() : new Date(text);
  const hasZone = text === undefined || /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  if (!Number.isNaN(at.getTime()) && hasZone) return at;
  throw new WardroundError('instant-invalid', 'not an instant', {
    expected: 'such as 2026-11-23T12:00:00Z',
    got: text ?? '',
    where: '--at',
  });
}

/** @throws WardroundError `hex-invalid` */
export function hex32(text: string, where: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new WardroundError('hex-invalid', 'not 32 bytes in hex', {
    expected: '64 lower-case hex digits',
    got: text,
    where,
  });
}
