// Key bundles on the board: self-signed, so they say nothing about who holds the keys. The telephone call over the draft does.
import { type KeyBundle, keyBundleSchema } from '@wardround/protocol/documents/federation';
import { sign, UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import type { SigningPublicKey } from '@wardround/protocol/documents/primitives';
import type { Site } from '@wardround/protocol/documents/federation';
import type { SigningKey } from '@wardround/protocol/keys';

export type Party = KeyBundle['party'];

export interface CollectedBundles {
  /** The newest of each role and name, sorted by name. */
  readonly parties: readonly Party[];
  /** Names under which more than one set of keys was published: people must hear why. */
  readonly repeated: readonly string[];
}

/** This site's bundle, signed by its approval key. */
export async function signSiteBundle(site: Site, approval: SigningKey, now: Date): Promise<string> {
  const value = {
    kind: 'KeyBundle',
    version: 1,
    createdAt: now.toISOString(),
    party: { role: 'site', ...site },
  } as const;
  return (await sign('KeyBundle', value, approval)).jws;
}

/** The bundles among a board's records whose own key signed them. Anything else there is junk, and passed over. */
export async function collectBundles(records: readonly string[]): Promise<CollectedBundles> {
  const newest = new Map<string, KeyBundle>();
  const repeated = new Set<string>();
  for (const record of records) {
    const bundle = await readBundle(record);
    if (bundle === null) continue;
    const place = `${bundle.party.role} ${bundle.party.name}`;
    const earlier = newest.get(place);
    if (earlier !== undefined && !sameParty(earlier.party, bundle.party)) repeated.add(place);
    if (earlier === undefined || earlier.createdAt < bundle.createdAt) newest.set(place, bundle);
  }
  const parties = [...newest.values()].map(({ party }) => party).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { parties, repeated: [...repeated].toSorted() };
}

async function readBundle(jws: string): Promise<KeyBundle | null> {
  try {
    const peeked = UNVERIFIED_kindOf(jws);
    if (peeked.kind !== 'KeyBundle') return null;
    const claimed = keyBundleSchema.parse(peeked.value);
    return (await verify('KeyBundle', jws, [ownKey(claimed.party)])).value;
  } catch {
    return null;
  }
}

function ownKey(party: Party): SigningPublicKey {
  switch (party.role) {
    case 'site':
      return party.keys.approval;
    case 'researcher':
      return party.signing;
    case 'releaser':
      return party.key;
  }
}

function sameParty(a: Party, b: Party): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
