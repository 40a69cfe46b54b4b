// The mirror's index: which item lies in which file, where it came from and when. It is not signed: what it says of an item counts only
// after the item itself was verified. Whoever can write it can also say when an item was mirrored, so it belongs to the directory's owner.
import * as z from 'zod';
import { instantSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import type { JsonLimits } from '@wardround/protocol/canonical-json';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { itemKeySchema, keyName } from './item-key.ts';

export const indexLimits: JsonLimits = { maxBytes: 8 * 1024 * 1024, maxDepth: 8 };
/** All files of a mirror together, in memory: a federation's machines need some ten megabytes, and a stick may be anybody's. */
export const maxMirrorBytes = 128 * 1024 * 1024;
/** Larger than any genuine item; NVIDIA's reference manifests are the largest, at about 20 kB. */
export const maxItemBytes = 1024 * 1024;

export const mirroredItemSchema = z.strictObject({
  key: itemKeySchema,
  /** SHA-256 of the item, which is the name of its file in `files/`. */
  sha256: sha256Schema,
  bytes: z.int().min(1).max(maxItemBytes),
  /** The file with the certificates of whoever signed the item (PEM or DER); null where the item brings them along. */
  chain: sha256Schema.nullable(),
  /** An address, or the name of the file that it was imported from. */
  source: z.string().min(1).max(1024),
  /** When these bytes first entered, verified at that time: what a policy means by "when mirrored". */
  mirroredAt: instantSchema,
  /** When the vendor last gave out these same bytes. */
  checkedAt: instantSchema,
});
export type MirroredItem = z.infer<typeof mirroredItemSchema>;

export const collateralIndexSchema = z.strictObject({
  kind: z.literal('CollateralIndex'),
  version: z.literal(1),
  /** Sorted by name, one item a name. */
  items: z.array(mirroredItemSchema).max(8192).refine(isSorted, 'expected items sorted by kind and key, none twice'),
});
export type CollateralIndex = z.infer<typeof collateralIndexSchema>;

export const emptyIndex: CollateralIndex = { kind: 'CollateralIndex', version: 1, items: [] };

function isSorted(items: readonly MirroredItem[]): boolean {
  const names = items.map(({ key }) => keyName(key));
  return names.every((name, position) => position === 0 || (names[position - 1] ?? '') < name);
}

/** @throws WardroundError `collateral-index`, naming the path of the first mistake */
export function parseIndex(bytes: Uint8Array): CollateralIndex {
  const result = collateralIndexSchema.safeParse(readJson(bytes));
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new WardroundError('collateral-index', "the mirror's index cannot be read", {
    where: first === undefined || first.path.length === 0 ? 'index.json' : `index.json, ${first.path.join('.')}`,
    expected: first?.message ?? 'an index as `wardround collateral` writes it',
    cause: result.error,
  });
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseLimitedJson(bytes, indexLimits);
  } catch (cause) {
    throw new WardroundError('collateral-index', "the mirror's index cannot be read", {
      where: 'index.json',
      expected: 'JSON',
      cause,
    });
  }
}

/** The index with `item` in the place of the one of the same name. */
export function withItem(index: CollateralIndex, item: MirroredItem): CollateralIndex {
  const name = keyName(item.key);
  const others = index.items.filter(({ key }) => keyName(key) !== name);
  const items = [...others, item].map((entry) => ({ entry, name: keyName(entry.key) }));
  items.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { ...index, items: items.map(({ entry }) => entry) };
}

/** Every file that the index names. */
export function filesOf({ items }: CollateralIndex): ReadonlySet<string> {
  return new Set(items.flatMap(({ sha256, chain }) => (chain === null ? [sha256] : [sha256, chain])));
}
