// The verified records of one study: whoever reads the board (site, enclave, researcher, auditor) sees them through this one door.
// A record is kept only if the key that must sign its kind signed it; the order in which records come does not matter.
import { type DocumentKind, type DocumentOf, documentKinds } from './documents/registry.ts';
import { UNVERIFIED_kindOf, verify, type Verified } from './documents/signed.ts';
import { WardroundError } from './errors.ts';
import { type FederationView, requireSite } from './federation-view.ts';
import { parseDocument } from './jws.ts';
import type { PublicKey } from './keys.ts';

type Records = { [K in DocumentKind]?: Map<string, Verified<K>> };
type SiteKeyName = 'approval' | 'agent' | 'witness';

const siteKinds = {
  Refusal: 'approval',
  Withdrawal: 'approval',
  ReleaseConsent: 'approval',
  ResumeStatement: 'agent',
  EvidenceRequest: 'agent',
  Contribution: 'agent',
  SiteStatus: 'agent',
  ModelRelease: 'agent',
  MaskKeys: 'agent',
  SurvivorSet: 'agent',
  Cosignature: 'witness',
} as const satisfies Partial<Record<DocumentKind, SiteKeyName>>;

const enclaveKinds: ReadonlySet<DocumentKind> = new Set([
  'EvidenceOffer',
  'RoundOrder',
  'ContributionRefusal',
  'RoundReceipt',
  'SealedModel',
  'StudyStop',
]);

/** Records that cannot be judged yet (their session is unknown) wait; a hostile board must not fill memory with them. */
const maxWaiting = 10_000;
const maxWaitingCharacters = 64 * 1024 * 1024;

/**
 * What a study's board says, verified. `add` takes each record once; `of` and `byDigest` read. The caller still owes every check that is
 * more than "this party signed this": rounds, nonces, evidence, consent.
 */
export class StudyRecords {
  readonly federation: FederationView;
  readonly plan: Verified<'StudyPlan'>;
  readonly #records: Records = {};
  readonly #seen = new Set<string>();
  #waiting: string[] = [];
  /** Their lengths together. */
  #waitingCharacters = 0;

  /** `federation` is the view that the plan's `membership` names: a study's keys do not change under it. */
  constructor({ federation, plan }: { federation: FederationView; plan: Verified<'StudyPlan'> }) {
    this.federation = federation;
    this.plan = plan;
  }

  get study(): string {
    return this.plan.digest;
  }

