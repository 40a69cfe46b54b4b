// The inbox: documents that a person signed, one file each. Taken in order of their names; moved aside when they took effect or were refused.
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../config/durable-file.ts';
import type { SitePaths } from '../config/site-paths.ts';

export interface InboxFile {
  readonly name: string;
  readonly jws: string;
}

const fileName = /^[0-9a-f]{64}\.jws$/;
const maxFileBytes = 256 * 1024;

export class Inbox {
  readonly #paths: SitePaths;

  constructor(paths: SitePaths) {
    this.#paths = paths;
  }

  async files(): Promise<readonly InboxFile[]> {
    const names = (await readdir(this.#paths.inbox)).filter((name) => fileName.test(name)).toSorted();
    return await Promise.all(
      names.map(async (name) => ({
        name,
        jws: (await readFile(join(this.#paths.inbox, name), 'utf8')).slice(0, maxFileBytes),
      })),
    );
  }

  /** @param outcome whether it took effect; a refused one keeps its content, under a name that says so */
  async settle({ name }: InboxFile, outcome: 'done' | 'refused'): Promise<void> {
    const target = outcome === 'done' ? name : `${name}.refused`;
    await rename(join(this.#paths.inbox, name), join(this.#paths.inboxDone, target));
    await syncDirectory(this.#paths.inboxDone);
    await syncDirectory(this.#paths.inbox);
  }
}
