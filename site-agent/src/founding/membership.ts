// Changes of a founded federation: proposed by one site, in force with the signatures of q of the sites that were members before.
import * as z from 'zod';
import { type Membership, membershipSchema } from '@wardround/protocol/documents/federation';
import { UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { changedView, type FederationView } from '@wardround/protocol/federation-view';
import { parseDocument } from '@wardround/protocol/jws';
import { digestOf } from '@wardround/protocol/canonical-json';
import { quorum } from '@wardround/protocol/quorum';
import { mistakesOf, describeMistakes } from '../config/issues.ts';
import { requireEnough } from './draft.ts';

/** What a person writes into CHANGE.json. */
const changeFileSchema = membershipSchema.pick({ reason: true, changes: true });
export type ChangeFile = z.infer<typeof changeFileSchema>;

export interface Proposal {
  readonly digest: string;
  readonly membership: Membership;
  /** Names of the members that signed it. */
  readonly signers: readonly string[];
  readonly needed: number;
}

/** @throws WardroundError `change-invalid` with every mistake's path */
export function parseChangeFile(value: unknown, where: string): ChangeFile {
  const parsed = changeFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const mistakes = mistakesOf(parsed.error, (path) => (path.length === 0 ? ['reason', 'changes'] : []));
  throw new WardroundError('change-invalid', describeMistakes(mistakes), { where, cause: parsed.error });
}

/** The document that would make these changes to the federation as it is now. @throws WardroundError `change-does-not-fit`, `draft-colluding` */
export function proposeMembership(view: FederationView, change: ChangeFile, now: Date): Membership {
  const value = {
    kind: 'Membership',
    version: 1,
    federation: view.federation,
    predecessor: view.membership,
    sequence: view.sequence + 1,
    issuedAt: now.toISOString(),
    reason: change.reason,
    changes: change.changes,
  };
  const membership = parseDocument({ kind: 'Membership', schema: membershipSchema, value });
  requireFits(view, membership);
  return membership;
}

/** The view after it. @throws WardroundError `change-does-not-fit`, `draft-colluding` */
export function requireFits(view: FederationView, membership: Membership): FederationView {
  const next = changedView(view, membership, digestOf('Membership', membership));
  if (next === null) {
    throw new WardroundError('change-does-not-fit', 'these changes do not fit the federation as it is now', {
      expected:
        'to remove or change only names that exist, to add only names and keys that do not, and to keep two sites',
    });
  }
  requireEnough(next.sites.length, next.colludingSites);
  return next;
}

/** The proposals among a board's records that would follow the view, with who signed each. */
export async function openProposals(view: FederationView, records: readonly string[]): Promise<readonly Proposal[]> {
  const groups = new Map<string, { membership: Membership; records: string[] }>();
  for (const jws of records) {
    const peeked = peekMembership(jws);
    if (peeked === null || peeked.membership.predecessor !== view.membership) continue;
    if (peeked.membership.federation !== view.federation || peeked.membership.sequence !== view.sequence + 1) continue;
    const group = groups.get(peeked.digest) ?? { membership: peeked.membership, records: [] };
    groups.set(peeked.digest, { ...group, records: [...group.records, jws] });
  }
  const needed = quorum(view.sites.length, view.colludingSites);
  return await Promise.all(
    [...groups].map(async ([digest, group]) => {
      const signers = await signersOf(view, group.records);
      return { digest, membership: group.membership, signers, needed };
    }),
  );
}

/** The one proposal whose digest begins so. @throws WardroundError `proposal-unknown`, `proposal-ambiguous` */
export function findProposal(proposals: readonly Proposal[], prefix: string): Proposal {
  const matches = /^[0-9a-f]{6,64}$/.test(prefix) ? proposals.filter(({ digest }) => digest.startsWith(prefix)) : [];
  const [only, ...others] = matches;
  if (only === undefined) {
    throw new WardroundError('proposal-unknown', 'no open proposal has this digest', {
      expected: proposals.length === 0 ? 'none is open' : proposals.map(({ digest }) => digest.slice(0, 12)).join(', '),
      got: prefix,
    });
  }
  if (others.length > 0) {
    throw new WardroundError('proposal-ambiguous', 'more than one proposal begins so; type more of it', {
      got: prefix,
    });
  }
  return only;
}

/** A change in words. */
export function describeChange(change: Membership['changes'][number]): string {
  switch (change.action) {
    case 'addSite':
      return `add site ${change.site.name} (${change.site.displayName})`;
    case 'removeSite':
      return `remove site ${change.name}`;
    case 'replaceSiteKeys':
      return `replace the keys of site ${change.name}`;
    case 'addResearcher':
      return `add researcher ${change.researcher.name} (${change.researcher.displayName})`;
    case 'removeResearcher':
      return `remove researcher ${change.name}`;
    case 'addReleaser':
      return `add releaser ${change.releaser.name} (${change.releaser.displayName})`;
    case 'removeReleaser':
      return `remove releaser ${change.name}`;
    case 'setColludingSites':
      return `tolerate ${change.colludingSites} colluding sites`;
    case 'setLog':
      return `set the log: ${change.log.mode}`;
  }
}

function peekMembership(jws: string): { digest: string; membership: Membership } | null {
  try {
    const peeked = UNVERIFIED_kindOf(jws);
    if (peeked.kind !== 'Membership') return null;
    return { digest: peeked.digest, membership: membershipSchema.parse(peeked.value) };
  } catch {
    return null;
  }
}

async function signersOf(view: FederationView, records: readonly string[]): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const site of view.sites) {
    for (const jws of records) {
      if ((await verify('Membership', jws, [site.keys.approval]).catch(() => null)) !== null) names.add(site.name);
    }
  }
  return [...names];
}
