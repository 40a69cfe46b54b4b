// Memberships that may follow one view: verified signatures of its sites, counted until a quorum signed one of them; and after it, in case
// a quorum signs another as well.
import { verify, type Verified } from '@wardround/protocol/documents/signed';
import { applyMemberships, type FederationView } from '@wardround/protocol/federation-view';
import { quorum } from '@wardround/protocol/quorum';
import { Allowance } from './allowance.ts';

/** For each site: a hostile one that signs successors without end takes no place but its own. */
const limitsOfSite = { records: 256, characters: 4 * 1024 * 1024 };

/** What each site's key has signed that no quorum did, in all views together. */
export class SiteAllowances {
  readonly #bySigner = new Map<string, Allowance>();

  of(signer: string): Allowance {
    const known = this.#bySigner.get(signer);
    if (known !== undefined) return known;
    const allowance = new Allowance(limitsOfSite, 'too many memberships that one site proposes');
    this.#bySigner.set(signer, allowance);
    return allowance;
  }
}

export interface MembershipChange {
  readonly view: FederationView;
  /** The quorum's records. */
  readonly records: readonly Verified<'Membership'>[];
}

export class MembershipCandidates {
  readonly #view: FederationView;
  readonly #allowances: SiteAllowances;
  /** By digest, then by signer. */
  readonly #signed = new Map<string, Map<string, Verified<'Membership'>>>();
  /** Digest of the one that followed. */
  #successor: string | null = null;

  constructor(view: FederationView, allowances: SiteAllowances) {
    this.#view = view;
    this.#allowances = allowances;
  }

  /**
   * Counts one signature; junk is passed over.
   *
   * @returns what followed from it, once a quorum signed the same; null before, and when that is known
   * @throws WardroundError `record-waiting` naming too many candidates of one site, `membership-fork`
   */
  async add(jws: string): Promise<MembershipChange | null> {
    const keys = this.#view.sites.map((site) => site.keys.approval);
    const verified = await verify('Membership', jws, keys).catch(() => null);
    if (verified === null || verified.digest === this.#successor) return null;
    const signers = this.#signersOf(verified.digest);
    if (signers.has(verified.signer)) return null;
    this.#allowances.of(verified.signer).take(jws.length);
    this.#signed.set(verified.digest, signers.set(verified.signer, verified));
    return signers.size < this.#needed ? null : await this.#apply();
  }

  get #needed(): number {
    return quorum(this.#view.sites.length, this.#view.colludingSites);
  }

  /** Whether what a quorum signed fits, and is the only one, is for the protocol to say. */
  async #apply(): Promise<MembershipChange | null> {
    const complete = [...this.#signed.values()].filter(({ size }) => size >= this.#needed);
    const jwsList = complete.flatMap((signers) => [...signers.values()].map(({ jws }) => jws));
    const view = await applyMemberships(this.#view, jwsList);
    if (view.membership === this.#view.membership || view.membership === this.#successor) return null;
    this.#successor = view.membership;
    const records = [...this.#signersOf(view.membership).values()];
    for (const { signer, jws } of records) this.#allowances.of(signer).giveBack(jws.length);
    return { view, records };
  }

  #signersOf(digest: string): Map<string, Verified<'Membership'>> {
    return this.#signed.get(digest) ?? new Map<string, Verified<'Membership'>>();
  }
}
