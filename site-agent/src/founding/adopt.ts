// How a site that was admitted later comes to know its federation: by the fingerprint that a member read to it over the telephone.
import type { Site } from '@wardround/protocol/documents/federation';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { type FederationView, readFederation, requireSite } from '@wardround/protocol/federation-view';
import type { SitePaths } from '../config/site-paths.ts';
import { fingerprintOf, readDigits } from '@wardround/protocol/fingerprint';
import { completeFounding } from './genesis-file.ts';

/**
 * Stores the genesis with this fingerprint, if the federation as it is now lists this site with its own keys.
 *
 * @param records of the federation topic, unverified
 * @returns the federation as it is now
 * @throws WardroundError `genesis-unknown`, `genesis-founded`, `member-unknown`, `genesis-own-keys`, `fingerprint-format`, `genesis-*`
 */
export async function adoptFederation({
  paths,
  own,
  heard,
  records,
}: {
  readonly paths: SitePaths;
  readonly own: Pick<Site, 'name' | 'keys'>;
  readonly heard: string;
  readonly records: readonly string[];
}): Promise<FederationView> {
  const digits = readDigits(heard);
  const federation = genesisDigests(records).find((digest) => readDigits(fingerprintOf(digest)) === digits);
  if (federation === undefined) {
    throw new WardroundError('genesis-unknown', 'the coordinator shows no federation with this fingerprint', {
      got: heard,
      action: 'retry',
    });
  }
  const view = await readFederation(records, federation);
  requireOwnKeys(requireSite(view, own.name), own.keys);
  const kept = await completeFounding({ paths, records, federation });
  if (kept?.federation !== federation) {
    throw new WardroundError('genesis-founded', 'this site is already a member of another federation', {
      expected: federation,
      got: kept?.federation ?? 'none',
      action: 'stop',
    });
  }
  return view;
}

function genesisDigests(records: readonly string[]): readonly string[] {
  return records.flatMap((jws) => {
    try {
      const { kind, digest } = UNVERIFIED_kindOf(jws);
      return kind === 'Genesis' ? [digest] : [];
    } catch {
      return [];
    }
  });
}

function requireOwnKeys(listed: Site, own: Site['keys']): void {
  for (const role of ['approval', 'agent', 'witness'] as const) {
    if (listed.keys[role].x === own[role].x) continue;
    throw new WardroundError('genesis-own-keys', 'the federation lists another key under our name', {
      where: `sites.${listed.name}.keys.${role}`,
      action: 'stop',
    });
  }
}