  /**
   * Verifies and keeps one record; true when anything became known that was not. A record of a session that is not known yet waits for it.
   *
   * @throws WardroundError `record-kind`, `record-study`, `member-unknown`, `record-roster`, `record-waiting`, and those of `verify`
   */
  async add(jws: string): Promise<boolean> {
    if (this.#seen.has(jws)) return false;
    const keys = this.#keysFor(jws);
    if (keys === null) {
      this.#wait(jws);
      return false;
    }
    await this.#keep(jws, keys);
    this.#seen.add(jws);
    // Nothing else is waited for: otherwise each record would cost a reading of all that wait.
    if (keys.kind === 'SessionChallenge' || keys.kind === 'SessionOpen') await this.#retryWaiting();
    return true;
  }

  /** All records of a kind, in order of arrival. */
  of<K extends DocumentKind>(kind: K): readonly Verified<K>[] {
    return [...this.#map(kind).values()];
  }

  byDigest<K extends DocumentKind>(kind: K, digest: string): Verified<K> | undefined {
    return this.#map(kind).get(digest);
  }

  #map<K extends DocumentKind>(kind: K): Map<string, Verified<K>> {
    const existing: Records[K] = this.#records[kind];
    if (existing !== undefined) return existing;
    const created = new Map<string, Verified<K>>();
    this.#records[kind] = created as NonNullable<Records[K]>;
    return created;
  }

  #wait(jws: string): void {
    if (this.#waiting.includes(jws)) return;
    const characters = this.#waitingCharacters + jws.length;
    if (this.#waiting.length >= maxWaiting || characters > maxWaitingCharacters) {
      throw new WardroundError('record-waiting', 'too many records name sessions that nobody opened', {
        expected: `at most ${maxWaiting}, of ${maxWaitingCharacters} characters`,
      });
    }
    this.#waiting.push(jws);
    this.#waitingCharacters = characters;
  }

  async #retryWaiting(): Promise<void> {
    for (let progress = true; progress;) {
      progress = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const jws of waiting) {
        const keys = this.#keysFor(jws);
        if (keys === null) {
          this.#waiting.push(jws);
          continue;
        }
        this.#waitingCharacters -= jws.length;
        // A record that turns out bad once its session is known is dropped: nobody is waiting for the error any more.
        progress =
          (await this.#keep(jws, keys).then(
            () => true,
            () => false,
          )) || progress;
        this.#seen.add(jws);
      }
    }
  }

  async #keep(jws: string, { kind, keys }: { kind: DocumentKind; keys: readonly PublicKey[] }): Promise<void> {
    const verified = await verify(kind, jws, keys);
    const map: Map<string, Verified<DocumentKind>> = this.#map(kind);
    if (!map.has(verified.digest)) map.set(verified.digest, verified);
  }

  /** The keys that may sign this record; null when that cannot be known yet. */
  #keysFor(jws: string): { kind: DocumentKind; keys: readonly PublicKey[] } | null {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    if (documentKinds[kind].topic !== 'study')
      throw new WardroundError('record-kind', 'not a record of a study', { got: kind });
    this.#requireThisStudy(value);
    if (kind === 'Approval') return { kind, keys: this.#approvalKeys(parse('Approval', value)) };
    if (kind === 'SessionChallenge') return { kind, keys: [parse('SessionChallenge', value).receiptKey] };
    if (kind === 'SessionOpen') return this.#sessionOpenKeys(parse('SessionOpen', value));
    if (enclaveKinds.has(kind)) return this.#enclaveKeys(kind, value);
    const keyName: SiteKeyName | undefined = Object.hasOwn(siteKinds, kind)
      ? siteKinds[kind as keyof typeof siteKinds]
      : undefined;
    if (keyName === undefined)
      throw new WardroundError('record-kind', 'nobody signs this kind in a study', { got: kind });
    return { kind, keys: [this.#rosterSite(siteNameOf(value)).keys[keyName]] };
  }

  #requireThisStudy(value: unknown): void {
    const { study, federation } = readNames(value);
    if (study !== this.study || federation !== this.federation.federation) {
      throw new WardroundError('record-study', 'a record of another study or federation', {
        expected: `${this.federation.federation} ${this.study}`,
        got: `${federation} ${study}`,
      });
    }
  }

  #approvalKeys(approval: DocumentOf<'Approval'>): readonly PublicKey[] {
    const { keys } = this.#rosterSite(approval.site);
    return approval.under.authority === 'person' ? [keys.approval] : [keys.agent];
  }

  #sessionOpenKeys(open: DocumentOf<'SessionOpen'>): { kind: 'SessionOpen'; keys: readonly PublicKey[] } | null {
    const challenge = this.byDigest('SessionChallenge', open.challenge);
    if (challenge === undefined) return null;
    if (challenge.value.receiptKey.x !== open.receiptKey.x) {
      throw new WardroundError(
        'session-key',
        'the session was opened with another receipt key than it challenged with',
        { action: 'stop' },
      );
    }
    return { kind: 'SessionOpen', keys: [open.receiptKey] };
  }

  #enclaveKeys(kind: DocumentKind, value: unknown): { kind: DocumentKind; keys: readonly PublicKey[] } | null {
    const open = this.byDigest('SessionOpen', readNames(value).session);
    return open === undefined ? null : { kind, keys: [open.value.receiptKey] };
  }

  #rosterSite(name: string): ReturnType<typeof requireSite> {
    if (!this.plan.value.sites.roster.some((entry) => entry.name === name)) {
      throw new WardroundError('record-roster', 'not a site of this study', {
        expected: this.plan.value.sites.roster.map((entry) => entry.name).join(', '),
        got: name,
      });
    }
    return requireSite(this.federation, name);
  }
}

function parse<K extends 'Approval' | 'SessionChallenge' | 'SessionOpen'>(kind: K, value: unknown): DocumentOf<K> {
  parseDocument<unknown>({ kind, schema: documentKinds[kind].schema, value });
  return value as DocumentOf<K>;
}

function siteNameOf(value: unknown): string {
  return readNames(value).site;
}

/** The names by which a record is routed, read without trust; the schema is applied when its signature is verified. */
function readNames(value: unknown): { study: string; federation: string; session: string; site: string } {
  const record: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {};
  const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '');
  return { study: text('study'), federation: text('federation'), session: text('session'), site: text('site') };
}
