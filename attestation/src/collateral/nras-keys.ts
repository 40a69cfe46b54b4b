// NVIDIA's attestation service's keys as an item of a mirror. The one item that nobody signed: what is checked is that it can be what it says, and its
// word for when it was fetched is the mirror's own.
import { canonicalJson, parseLimitedJson } from '@wardround/protocol/canonical-json';
import type { Bytes } from '@wardround/protocol/bytes';
import type { NrasKeys } from '../nvidia/nras-keys.ts';
import { nrasKeysLongestSeconds, parseNrasKeys } from '../nvidia/nras-keys.ts';
import type { KeyOf } from './item-key.ts';
import type { ItemFiles, VerifiedItem } from './verified-item.ts';

/** The file of the item. */
export function nrasKeysFile(keys: NrasKeys): Bytes {
  return canonicalJson(keys);
}

/** @throws WardroundError `nras-keys-malformed`, and those of the JSON reader */
export function verifyNrasKeys(key: KeyOf<'nvidiaNrasKeys'>, { content }: ItemFiles): VerifiedItem {
  const keys = parseNrasKeys(parseLimitedJson(content, { maxBytes: 65_536, maxDepth: 4 }));
  const fetched = new Date(keys.fetchedAt);
  return {
    key,
    edition: [fetched.getTime()],
    issued: fetched,
    validFrom: fetched,
    validUntil: new Date(fetched.getTime() + nrasKeysLongestSeconds * 1000),
    simulated: false,
    revoked: false,
    endorsements: [keys],
    intel: null,
  };
}
