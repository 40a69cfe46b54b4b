// Reading a mirror for use: every item is verified again, at the reader's own time. A spoiled file costs its own item and no other.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, fromBase64Url, sha256, toHex } from '@wardround/protocol/bytes';
import { requireInstant } from '../clock.ts';
import type { Endorsement } from '../evidence.ts';
import type { MirroredEndorsement } from '../own-endorsement.ts';
import type { MirroredItem } from './index-document.ts';
import { maxItemBytes, parseIndex } from './index-document.ts';
import type { ItemKey } from './item-key.ts';
import { keyName } from './item-key.ts';
import { assembleIntel } from './assemble.ts';
import { verifyItem } from './verify-item.ts';
import type { CollateralRoots, ItemFiles, VerifiedItem } from './verified-item.ts';
import { requireUsableAt } from './usable.ts';

/** A mirror's bytes, wherever they lie; this room opens no file. */
export interface MirrorFiles {
  /** `index.json` */
  readonly index: Uint8Array;
  /** The bytes of `files/<sha256>`; null where there is no such file. */
  readonly file: (sha256: string) => Uint8Array | null;
}

export interface ReadOptions {
  readonly at: Date;
  readonly roots: CollateralRoots;
}

/** An item that is in the mirror, verified. `current` says whether it may be relied on at the time of reading. */
export interface HeldItem {
  readonly item: MirroredItem;
  readonly verified: VerifiedItem;
  readonly current: boolean;
}

export interface RefusedItem {
  readonly item: MirroredItem;
  readonly code: string;
  readonly message: string;
}

export interface MirrorReading {
  /** For a verifier. */
  readonly mirrored: readonly MirroredEndorsement[];
  /** The same without the times, and without what no bundle may bring: what an enclave ships along with its evidence. */
  readonly endorsements: readonly Endorsement[];
  readonly held: readonly HeldItem[];
  readonly refused: readonly RefusedItem[];
}

/** Whose word each item is, which no time changes. What holds at an instant is for {@link readingAt}. */
export interface VerifiedMirror {
  readonly items: readonly { readonly item: MirroredItem; readonly verified: VerifiedItem }[];
  readonly refused: readonly RefusedItem[];
}

/**
 * Verifies everything that the index names, at `at`.
 * @throws WardroundError `collateral-index` where there is no saying what the mirror holds; a spoiled item is in `refused` instead
 */
export function readMirror(files: MirrorFiles, { at, roots }: ReadOptions): MirrorReading {
  return readingAt(verifyMirror(files, roots), at);
}

/** The part of {@link readMirror} that is the same for the same bytes at any time: signatures, chains, names. @throws as there */
export function verifyMirror({ index, file }: MirrorFiles, roots: CollateralRoots): VerifiedMirror {
  const items: { item: MirroredItem; verified: VerifiedItem }[] = [];
  const refused: RefusedItem[] = [];
  for (const item of parseIndex(index).items) {
    try {
      items.push({ item, verified: verifyItem(item.key, itemFiles(item, file), roots) });
    } catch (error) {
      refused.push({ item, ...refusalOf(error) });
    }
  }
  return { items, refused };
}

/** The part of {@link readMirror} that time decides, for each use anew. @throws WardroundError `clock-invalid` */
export function readingAt({ items, refused }: VerifiedMirror, at: Date): MirrorReading {
  requireInstant(at);
  const held = items.map(({ item, verified }): HeldItem => {
    return { item, verified, current: isUsable(verified, { at, mirroredAt: new Date(item.mirroredAt) }) };
  });
  const mirrored = mirroredOf(held);
  return { mirrored, endorsements: mirrored.flatMap(shippable), held, refused };
}

function shippable({ endorsement }: MirroredEndorsement): readonly Endorsement[] {
  return endorsement.type === 'nrasKeys' ? [] : [endorsement];
}

/** @throws WardroundError `collateral-file-missing`, `collateral-digest` */
export function itemFiles(
  { key, sha256: content, chain }: Pick<MirroredItem, 'key' | 'sha256' | 'chain'>,
  file: MirrorFiles['file'],
): ItemFiles {
  const read = (digest: string): Bytes => {
    const bytes = file(digest);
    const detail = { where: `${keyName(key)}, files/${digest}` };
    if (bytes === null) throw new WardroundError('collateral-file-missing', "the mirror lacks an item's file", detail);
    const got = bytes.byteLength > maxItemBytes ? `${bytes.byteLength} bytes` : toHex(sha256(bytes));
    if (got === digest) return copyBytes(bytes);
    throw new WardroundError('collateral-digest', "an item's file is not the one that was mirrored", {
      ...detail,
      expected: digest,
      got,
    });
  };
  return { content: read(content), chain: chain === null ? null : read(chain) };
}

/** Lists of what is revoked, which stays so when the list is out of date. */
const lists: ReadonlySet<ItemKey['kind']> = new Set(['amdCrl', 'intelPckCrl', 'intelRootCrl']);

/**
 * What a verifier is handed: what is current; revocation lists, and answers that something is revoked, also when they are out of date. Intel's
 * lists count by themselves too: a bundle with collateral of its own must not set aside the newer list here. An item that several keys name is one.
 */
function mirroredOf(held: readonly HeldItem[]): readonly MirroredEndorsement[] {
  const useful = held.filter(({ current }) => current);
  const single = held
    .filter(isTold)
    .flatMap(({ item, verified: { endorsements } }) =>
      endorsements.map((endorsement) => ({ endorsement, mirroredAt: new Date(item.mirroredAt) })),
    );
  const parts = useful.filter(({ verified: { intel } }) => intel !== null);
  const whole = assembleIntel(parts.flatMap(({ verified: { intel } }) => (intel === null ? [] : [intel])));
  // A whole is as old as the oldest of its parts may be.
  const mirroredAt = new Date(Math.min(...parts.map(({ item }) => Date.parse(item.mirroredAt))));
  const all = [...single, ...whole.map((endorsement) => ({ endorsement, mirroredAt }))];
  return [...new Map(all.map((entry) => [JSON.stringify(entry.endorsement), entry])).values()];
}

/** What is revoked stays so, by a list or by a single answer. */
function isTold({ current, verified: { key, revoked } }: HeldItem): boolean {
  return current || revoked || lists.has(key.kind);
}

/** The revocation lists among endorsements, for verifiers that take them apart. */
export function crlsOf(endorsements: readonly Endorsement[]): readonly Bytes[] {
  return endorsements.flatMap((item) => (item.type === 'crl' ? [fromBase64Url(item.der)] : []));
}

function isUsable(verified: VerifiedItem, times: { readonly at: Date; readonly mirroredAt: Date }): boolean {
  try {
    requireUsableAt(verified, times);
    return true;
  } catch {
    return false;
  }
}

function refusalOf(error: unknown): Pick<RefusedItem, 'code' | 'message'> {
  if (error instanceof WardroundError) return { code: error.code, message: error.message };
  return { code: 'attestation-internal', message: error instanceof Error ? error.message : String(error) };
}
