// The federation topic as this site has verified it: every membership since the genesis, enclave releases, revocations, plans.
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { applyMemberships, type FederationView } from '@wardround/protocol/federation-view';
import type { PublicKey } from '@wardround/protocol/keys';

const kept = ['Membership', 'EnclaveRelease', 'ReleaseRevocation', 'StudyPlan'] as const;
type KeptKind = (typeof kept)[number];

/** What anybody may put on the board must not fill memory. */
const maxRecords = 20_000;

interface Unverified {
  readonly jws: string;
  readonly kind: KeptKind;
  readonly value: Readonly<Record<string, unknown>>;
}

export class FederationBook {
  readonly #views = new Map<string, FederationView>();
  readonly #releases = new Map<string, Verified<'EnclaveRelease'>>();
  readonly #revocations = new Map<string, Verified<'ReleaseRevocation'>>();
  readonly #plans = new Map<string, Verified<'StudyPlan'>>();
  readonly #seen = new Set<string>();
  readonly #memberships: string[] = [];
  #waiting: Unverified[] = [];
  #newest: FederationView;

  /** @param founding the federation as this site founded it, or was admitted to it */
  constructor(founding: FederationView) {
    this.#newest = founding;
    this.#views.set(founding.membership, founding);
  }

  get newest(): FederationView {
    return this.#newest;
  }
  get memberships(): ReadonlyMap<string, FederationView> {
    return this.#views;
  }
  get releases(): ReadonlyMap<string, Verified<'EnclaveRelease'>> {
    return this.#releases;
  }
  get revocations(): readonly Verified<'ReleaseRevocation'>[] {
    return [...this.#revocations.values()];
  }
  /** Grows with whatever the gate judges by. */
  get size(): number {
    return this.#views.size + this.#releases.size + this.#revocations.size;
  }
  get plans(): ReadonlyMap<string, Verified<'StudyPlan'>> {
    return this.#plans;
  }

  /**
   * Takes one record of the topic; what cannot be verified yet waits for what it needs. Records of other kinds and junk are passed over.
   *
   * @returns the records that became verified, to be kept
   * @throws WardroundError `membership-fork` (more than f sites collude), `record-waiting`
   */
  async add(jws: string): Promise<readonly Verified<KeptKind>[]> {
    const record = peek(jws);
    if (record === null || this.#seen.has(jws)) return [];
    if (this.#seen.size >= maxRecords)
      throw new WardroundError('record-waiting', 'too many records in the federation topic');
    this.#seen.add(jws);
    if (record.kind === 'Membership') this.#memberships.push(jws);
    else this.#waiting.push(record);
    const changed = await this.#advance();
    return [...changed, ...(await this.#verifyWaiting())];
  }

  /** One membership at a time, so that every view on the way is known by its name. */
  async #advance(): Promise<Verified<'Membership'>[]> {
    const applied: Verified<'Membership'>[] = [];
    for (;;) {
      const next = this.#memberships.filter((jws) => peek(jws)?.value['predecessor'] === this.#newest.membership);
      const view = await applyMemberships(this.#newest, next);
      if (view.membership === this.#newest.membership) return applied;
      const keys = this.#newest.sites.map((site) => site.keys.approval);
      for (const jws of next) {
        const verified = await verify('Membership', jws, keys).catch(() => null);
        if (verified?.digest === view.membership) applied.push(verified);
      }
      this.#newest = view;
      this.#views.set(view.membership, view);
    }
  }

  async #verifyWaiting(): Promise<Verified<KeptKind>[]> {
    const verified: Verified<KeptKind>[] = [];
    for (let progress = true; progress;) {
      progress = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const record of waiting) {
        const keys = this.#keysFor(record);
        if (keys === null) {
          this.#waiting.push(record);
          continue;
        }
        const result = await this.#verifyOne(record, keys);
        if (result === null) continue;
        verified.push(result);
        progress = true;
      }
    }
    return verified;
  }

  /** Null where it cannot be known yet who must have signed; an empty list where nobody could have. */
  #keysFor({ kind, value }: Unverified): readonly PublicKey[] | null {
    switch (kind) {
      case 'StudyPlan': {
        const view = this.#views.get(String(value['membership']));
        if (view === undefined) return null;
        return view.researchers.flatMap(({ name, signing }) => (name === value['researcher'] ? [signing] : []));
      }
      case 'EnclaveRelease':
        return this.#releaserKeys(value['releaser']);
      case 'ReleaseRevocation': {
        const release = this.#releases.get(String(value['release']));
        if (release === undefined) return null;
        return release.value.releaser === value['releaser'] ? this.#releaserKeys(value['releaser']) : [];
      }
      case 'Membership':
        return [];
    }
  }

  /** A releaser that was removed can still revoke what it released: all its keys of any time count. Whether it may still release is the gate's. */
  #releaserKeys(name: unknown): readonly PublicKey[] | null {
    const keys = [...this.#views.values()].flatMap(({ releasers }) =>
      releasers.flatMap((releaser) => (releaser.name === name ? [releaser.key] : [])),
    );
    return keys.length === 0 ? null : keys;
  }

  async #verifyOne({ kind, jws }: Unverified, keys: readonly PublicKey[]): Promise<Verified<KeptKind> | null> {
    switch (kind) {
      case 'StudyPlan':
        return remember(this.#plans, await verify('StudyPlan', jws, keys).catch(() => null));
      case 'EnclaveRelease':
        return remember(this.#releases, await verify('EnclaveRelease', jws, keys).catch(() => null));
      case 'ReleaseRevocation':
        return remember(this.#revocations, await verify('ReleaseRevocation', jws, keys).catch(() => null));
      case 'Membership':
        return null;
    }
  }
}

function remember<T extends { readonly digest: string }>(map: Map<string, T>, verified: T | null): T | null {
  if (verified !== null) map.set(verified.digest, verified);
  return verified;
}

function peek(jws: string): Unverified | null {
  try {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    const known = kept.find((name) => name === kind);
    if (known === undefined || typeof value !== 'object' || value === null) return null;
    return { jws, kind: known, value: { ...value } };
  } catch {
    return null;
  }
}
