// A genesis' draft from the key bundles that the parties published. Nothing is decided here: each site decides when it signs.
import { type Genesis, genesisSchema } from '@wardround/protocol/documents/federation';
import { WardroundError } from '@wardround/protocol/errors';
import { parseDocument } from '@wardround/protocol/jws';
import type { Party } from './bundles.ts';

export interface DraftWishes {
  readonly federation: string;
  /** f */
  readonly colludingSites: number;
  readonly createdAt: Date;
  /** The names to take, or null for all of that role. */
  readonly sites: readonly string[] | null;
  readonly researchers: readonly string[] | null;
  readonly releasers: readonly string[] | null;
}

/**
 * @throws WardroundError `draft-party-missing` naming who has not joined, `draft-colluding` where so few sites cannot tolerate f,
 * `document-invalid` (a key that two parties share, a bad name)
 */
export function draftGenesis(parties: readonly Party[], wishes: DraftWishes): Genesis {
  const sites = chosen(
    parties.filter((party) => party.role === 'site'),
    'site',
    wishes.sites,
  );
  requireEnough(sites.length, wishes.colludingSites);
  const researchers = chosen(
    parties.filter((party) => party.role === 'researcher'),
    'researcher',
    wishes.researchers,
  );
  const releasers = chosen(
    parties.filter((party) => party.role === 'releaser'),
    'releaser',
    wishes.releasers,
  );
  const value = {
    kind: 'Genesis',
    version: 1,
    federation: wishes.federation,
    createdAt: wishes.createdAt.toISOString(),
    colludingSites: wishes.colludingSites,
    sites: sites.map(({ name, displayName, keys }) => ({ name, displayName, keys })),
    researchers: researchers.map(({ name, displayName, signing, receiving }) => ({
      name,
      displayName,
      signing,
      receiving,
    })),
    releasers: releasers.map(({ name, displayName, key }) => ({ name, displayName, key })),
    log: { mode: 'unwitnessed' },
  };
  return parseDocument({ kind: 'Genesis', schema: genesisSchema, value });
}

/** Whether the federation can go on with f sites missing (design: m at least 3f + 1). */
export function toleratesAbsence(sites: number, colludingSites: number): boolean {
  return sites >= 3 * colludingSites + 1;
}

/** @throws WardroundError `draft-colluding`: every sum needs f + 2 contributors, so a federation of fewer sites could never train */
export function requireEnough(sites: number, colludingSites: number): void {
  if (sites < Math.max(2, colludingSites + 2)) {
    throw new WardroundError('draft-colluding', 'too few sites for so many colluding ones: no study could ever run', {
      expected: `at least ${Math.max(2, colludingSites + 2)} sites where ${colludingSites} may collude`,
      got: `${sites}`,
    });
  }
}

function chosen<P extends { readonly name: string }>(
  parties: readonly P[],
  role: string,
  wanted: readonly string[] | null,
): readonly P[] {
  if (wanted === null) return parties;
  const missing = wanted.filter((name) => !parties.some((party) => party.name === name));
  if (missing.length > 0) {
    throw new WardroundError('draft-party-missing', `no key bundle on the board from ${role} ${missing.join(', ')}`, {
      expected: `that each ${role} ran its join command under the invitation`,
      got: parties.length === 0 ? 'none' : parties.map((party) => party.name).join(', '),
      action: 'retry',
    });
  }
  return parties.filter((party) => wanted.includes(party.name));
}
