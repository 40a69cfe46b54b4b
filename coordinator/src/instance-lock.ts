// One coordinator per data directory: a lock of the operating system, gone with the process however it ends.
import { DatabaseSync } from 'node:sqlite';
import { WardroundError } from '@wardround/protocol/errors';

export interface InstanceLock {
  readonly release: () => void;
}

/**
 * Takes the lock or fails at once. Node has no flock; SQLite's exclusive transaction is a POSIX lock on the file's bytes.
 *
 * @throws WardroundError `store-locked`
 */
export function lockInstance(path: string): InstanceLock {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new WardroundError('store-locked', 'another coordinator runs on this data directory', {
      where: path,
      action: 'stop',
      cause,
    });
  }
  return {
    release: () => {
      database.close();
    },
  };
}
