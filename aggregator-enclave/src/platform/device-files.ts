// The few calls that the kernel's own files need. Their sizes lie (configfs says 0 or a page), so they are read to their end, within a bound.
import { constants } from 'node:fs';
import { mkdir, open, rmdir } from 'node:fs/promises';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

/** Every method rejects with the system's own error, whose `code` is that of errno. */
export interface DeviceFiles {
  /** Never makes parents: a directory that the kernel did not provide must not spring up. */
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** In one write, to a file that exists: nothing is created and nothing truncated. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** The whole file. @throws WardroundError `device-file-size` where it is longer than `maxBytes` */
  read(path: string, maxBytes: number): Promise<Bytes>;
}

export const deviceFiles: DeviceFiles = {
  makeDirectory: async (path) => {
    await mkdir(path);
  },
  removeDirectory: async (path) => {
    await rmdir(path);
  },
  write: async (path, bytes) => {
    const file = await open(path, constants.O_WRONLY);
    try {
      const { bytesWritten } = await file.write(bytes);
      if (bytesWritten !== bytes.byteLength) throw shortWrite(path);
    } finally {
      await file.close();
    }
  },
  read: async (path, maxBytes) => {
    const file = await open(path, constants.O_RDONLY);
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    try {
      while (length < buffer.byteLength) {
        const { bytesRead } = await file.read(buffer, length, buffer.byteLength - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
    } finally {
      await file.close();
    }
    if (length > maxBytes) throw tooLong(path, maxBytes);
    return copyBytes(buffer.subarray(0, length));
  },
};

/** The name of the system's error (`ENOENT`), or null for another. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)
    ? error.code
    : null;
}

function tooLong(path: string, maxBytes: number): WardroundError {
  return new WardroundError('device-file-size', 'a file of the kernel or the firmware is longer than any known one', {
    where: path,
    expected: `at most ${maxBytes} bytes`,
    action: 'stop',
  });
}

function shortWrite(path: string): Error {
  return Object.assign(new Error(`short write to ${path}`), { code: 'EIO' });
}
