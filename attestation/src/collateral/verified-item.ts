// What the verification of one item proves, whoever its vendor is, and what follows from it: is it current, is it newer than another?
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import type { OwnEndorsement } from '../own-endorsement.ts';
import type { ItemKey } from './item-key.ts';
import { keyName } from './item-key.ts';

/** The bytes of an item and of its signer's certificates, as a mirror holds them. */
export interface ItemFiles {
  readonly content: Bytes;
  readonly chain: Bytes | null;
}

/** Whose word is taken: the vendors' pinned roots always, and simulated roots (by SHA-256) only where somebody named them. */
export interface CollateralRoots {
  /** NAMED WEAKNESS: what these sign proves nothing about hardware. */
  readonly simulated: readonly string[];
}

export const genuineRoots: CollateralRoots = { simulated: [] };

/** A part of Intel's collateral, which a verifier takes as a whole only. */
export type IntelPart =
  | { readonly part: 'tcbInfo'; readonly fmspc: string; readonly text: string; readonly chain: readonly string[] }
  | { readonly part: 'qeIdentity'; readonly text: string; readonly chain: readonly string[] }
  | { readonly part: 'pckCrl'; readonly ca: string; readonly der: string; readonly chain: readonly string[] }
  | { readonly part: 'rootCrl'; readonly der: string };

/** An item that its vendor signed and that is what its key says. Whether it is current is for {@link requireCurrent}. */
export interface VerifiedItem {
  readonly key: ItemKey;
  /** Which of two items with one key is newer: the first number that differs decides. */
  readonly edition: readonly number[];
  /** Its own date: a list's `thisUpdate`, an `issueDate`, a certificate's `notBefore`. */
  readonly issued: Date;
  /** From here to there it, and every certificate under which it was verified, is valid. */
  readonly validFrom: Date;
  readonly validUntil: Date;
  /** True when its root is a simulated one. */
  readonly simulated: boolean;
  /** True when it is its vendor's word that what it is about is revoked: current, genuine, and good for refusing only. */
  readonly revoked: boolean;
  /** What a verifier is handed. Empty for Intel's documents, which go together with its lists; those stand by themselves as well. */
  readonly endorsements: readonly OwnEndorsement[];
  readonly intel: IntelPart | null;
}

/** @throws WardroundError `collateral-not-yet-valid`, `collateral-expired` */
export function requireCurrent({ key, validFrom, validUntil }: VerifiedItem, at: Date): void {
  const detail = { where: keyName(key), got: at.toISOString() };
  if (at < validFrom) {
    throw new WardroundError('collateral-not-yet-valid', 'this item is not valid yet', {
      ...detail,
      expected: `a time from ${validFrom.toISOString()} on`,
    });
  }
  if (at > validUntil) {
    throw new WardroundError('collateral-expired', 'this item is out of date', {
      ...detail,
      expected: `a time until ${validUntil.toISOString()}`,
    });
  }
}

/** Below 0 where `left` is the older, 0 where neither is. */
export function compareEditions(left: VerifiedItem, right: VerifiedItem): number {
  const differing = left.edition.findIndex((number, position) => number !== right.edition[position]);
  return differing === -1 ? 0 : (left.edition[differing] ?? 0) - (right.edition[differing] ?? 0);
}

/**
 * An older item never replaces a newer one: otherwise whoever answers in the vendor's place could bring back a list from before a revocation.
 * Nor does a simulated one replace a genuine one, or the other way round.
 * @throws WardroundError `collateral-older`, `collateral-other-vendor`
 */
export function requireMayReplace(candidate: VerifiedItem, held: VerifiedItem): void {
  if (candidate.simulated !== held.simulated) {
    throw new WardroundError('collateral-other-vendor', 'a genuine and a simulated vendor do not share a mirror', {
      where: keyName(candidate.key),
      expected: held.simulated ? 'the simulated vendor' : 'the genuine vendor',
      got: candidate.simulated ? 'a simulated vendor' : 'the genuine vendor',
    });
  }
  if (compareEditions(candidate, held) >= 0) return;
  throw new WardroundError('collateral-older', 'older than what the mirror holds; the newer one stays', {
    where: keyName(candidate.key),
    expected: `issued ${held.issued.toISOString()} or later${editionText(held)}`,
    got: `issued ${candidate.issued.toISOString()}${editionText(candidate)}`,
  });
}

/** Intel counts its evaluations of TCBs; they decide before dates do. */
function editionText({ edition }: VerifiedItem): string {
  return edition.length > 1 ? ` (evaluation ${edition[0] ?? 0})` : '';
}

/** The item is genuine, but is not the one that was asked for. */
export function otherItem(key: ItemKey, got: string): WardroundError {
  return new WardroundError('collateral-other-item', 'genuine, but not the item that was asked for', {
    where: keyName(key),
    expected: keyName(key),
    got,
  });
}

/** @throws WardroundError `collateral-chain-missing` */
export function needChain(key: ItemKey, { chain }: ItemFiles): Bytes {
  if (chain !== null) return chain;
  throw new WardroundError('collateral-chain-missing', 'the certificates of whoever signed this item are not there', {
    where: keyName(key),
  });
}

/** The narrowest of several windows of validity. */
export function windowOf(
  windows: readonly { readonly notBefore: Date; readonly notAfter: Date }[],
): Pick<VerifiedItem, 'validFrom' | 'validUntil'> {
  return {
    validFrom: new Date(Math.max(...windows.map(({ notBefore }) => notBefore.getTime()))),
    validUntil: new Date(Math.min(...windows.map(({ notAfter }) => notAfter.getTime()))),
  };
}
