// The one writer of a mirror: verifies what enters, never lets an older item replace a newer one, and is durable after each item.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { CollateralIndex, MirroredItem } from '@wardround/attestation/collateral/index-document';
import {
  emptyIndex,
  filesOf,
  indexLimits,
  maxItemBytes,
  parseIndex,
  withItem,
} from '@wardround/attestation/collateral/index-document';
import { type ItemKey, keyName } from '@wardround/attestation/collateral/item-key';
import { itemFiles } from '@wardround/attestation/collateral/read-mirror';
import { requireUsableAt } from '@wardround/attestation/collateral/usable';
import type { CollateralRoots, ItemFiles, VerifiedItem } from '@wardround/attestation/collateral/verified-item';
import { compareEditions, requireMayReplace } from '@wardround/attestation/collateral/verified-item';
import { verifyItem } from '@wardround/attestation/collateral/verify-item';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { partPattern, replaceDurably } from './durable.ts';
import { filePath, indexPath, readRegular } from './read-files.ts';

export interface Candidate {
  readonly key: ItemKey;
  readonly files: ItemFiles;
  readonly source: string;
  /** When it entered a mirror first: now, unless somebody typed that another mirror's word is taken for it. */
  readonly mirroredAt: Date;
  /** When the vendor gave it out; null where that is not known: then it did on the day that the item bears. */
  readonly checkedAt: Date | null;
}

export interface Entered {
  /** `unchanged`: the same edition was there already. */
  readonly outcome: 'added' | 'replaced' | 'unchanged';
  readonly item: MirroredItem;
  readonly verified: VerifiedItem;
}

export interface WriterOptions {
  readonly roots: CollateralRoots;
  readonly now: () => Date;
}

export class MirrorWriter {
  readonly #directory: string;
  readonly #lock: DatabaseSync;
  readonly #options: WriterOptions;
  #index: CollateralIndex;
  /** What the index before this one named: a reader may still be reading it. */
  #earlier: ReadonlySet<string>;

  private constructor(directory: string, lock: DatabaseSync, rest: { options: WriterOptions; index: CollateralIndex }) {
    this.#directory = directory;
    this.#lock = lock;
    this.#options = rest.options;
    this.#index = rest.index;
    this.#earlier = filesOf(rest.index);
  }

