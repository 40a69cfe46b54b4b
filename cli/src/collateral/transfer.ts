// Carrying items from one place to another: a mirror on a stick, files that somebody downloaded, this mirror out to a stick. Nothing is copied:
// each item is verified and enters like any other.
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MirroredItem } from '@wardround/attestation/collateral/index-document';
import { filesOf, maxItemBytes, parseIndex } from '@wardround/attestation/collateral/index-document';
import type { ItemKey } from '@wardround/attestation/collateral/item-key';
import { requireRoom } from '@wardround/attestation/collateral/mirror-directory';
import { itemFiles, type MirrorFiles } from '@wardround/attestation/collateral/read-mirror';
import { type NamedFile, recognise } from '@wardround/attestation/collateral/recognise';
import type { ItemFiles } from '@wardround/attestation/collateral/verified-item';
import { copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { type Failure, failureOf } from './failure.ts';
import type { Candidate, Entered, MirrorWriter } from './mirror-writer.ts';
import { indexPath, readMirrorFiles, readRegular } from './read-files.ts';

export type TransferredItem =
  | { readonly key: ItemKey; readonly from: string; readonly outcome: Entered['outcome']; readonly entered: Entered }
  | ({ readonly key: ItemKey; readonly from: string; readonly outcome: 'refused' } & Failure);

export interface Transferred {
  readonly items: readonly TransferredItem[];
  /** Files that are no collateral, or whose signer's certificates were not among what was given. */
  readonly unknown: readonly string[];
}

export interface TransferOptions {
  readonly writer: MirrorWriter;
  readonly now: Date;
  /** Whether the other mirror's word is taken for when an item was mirrored. Otherwise it is mirrored now. */
  readonly believeDates: boolean;
  /** Whether keys of NVIDIA's attestation service enter on the other's word: nothing signs them. */
  readonly believeNrasKeys: boolean;
}

/** @throws WardroundError `file-unreadable`, `collateral-index`, `collateral-unwritable`; an item that is refused is in the result instead */
export async function importFrom(paths: readonly string[], options: TransferOptions): Promise<Transferred> {
  const parts: Transferred[] = [];
  const loose: NamedFile[] = [];
  const unreadable: string[] = [];
  for (const path of paths) {
    if (await isMirror(path)) parts.push(await importMirror(path, options));
    else {
      const found = await looseFiles(path);
      loose.push(...found.files);
      unreadable.push(...found.unreadable);
    }
  }
  const { items, unknown } = recognise(loose, options.now);
  const entered = await enterAll(
    items.map(({ name, key, files }) => ({ key, from: name, files: () => files, mirrored: null })),
    options,
  );
  return {
    items: [...parts.flatMap((part) => part.items), ...entered],
    unknown: [...parts.flatMap((part) => part.unknown), ...unreadable, ...unknown],
  };
}

/** Before anything is made. @throws WardroundError `file-unreadable` */
export async function requireThere(paths: readonly string[]): Promise<void> {
  for (const path of paths) await plainPaths(path);
}

/** Everything that this mirror holds, into the options' writer. @throws WardroundError `collateral-missing`, `collateral-index`, `collateral-unwritable` */
export async function importMirror(path: string, options: TransferOptions): Promise<Transferred> {
  const mirror = await readMirrorFiles(path);
  const index = parseIndex(mirror.index);
  const items = await enterAll(
    index.items.map((item) => ({ key: item.key, from: path, files: () => filesFor(item, mirror), mirrored: item })),
    options,
  );
  return { items, unknown: await strangers(path, filesOf(index)) };
}

function filesFor(item: MirroredItem, { file }: MirrorFiles): ItemFiles {
  return itemFiles(item, file);
}

interface Offer {
  readonly key: ItemKey;
  readonly from: string;
  /** @throws where the file is spoiled */
  readonly files: () => ItemFiles;
  /** What another mirror says of it. */
  readonly mirrored: MirroredItem | null;
}

async function enterAll(offers: readonly Offer[], options: TransferOptions): Promise<readonly TransferredItem[]> {
  const results: TransferredItem[] = [];
  for (const offer of offers) results.push(await enterOne(offer, options));
  return results;
}

async function enterOne(offer: Offer, options: TransferOptions): Promise<TransferredItem> {
  const { key, from, mirrored } = offer;
  const { writer, now, believeDates } = options;
  // A stick's clock may have run ahead; ours decides.
  const past = (text: string): Date => new Date(Math.min(now.getTime(), Date.parse(text)));
  try {
    requireSigned(key, options);
    const candidate: Candidate = {
      key,
      files: offer.files(),
      source: mirrored?.source ?? `file ${basename(from)}`,
      mirroredAt: believeDates && mirrored !== null ? past(mirrored.mirroredAt) : now,
      checkedAt: mirrored === null ? null : past(mirrored.checkedAt),
    };
    const entered = await writer.enter(candidate);
    return { key, from, outcome: entered.outcome, entered };
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'collateral-unwritable') throw error;
    return { key, from, outcome: 'refused', ...failureOf(error) };
  }
}

/** Whoever wrote the stick could have made them. @throws WardroundError `collateral-unsigned` */
function requireSigned({ kind }: ItemKey, { believeNrasKeys }: TransferOptions): void {
  if (kind !== 'nvidiaNrasKeys' || believeNrasKeys) return;
  throw new WardroundError(
    'collateral-unsigned',
    'nothing signs these keys: whoever made the stick could have made them',
    {
      expected: '--believe-nras-keys, where you know who did; or `wardround collateral fetch --nvidia-nras-keys`',
    },
  );
}

async function isMirror(path: string): Promise<boolean> {
  const found = await stat(indexPath(path)).catch(() => null);
  return found?.isFile() === true;
}

/** Files in a mirror's directory that its index does not name. */
async function strangers(path: string, named: ReadonlySet<string>): Promise<readonly string[]> {
  const inside = await readdir(join(path, 'files')).catch(() => []);
  const beside = await readdir(path);
  const ours = new Set(['index.json', 'files', '.lock', '.lock-journal']);
  return [
    ...beside.filter((name) => !ours.has(name)).map((name) => join(path, name)),
    ...inside.filter((name) => !named.has(name)).map((name) => join(path, 'files', name)),
  ];
}

/** The files of a directory and of directories in it, or one file. @throws WardroundError `file-unreadable`, `collateral-too-much` */
async function looseFiles(path: string): Promise<{ readonly files: NamedFile[]; readonly unreadable: string[] }> {
  const paths = await plainPaths(path);
  const files: NamedFile[] = [];
  const unreadable: string[] = [];
  let total = 0;
  for (const name of paths) {
    const bytes = await readRegular(name, maxItemBytes);
    total += bytes?.byteLength ?? 0;
    requireRoom(path, total);
    if (bytes === null || bytes.byteLength === 0) unreadable.push(name);
    else files.push({ name, bytes: copyBytes(bytes) });
  }
  return { files, unreadable };
}

async function plainPaths(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted();
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this cannot be read', { where: path, cause });
  }
}
