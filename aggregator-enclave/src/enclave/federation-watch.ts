// The federation as its board shows it: members, plans, and the release that lists this program. Everything is verified against the genesis.
import type { EnclaveRelease } from '@wardround/protocol/documents/federation';
import { UNVERIFIED_kindOf, verify, type Verified } from '@wardround/protocol/documents/signed';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import {
  applyMemberships,
  type FederationView,
  foundFederation,
  requireResearcher,
} from '@wardround/protocol/federation-view';
import type { HostPorts } from './ports.ts';
import { isMeasurementOf } from './release-match.ts';

/** A plan that may be run, under the members whom it names. */
export interface KnownPlan {
  readonly plan: Verified<'StudyPlan'>;
  /** The view that the plan's `membership` names. */
  readonly view: FederationView;
}

export class FederationWatch {
  readonly #ports: Pick<HostPorts, 'log' | 'platform' | 'clock'>;
  readonly #wanted: string | undefined;
  readonly #records = new Map<string, string[]>();
  /** What became of each plan record; a plan that waits for its membership is not in it. */
  readonly #judged = new Map<string, KnownPlan | null>();
  #views: readonly FederationView[] = [];

  constructor(ports: Pick<HostPorts, 'log' | 'platform' | 'clock'>, federation: string | null) {
    this.#ports = ports;
    this.#wanted = federation ?? undefined;
  }

  /** The newest view; null before the federation is founded. */
  get members(): FederationView | null {
    return this.#views.at(-1) ?? null;
  }

  /** Takes in records of the `federation` topic, in any order. */
  async add(records: readonly string[]): Promise<void> {
    for (const jws of records) this.#keep(jws);
    await this.#readViews();
  }

  /** The plans of the federation's researchers, each with its members. */
  async plans(): Promise<readonly KnownPlan[]> {
    const plans: KnownPlan[] = [];
    const digests = new Set<string>();
    for (const jws of this.#of('StudyPlan')) {
      const known = await this.#readPlan(jws);
      if (known !== null && !digests.has(known.plan.digest)) plans.push(known);
      if (known !== null) digests.add(known.plan.digest);
    }
    return plans;
  }

  /** Digest of an unexpired, unrevoked release of this name that lists this program's measurement; null where there is none. */
  async release(name: string): Promise<string | null> {
    const view = this.members;
    if (view === null) return null;
    const keys = view.releasers.map(({ key }) => key);
    const revoked = await this.#revoked(keys);
    for (const jws of this.#of('EnclaveRelease')) {
      const release = await verify('EnclaveRelease', jws, keys).catch(() => null);
      if (
        release !== null &&
        release.value.name === name &&
        !revoked.has(release.digest) &&
        this.#fits(release.value)
      ) {
        return release.digest;
      }
    }
    return null;
  }

  #fits({ measurements, expires }: EnclaveRelease): boolean {
    const { platform, clock } = this.#ports;
    if (clock.now().toISOString() >= expires) return false;
    return measurements.some((entry) => isMeasurementOf(entry, platform));
  }

  async #revoked(keys: Parameters<typeof verify>[2]): Promise<ReadonlySet<string>> {
    const now = this.#ports.clock.now().toISOString();
    const revoked = new Set<string>();
    for (const jws of this.#of('ReleaseRevocation')) {
      const revocation = await verify('ReleaseRevocation', jws, keys).catch(() => null);
      if (revocation !== null && revocation.value.revokedAt <= now) revoked.add(revocation.value.release);
    }
    return revoked;
  }

  async #readPlan(jws: string): Promise<KnownPlan | null> {
    const judged = this.#judged.get(jws);
    if (judged !== undefined) return judged;
    const { value } = UNVERIFIED_kindOf(jws);
    const view = this.#views.find(({ membership }) => membership === memberOf(value, 'membership'));
    if (view === undefined) return null;
    const known = await this.#judgePlan(jws, view);
    this.#judged.set(jws, known);
    return known;
  }

  async #judgePlan(jws: string, view: FederationView): Promise<KnownPlan | null> {
    try {
      const { value } = UNVERIFIED_kindOf(jws);
      const researcher = requireResearcher(view, memberOf(value, 'researcher'));
      const plan = await verify('StudyPlan', jws, [researcher.signing]);
      return plan.value.federation === view.federation ? { plan, view } : null;
    } catch (error) {
      this.#ports.log({
        level: 'warn',
        code: 'plan-ignored',
        message: 'a plan that no researcher of the federation signed',
        cause: describeError(error).code,
      });
      return null;
    }
  }

  #keep(jws: string): void {
    try {
      const { kind } = UNVERIFIED_kindOf(jws);
      const kept = this.#records.get(kind) ?? [];
      if (!kept.includes(jws)) this.#records.set(kind, [...kept, jws]);
    } catch (error) {
      const cause = describeError(error).code;
      this.#ports.log({ level: 'warn', code: 'record-ignored', message: 'a record that cannot be read', cause });
    }
  }

  #of(kind: string): readonly string[] {
    return this.#records.get(kind) ?? [];
  }

  /** Every view from the genesis on: a plan names the one it was made under. */
  async #readViews(): Promise<void> {
    try {
      let view = this.#views[0] ?? (await foundFederation(this.#of('Genesis'), this.#wanted));
      const views = [view];
      for (;;) {
        const next = await applyMemberships(view, this.#successorsOf(view));
        if (next.membership === view.membership) break;
        views.push(next);
        view = next;
      }
      this.#views = views;
    } catch (error) {
      if (!(error instanceof WardroundError) || error.code !== 'genesis-incomplete') {
        const { code, message } = describeError(error);
        this.#ports.log({ level: 'error', code, message });
      }
    }
  }

  #successorsOf(view: FederationView): readonly string[] {
    return this.#of('Membership').filter(
      (jws) => memberOf(UNVERIFIED_kindOf(jws).value, 'predecessor') === view.membership,
    );
  }
}

/** A text member of an unverified value; empty where there is none. */
function memberOf(value: unknown, name: string): string {
  const members: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {};
  const member = members[name];
  return typeof member === 'string' ? member : '';
}