  /**
   * Opens a mirror for writing, and makes one where there is none.
   * @throws WardroundError `collateral-busy`, `collateral-unwritable`, `collateral-index`
   */
  static async open(directory: string, options: WriterOptions): Promise<MirrorWriter> {
    await makeDirectories(directory);
    const lock = takeLock(directory);
    try {
      const bytes = await readRegular(indexPath(directory), indexLimits.maxBytes);
      const index = bytes === null ? await requireNew(directory) : parseIndex(bytes);
      const writer = new MirrorWriter(directory, lock, { options, index });
      await writer.#sweep();
      return writer;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  get index(): CollateralIndex {
    return this.#index;
  }

  /** The item of this name with its files, verified anew; null where there is none, or where it is spoiled. */
  async held(key: ItemKey): Promise<{ item: MirroredItem; files: ItemFiles; verified: VerifiedItem } | null> {
    const name = keyName(key);
    const item = this.#index.items.find((candidate) => keyName(candidate.key) === name);
    if (item === undefined) return null;
    const digests = item.chain === null ? [item.sha256] : [item.sha256, item.chain];
    const bytes = new Map<string, Uint8Array | null>();
    for (const digest of digests) bytes.set(digest, await readRegular(filePath(this.#directory, digest), maxItemBytes));
    try {
      const files = itemFiles(item, (digest) => bytes.get(digest) ?? null);
      return { item, files, verified: verifyItem(item.key, files, this.#options.roots) };
    } catch {
      return null;
    }
  }

  /**
   * Verifies a candidate, as of now, and takes it in unless what is there is as new. A spoiled item is replaced by any good one.
   * @throws WardroundError of the verification, `collateral-not-yet-valid`, `collateral-expired`, `collateral-older`, `collateral-other-vendor`,
   * `collateral-unwritable`; then everything is as it was
   */
  async enter({ key, files, source, mirroredAt, checkedAt: known }: Candidate): Promise<Entered> {
    const now = this.#options.now();
    const verified = verifyItem(key, files, this.#options.roots);
    requireUsableAt(verified, { at: now, mirroredAt });
    const checkedAt = (known ?? verified.issued).toISOString();
    const held = await this.held(key);
    if (held !== null) {
      requireMayReplace(verified, held.verified);
      if (compareEditions(verified, held.verified) === 0) {
        const item = { ...held.item, checkedAt: laterOf(held.item.checkedAt, checkedAt) };
        if (item.checkedAt !== held.item.checkedAt) await this.#commit(item);
        return { outcome: 'unchanged', item, verified: held.verified };
      }
    }
    const item = {
      key,
      sha256: await this.#store(files.content),
      bytes: files.content.byteLength,
      chain: files.chain === null ? null : await this.#store(files.chain),
      source: source.slice(0, 1024),
      mirroredAt: mirroredAt.toISOString(),
      checkedAt,
    };
    await this.#commit(item);
    return { outcome: held === null ? 'added' : 'replaced', item, verified };
  }

  close(): void {
    this.#lock.close();
  }

  async #store(bytes: Uint8Array): Promise<string> {
    const digest = toHex(sha256(bytes));
    const path = filePath(this.#directory, digest);
    const there = await readRegular(path, maxItemBytes);
    if (there === null || toHex(sha256(there)) !== digest) await this.#write(path, bytes);
    return digest;
  }

  /** The files are durable before the index that names them; what no index of the last two names is taken away after. */
  async #commit(item: MirroredItem): Promise<void> {
    const next = withItem(this.#index, item);
    await this.#write(indexPath(this.#directory), `${JSON.stringify(next, null, 1)}\n`);
    this.#earlier = filesOf(this.#index);
    this.#index = next;
    await this.#sweep();
  }

  async #write(path: string, content: Uint8Array | string): Promise<void> {
    try {
      await replaceDurably(path, content);
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  async #sweep(): Promise<void> {
    const named = filesOf(this.#index);
    const folder = join(this.#directory, 'files');
    for (const name of await readdir(folder)) {
      const isOurs = partPattern.test(name) || (/^[0-9a-f]{64}$/.test(name) && !this.#earlier.has(name));
      if (isOurs && !named.has(name)) await rm(join(folder, name), { force: true });
    }
    for (const name of await readdir(this.#directory))
      if (name.startsWith('index.json.') && partPattern.test(name))
        await rm(join(this.#directory, name), { force: true });
  }
}

/** Instants of ours sort as text. */
function laterOf(left: string, right: string): string {
  return left < right ? right : left;
}

async function makeDirectories(directory: string): Promise<void> {
  try {
    await mkdir(join(directory, 'files'), { recursive: true });
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

/** Files without an index are not thrown away as litter: they can be imported again. */
async function requireNew(directory: string): Promise<CollateralIndex> {
  const strays = (await readdir(join(directory, 'files'))).filter((name) => /^[0-9a-f]{64}$/.test(name));
  if (strays.length === 0) return emptyIndex;
  throw new WardroundError('collateral-index', 'there are items here, but the index is gone', {
    where: directory,
    expected: 'index.json; without it: `wardround collateral import` this directory into a new one',
    got: `${strays.length} files`,
  });
}

/** An open transaction of SQLite, which the kernel lets go of when the process ends, however it ends. */
function takeLock(directory: string): DatabaseSync {
  const path = join(directory, '.lock');
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    return lock;
  } catch (cause) {
    lock?.close();
    if (cause instanceof Error && cause.message.includes('locked')) {
      throw new WardroundError('collateral-busy', 'another command is writing here', {
        where: directory,
        action: 'retry',
        cause,
      });
    }
    throw unwritable(directory, cause);
  }
}

function unwritable(where: string, cause: unknown): WardroundError {
  return new WardroundError('collateral-unwritable', 'this cannot be written', {
    where,
    got: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}
