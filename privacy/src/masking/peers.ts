// The sites that go on together: whose keys may stand side by side, and whose shares belong to them.
import { sortedStrings } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { leastSites, type MaskingAttempt } from './attempt.ts';
import { digestOfAll, type Heard } from './messages.ts';

/** @throws WardroundError `masking-too-few`, `masking-keys-shared` (one site copied another's key) */
export function requireKeysTogether(keys: readonly Heard<'MaskKeys'>[], attempt: MaskingAttempt): void {
  requireEnough(keys.length, attempt);
  const distinct = new Set(keys.flatMap(({ value }) => [value.pairwise.key, value.shares.key]));
  if (distinct.size === 2 * keys.length) return;
  throw new WardroundError('masking-keys-shared', 'two of the mask keys are the same', { action: 'stop' });
}

/**
 * Shares dealt to exactly the sites whose keys were seen, by one that saw the same keys.
 *
 * @throws WardroundError `masking-keys-differ`, `masking-share-peers`
 */
export function requireSharesFit({ site, value }: Heard<'MaskShares'>, keys: readonly Heard<'MaskKeys'>[]): void {
  if (value.keys !== digestOfAll(keys)) {
    throw new WardroundError('masking-keys-differ', 'a site was shown other mask keys than we were', {
      got: site,
      action: 'stop',
    });
  }
  const names = keys.map((key) => key.site);
  const committed = value.commitments.map((commitment) => commitment.site);
  const packed = value.packets.map((packet) => packet.site);
  const seeded = value.packets.filter(({ seed }) => seed !== null).map((packet) => packet.site);
  const fits =
    same(committed, names) &&
    same(
      packed,
      names.filter((name) => name !== site),
    ) &&
    same(
      seeded,
      names.filter((name) => name > site),
    );
  if (fits) return;
  throw new WardroundError('masking-share-peers', 'not one share for each site, and a seed for each later one', {
    got: site,
    action: 'stop',
  });
}

/** @throws WardroundError `masking-too-few` */
export function requireEnough(sites: number, attempt: MaskingAttempt): void {
  if (sites >= leastSites(attempt)) return;
  throw new WardroundError('masking-too-few', 'too few sites to hide one among them', {
    expected: `at least ${leastSites(attempt)}`,
    got: String(sites),
    action: 'retry',
  });
}

/** A set that could be unmasked: sorted, of sites that dealt shares, enough of them. @throws `masking-survivors`, `masking-too-few` */
export function requireSurvivors(
  survivors: readonly string[],
  dealt: readonly string[],
  attempt: MaskingAttempt,
): void {
  if (!sortedStrings(survivors) || survivors.some((name) => !dealt.includes(name))) {
    throw new WardroundError('masking-survivors', 'not a set of sites that dealt shares', {
      expected: `sorted names out of ${dealt.join(', ')}`,
      got: survivors.join(', '),
      action: 'stop',
    });
  }
  requireEnough(survivors.length, attempt);
}

export function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
