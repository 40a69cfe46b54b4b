// What a site checks in a genesis before it signs: that it is in it, exactly as it made its keys, and that the rest can work.
import type { Genesis, Site } from '@wardround/protocol/documents/federation';
import { WardroundError } from '@wardround/protocol/errors';
import { thumbprint } from '@wardround/protocol/keys';
import { quorum } from '@wardround/protocol/quorum';
import { requireEnough, toleratesAbsence } from './draft.ts';
import { fingerprintOf } from '@wardround/protocol/fingerprint';

/** @throws WardroundError `genesis-without-us`, `genesis-own-keys`, `draft-colluding` */
export function requireOurselves(genesis: Genesis, own: Pick<Site, 'name' | 'keys'>): void {
  const listed = genesis.sites.find((site) => site.name === own.name);
  if (listed === undefined) {
    throw new WardroundError('genesis-without-us', 'this site is not among the founding sites of the draft', {
      expected: own.name,
      got: genesis.sites.map((site) => site.name).join(', '),
      action: 'stop',
    });
  }
  for (const role of ['approval', 'agent', 'witness'] as const) {
    if (listed.keys[role].x !== own.keys[role].x) {
      throw new WardroundError(
        'genesis-own-keys',
        'the draft lists another key under our name: somebody replaced it; do not sign',
        {
          where: `sites.${own.name}.keys.${role}`,
          expected: thumbprint(own.keys[role]),
          got: thumbprint(listed.keys[role]),
          action: 'stop',
        },
      );
    }
  }
  requireEnough(genesis.sites.length, genesis.colludingSites);
}

/** A genesis as people read it, line by line, before they compare its fingerprint or sign it. */
export function describeGenesis(genesis: Genesis, digest: string): readonly string[] {
  const { sites, colludingSites: f } = genesis;
  return [
    `Federation ${genesis.federation}, drafted ${genesis.createdAt}`,
    '',
    `  sites        ${sites.length}; decisions need ${quorum(sites.length, f)} of them; up to ${f} may collude without breaking a promise`,
    ...sites.map(
      (site) =>
        `    ${site.name.padEnd(16)} ${site.displayName}  (approval key ${short(thumbprint(site.keys.approval))})`,
    ),
    `  researchers  ${genesis.researchers.length === 0 ? 'none' : ''}`.trimEnd(),
    ...genesis.researchers.map(
      (r) => `    ${r.name.padEnd(16)} ${r.displayName}  (signing key ${short(thumbprint(r.signing))})`,
    ),
    `  releasers    ${genesis.releasers.length === 0 ? 'none' : ''}`.trimEnd(),
    ...genesis.releasers.map((r) => `    ${r.name.padEnd(16)} ${r.displayName}  (key ${short(thumbprint(r.key))})`),
    ...weaknessLines(genesis),
    '',
    `  fingerprint  ${fingerprintOf(digest)}`,
  ];
}

/** The weaknesses that a genesis itself has, by name. */
export function genesisWeaknesses(genesis: Genesis): readonly string[] {
  return genesis.log.mode === 'unwitnessed' ? ['unwitnessed'] : [];
}

function weaknessLines(genesis: Genesis): readonly string[] {
  const { sites, colludingSites: f } = genesis;
  return [
    ...(genesis.log.mode === 'unwitnessed'
      ? ['  WEAKNESS     unwitnessed: receipts are cosigned by sites, but no append-only log binds their order']
      : []),
    ...(toleratesAbsence(sites.length, f)
      ? []
      : [`  NOTE         with fewer than ${3 * f + 1} sites it cannot go on while ${f} of them are missing`]),
  ];
}

function short(thumbprint: string): string {
  return `${thumbprint.slice(0, 8)}…`;
}
