// The federation topic as this site has verified it: every membership since the genesis, enclave releases, revocations, plans.
// Each record is read once. What can be judged is judged when it comes, and junk takes no place; only what names something unknown waits.
import { verify, type Verified } from '@wardround/protocol/documents/signed';
import { hasCode } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { PublicKey } from '@wardround/protocol/keys';
import { Allowance } from './allowance.ts';
import { type FederationRecord, type KeptKind, peekFederationRecord } from './federation-record.ts';
import { MembershipCandidates, SiteAllowances } from './membership-candidates.ts';

/** A coordinator may put anything on the board that names what nobody knows. In the order in which honest parties publish, nothing waits. */
const waitingLimits = { records: 2000, characters: 16 * 1024 * 1024 };

export class FederationBook {
  readonly #views = new Map<string, FederationView>();
  readonly #releases = new Map<string, Verified<'EnclaveRelease'>>();
  readonly #revocations = new Map<string, Verified<'ReleaseRevocation'>>();
  readonly #plans = new Map<string, Verified<'StudyPlan'>>();
  /** What was verified or waits; never junk, of which there is no end. */
  readonly #known = new Set<string>();
  /** By what each waits for. */
  readonly #waiting = new Map<string, FederationRecord[]>();
  readonly #allowance = new Allowance(waitingLimits, 'too many records of the federation name what nobody knows');
  readonly #siteAllowances = new SiteAllowances();
  /** Of each view. */
  readonly #candidates = new Map<string, MembershipCandidates>();
  #newest: FederationView;
  #fork: unknown = null;

  /** @param founding the federation as this site founded it, or was admitted to it */
  constructor(founding: FederationView) {
    this.#newest = founding;
    this.#addView(founding);
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
    if (this.#fork !== null) throw this.#fork;
    const record = this.#known.has(jws) ? null : peekFederationRecord(jws);
    if (record === null) return [];
    const verified: Verified<KeptKind>[] = [];
    const queue = [record];
    // The queue grows while it is read: each record that became verified may set free others.
    for (const next of queue) {
      const judged = await this.#judge(next).catch((error: unknown) => {
        // Of a record that waited, nobody waits for the error any more.
        if (next === record || !hasCode(error, 'record-waiting')) throw error;
        return [];
      });
      for (const known of judged) {
        this.#known.add(known.jws);
        verified.push(known);
        queue.push(...this.#setFree(known));
      }
    }
    return verified;
  }

  async #judge(record: FederationRecord): Promise<readonly Verified<KeptKind>[]> {
    if (record.kind === 'Membership') return await this.#judgeMembership(record);
    const keys = this.#keysFor(record);
    if (typeof keys === 'string') return this.#wait(record, keys);
    const verified = await this.#verifyOne(record, keys);
    return verified === null ? [] : [verified];
  }

  /** One membership at a time, so that every view on the way is known by its name. */
  async #judgeMembership(record: FederationRecord): Promise<readonly Verified<'Membership'>[]> {
    const { predecessor } = record.names;
    const candidates = this.#candidates.get(predecessor);
    if (candidates === undefined) return this.#wait(record, `membership ${predecessor}`);
    const change = await candidates.add(record.jws).catch((error: unknown) => {
      if (hasCode(error, 'membership-fork')) this.#fork = error;
      throw error;
    });
    if (change === null) return [];
    this.#newest = change.view;
    this.#addView(change.view);
    return change.records;
  }

  #addView(view: FederationView): void {
    this.#views.set(view.membership, view);
    this.#candidates.set(view.membership, new MembershipCandidates(view, this.#siteAllowances));
  }

  #wait(record: FederationRecord, needed: string): [] {
    this.#allowance.take(record.jws.length);
    this.#known.add(record.jws);
    const others = this.#waiting.get(needed);
    if (others === undefined) this.#waiting.set(needed, [record]);
    else others.push(record);
    return [];
  }

  /** What waited for this record, or for the view that it made. */
  #setFree({ kind, digest }: Verified<KeptKind>): readonly FederationRecord[] {
    const names = kind === 'EnclaveRelease' ? [`release ${digest}`] : [];
    if (kind === 'Membership') {
      names.push(`membership ${digest}`, ...this.#newest.releasers.map(({ name }) => `releaser ${name}`));
    }
    return names.flatMap((name) => {
      const records = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const { jws } of records) {
        this.#allowance.giveBack(jws.length);
        this.#known.delete(jws);
      }
      return records;
    });
  }

  /** Who must have signed; an empty list where nobody could have; what has to be known first, where that cannot be told yet. */
  #keysFor({ kind, names }: FederationRecord): readonly PublicKey[] | string {
    switch (kind) {
      case 'StudyPlan': {
        const view = this.#views.get(names.membership);
        if (view === undefined) return `membership ${names.membership}`;
        return view.researchers.flatMap(({ name, signing }) => (name === names.researcher ? [signing] : []));
      }
      case 'EnclaveRelease':
        return this.#releaserKeys(names.releaser);
      case 'ReleaseRevocation': {
        const release = this.#releases.get(names.release);
        if (release === undefined) return `release ${names.release}`;
        return release.value.releaser === names.releaser ? this.#releaserKeys(names.releaser) : [];
      }
      case 'Membership':
        return [];
    }
  }

  /** A releaser that was removed can still revoke what it released: all its keys of any time count. Whether it may still release is the gate's. */
  #releaserKeys(name: string): readonly PublicKey[] | string {
    const keys = [...this.#views.values()].flatMap(({ releasers }) =>
      releasers.flatMap((releaser) => (releaser.name === name ? [releaser.key] : [])),
    );
    return keys.length === 0 ? `releaser ${name}` : keys;
  }

  async #verifyOne({ kind, jws }: FederationRecord, keys: readonly PublicKey[]): Promise<Verified<KeptKind> | null> {
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
