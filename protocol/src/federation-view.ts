// A federation as its signed records make it: the genesis with every founder's signature, then each membership with a quorum's.
// Whoever serves the records can hold some back; it cannot add a member.
import {
  allKeysDistinct,
  type Genesis,
  type Membership,
  type Releaser,
  type Researcher,
  type Site,
} from './documents/federation.ts';
import { UNVERIFIED_kindOf, verify } from './documents/signed.ts';
import { parseDocument } from './jws.ts';
import { genesisSchema, membershipSchema } from './documents/federation.ts';
import { WardroundError } from './errors.ts';
import { thumbprint } from './keys.ts';
import { quorum } from './quorum.ts';

/** The members and keys after some number of memberships; immutable. */
export interface FederationView {
  /** Digest of the Genesis: the federation's identifier. */
  readonly federation: string;
  readonly name: string;
  /** Digest of the newest Membership applied, or of the Genesis. */
  readonly membership: string;
  readonly sequence: number;
  readonly colludingSites: number;
  readonly sites: readonly Site[];
  readonly researchers: readonly Researcher[];
  readonly releasers: readonly Releaser[];
  readonly log: Genesis['log'];
}

/**
 * Founds a federation from the Genesis records on a board.
 *
 * @param records compact JWS of kind Genesis; others of the same kind but another payload are ignored once `federation` names one
 * @param federation the Genesis' digest, where the caller knows it (a site that signed it does)
 * @throws WardroundError `genesis-incomplete` naming who has not signed, `genesis-ambiguous` where two complete ones exist and none was named
 */
export async function foundFederation(records: readonly string[], federation?: string): Promise<FederationView> {
  const complete: FederationView[] = [];
  const missing: string[] = [];
  for (const [digest, jwsList] of groupByDigest(records, 'Genesis')) {
    if (federation !== undefined && digest !== federation) continue;
    const { genesis, unsigned } = await readGenesis(jwsList);
    if (unsigned.length === 0) complete.push(viewOf(genesis, digest));
    else missing.push(...unsigned);
  }
  const [first, ...others] = complete;
  if (first === undefined) {
    throw new WardroundError('genesis-incomplete', "no genesis has every founding site's signature", {
      expected: 'a signature of each founding site',
      got: missing.length === 0 ? 'no genesis' : `none from ${missing.join(', ')}`,
      action: 'retry',
    });
  }
  if (others.length > 0) {
    throw new WardroundError('genesis-ambiguous', 'two complete geneses; name the federation by its digest', {
      action: 'stop',
    });
  }
  return first;
}

/**
 * Applies every Membership that follows from the view, in its chain's order.
 *
 * @throws WardroundError `membership-fork` where a quorum signed two successors of one view (more than f sites collude)
 */
export async function applyMemberships(view: FederationView, records: readonly string[]): Promise<FederationView> {
  const groups = groupByDigest(records, 'Membership');
  for (let current = view; ;) {
    const next = await successors(current, groups);
    const [only, ...others] = next;
    if (only === undefined) return current;
    if (others.length > 0) {
      throw new WardroundError('membership-fork', 'a quorum signed two different memberships', {
        where: current.membership,
        action: 'stop',
      });
    }
    current = only;
  }
}

/** Both at once, from all records of the `federation` topic. */
export async function readFederation(records: readonly string[], federation?: string): Promise<FederationView> {
  const kinds = records.map((jws) => ({ jws, kind: kindOrNull(jws) }));
  const of = (kind: string): string[] => kinds.filter((record) => record.kind === kind).map((record) => record.jws);
  return await applyMemberships(await foundFederation(of('Genesis'), federation), of('Membership'));
}

/** @throws WardroundError `member-unknown` */
export function requireSite(view: FederationView, name: string): Site {
  const site = view.sites.find((member) => member.name === name);
  if (site === undefined) {
    throw new WardroundError('member-unknown', 'not a member of this federation', {
      expected: view.sites.map((member) => member.name).join(', '),
      got: name,
    });
  }
  return site;
}

/** @throws WardroundError `researcher-unknown` */
export function requireResearcher(view: FederationView, name: string): Researcher {
  const researcher = view.researchers.find((member) => member.name === name);
  if (researcher === undefined) {
    throw new WardroundError('researcher-unknown', 'not a researcher of this federation', {
      expected: view.researchers.map((member) => member.name).join(', '),
      got: name,
    });
  }
  return researcher;
}

function kindOrNull(jws: string): string | null {
  try {
    return UNVERIFIED_kindOf(jws).kind;
  } catch {
    return null;
  }
}

