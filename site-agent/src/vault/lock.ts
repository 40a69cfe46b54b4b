// One vault a site: the lock is an open transaction of SQLite, which the kernel lets go of when the process ends, however it ends.
import { DatabaseSync } from 'node:sqlite';
import { WardroundError } from '@wardround/protocol/errors';

export interface SiteLock {
  release(): void;
}

/** @throws WardroundError `site-locked` where another vault of this site runs */
export function lockSite(path: string): SiteLock {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (cause) {
    db.close();
    throw new WardroundError('site-locked', 'another agent of this site is running', {
      where: path,
      action: 'stop',
      cause,
    });
  }
  return { release: () => db.close() };
}