// A board may hold any junk of a kind; what does not parse cannot found or change anything and is passed over.
function groupByDigest(records: readonly string[], kind: 'Genesis' | 'Membership'): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const jws of records) {
    try {
      const peeked = UNVERIFIED_kindOf(jws);
      if (peeked.kind === kind) groups.set(peeked.digest, [...(groups.get(peeked.digest) ?? []), jws]);
    } catch {
      continue;
    }
  }
  return groups;
}

async function readGenesis(jwsList: readonly string[]): Promise<{ genesis: Genesis; unsigned: string[] }> {
  const [first = ''] = jwsList;
  const genesis = parseDocument({ kind: 'Genesis', schema: genesisSchema, value: UNVERIFIED_kindOf(first).value });
  const signers = await validSigners(jwsList, 'Genesis', genesis.sites);
  return { genesis, unsigned: genesis.sites.filter((site) => !signers.has(site.name)).map((site) => site.name) };
}

/** Names of the sites whose approval key signed one of these records of the same payload. */
async function validSigners(
  jwsList: readonly string[],
  kind: 'Genesis' | 'Membership',
  sites: readonly Site[],
): Promise<Set<string>> {
  const byThumbprint = new Map(sites.map((site) => [thumbprint(site.keys.approval), site.name]));
  const keys = sites.map((site) => site.keys.approval);
  const names = new Set<string>();
  for (const jws of jwsList) {
    const verified = await verify(kind, jws, keys).catch(() => null);
    const name = verified === null ? undefined : byThumbprint.get(verified.signer);
    if (name !== undefined) names.add(name);
  }
  return names;
}

function viewOf(genesis: Genesis, digest: string): FederationView {
  const { federation: name, colludingSites, sites, researchers, releasers, log } = genesis;
  return {
    federation: digest,
    name,
    membership: digest,
    sequence: 0,
    colludingSites,
    sites,
    researchers,
    releasers,
    log,
  };
}

async function successors(view: FederationView, groups: Map<string, string[]>): Promise<FederationView[]> {
  const found: FederationView[] = [];
  for (const [digest, jwsList] of groups) {
    const membership = readMembership(jwsList);
    if (membership === null || membership.predecessor !== view.membership) continue;
    if (membership.federation !== view.federation || membership.sequence !== view.sequence + 1) continue;
    const signers = await validSigners(jwsList, 'Membership', view.sites);
    if (signers.size < quorum(view.sites.length, view.colludingSites)) continue;
    const changed = changedView(view, membership, digest);
    if (changed !== null) found.push(changed);
  }
  return found;
}

function readMembership(jwsList: readonly string[]): Membership | null {
  const [first = ''] = jwsList;
  const parsed = membershipSchema.safeParse(UNVERIFIED_kindOf(first).value);
  return parsed.success ? parsed.data : null;
}

/**
 * The view after a membership's changes; null where a change does not fit (an unknown name removed, a key twice).
 * A membership that a quorum signed but that does not fit changes nothing.
 */
export function changedView(view: FederationView, membership: Membership, digest: string): FederationView | null {
  let next: FederationView | null = { ...view, membership: digest, sequence: membership.sequence };
  for (const change of membership.changes) next = next === null ? null : applyChange(next, change);
  if (next === null || next.sites.length < 2 || !allKeysDistinct(next)) return null;
  return next;
}

function applyChange(view: FederationView, change: Membership['changes'][number]): FederationView | null {
  switch (change.action) {
    case 'addSite':
      return withAdded(view, 'sites', change.site);
    case 'removeSite':
      return withRemoved(view, 'sites', change.name);
    case 'replaceSiteKeys':
      return view.sites.some((site) => site.name === change.name)
        ? {
            ...view,
            sites: view.sites.map((site) => (site.name === change.name ? { ...site, keys: change.keys } : site)),
          }
        : null;
    case 'addResearcher':
      return withAdded(view, 'researchers', change.researcher);
    case 'removeResearcher':
      return withRemoved(view, 'researchers', change.name);
    case 'addReleaser':
      return withAdded(view, 'releasers', change.releaser);
    case 'removeReleaser':
      return withRemoved(view, 'releasers', change.name);
    case 'setColludingSites':
      return { ...view, colludingSites: change.colludingSites };
    case 'setLog':
      return { ...view, log: change.log };
  }
}

type PartyList = 'sites' | 'researchers' | 'releasers';

function withAdded(view: FederationView, list: PartyList, party: { readonly name: string }): FederationView | null {
  const existing: readonly { readonly name: string }[] = view[list];
  if (existing.some((member) => member.name === party.name)) return null;
  const sorted = [...existing, party].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { ...view, [list]: sorted };
}

function withRemoved(view: FederationView, list: PartyList, name: string): FederationView | null {
  const existing: readonly { readonly name: string }[] = view[list];
  if (!existing.some((member) => member.name === name)) return null;
  return { ...view, [list]: existing.filter((member) => member.name !== name) };
}
