// The verified records of one study: whoever reads the board (site, enclave, researcher, auditor) sees them through this one door.
// A record is kept only if the key that must sign its kind signed it; the order in which records come does not matter.
import { type DocumentKind, type DocumentOf, documentKinds } from './documents/registry.ts';
import { UNVERIFIED_kindOf, verify, type Verified } from './documents/signed.ts';
import { WardroundError } from './errors.ts';
import { type FederationView, requireSite } from './federation-view.ts';
import { parseDocument } from './jws.ts';
import type { PublicKey } from './keys.ts';
import { quorum } from './quorum.ts';
import { SessionShelf } from './session-shelf.ts';
import { SiteBudget } from './site-budget.ts';
import { WaitingRoom } from './waiting-room.ts';

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
  'RoundResult',
  'StudyStop',
]);

export interface StudyRecordsParts {
  /** The view that the plan's `membership` names: a study's keys do not change under it. */
  readonly federation: FederationView;
  readonly plan: Verified<'StudyPlan'>;
  /** Whose records these are: offers of evidence to other sites are large, prove nothing to this one, and are passed over. */
  readonly site?: string;
  /** Called once with each record that stays: a site's at once, a session's when somebody vouches for it. */
  readonly onLasting?: (record: Verified<DocumentKind>) => void;
}

/** Who must have signed a record, or which record must be known first to say so. */
type Judged =
  | { readonly kind: DocumentKind; readonly keys: readonly PublicKey[]; readonly owner: Owner }
  | { readonly waitsFor: string };

/** Whose place a record takes; a challenge makes a place of its own. */
type Owner = { readonly site: string } | { readonly challenge: string } | null;

/**
 * What a study's board says, verified. `add` takes each record once; `of` and `byDigest` read. The caller still owes every check that is
 * more than "this party signed this": rounds, nonces, evidence, consent.
 *
 * Sessions that neither the caller (`prove`) nor a quorum's cosignatures vouch for are kept within bounds, and may be given up again.
 */
export class StudyRecords {
  readonly federation: FederationView;
  readonly plan: Verified<'StudyPlan'>;
  readonly #parts: StudyRecordsParts;
  readonly #records: Records = {};
  readonly #seen = new Set<string>();
  readonly #waiting = new WaitingRoom();
  readonly #shelf: SessionShelf;
  readonly #sites: SiteBudget;
  /** Who answered each challenge, and who cosigned each receipt. */
  readonly #answers = new Map<string, Set<string>>();
  readonly #cosigners = new Map<string, Set<string>>();
  readonly #revisions = new Map<DocumentKind, number>();

  constructor(parts: StudyRecordsParts) {
    this.#parts = parts;
    this.federation = parts.federation;
    this.plan = parts.plan;
    this.#sites = new SiteBudget(parts.plan.value);
    this.#shelf = new SessionShelf((challenge, records) => ({
      cosigned: Math.max(0, ...records.map(({ digest }) => this.#cosigners.get(digest)?.size ?? 0)),
      answered: this.#answers.get(challenge)?.size ?? 0,
    }));
  }

  get study(): string {
    return this.plan.digest;
  }

  /**
   * Verifies and keeps one record; true when anything became known that was not. A record of a session that is not known yet waits for it.
   *
   * @throws WardroundError `record-kind`, `record-study`, `member-unknown`, `record-roster`, `record-waiting`, `record-flood`,
   * `session-flood`, and those of `verify`
   */
  async add(jws: string): Promise<boolean> {
    if (this.#seen.has(jws)) return false;
    const judged = this.#judge(jws);
    if (judged === null) return false;
    if ('waitsFor' in judged) {
      this.#waiting.put(jws, judged.waitsFor);
      return false;
    }
    const kept = await this.#keep(jws, judged);
    if (kept !== null) await this.#takeWaiting(kept.digest);
    return kept !== null;
  }

  /** All records of a kind, in order of arrival. */
  of<K extends DocumentKind>(kind: K): readonly Verified<K>[] {
    return [...this.#map(kind).values()];
  }

  byDigest<K extends DocumentKind>(kind: K, digest: string): Verified<K> | undefined {
    return this.#map(kind).get(digest);
  }

  /** A number that becomes another whenever records of this kind come or go. */
  revisionOf(kind: DocumentKind): number {
    return this.#revisions.get(kind) ?? 0;
  }

  /** The caller vouches for this session (digest of its SessionOpen): it verified its enclave, is it, or knew it before. */
  prove(session: string): void {
    const open = this.byDigest('SessionOpen', session);
    if (open !== undefined) this.#prove(open.value.challenge);
  }

  #map<K extends DocumentKind>(kind: K): Map<string, Verified<K>> {
    const existing: Records[K] = this.#records[kind];
    if (existing !== undefined) return existing;
    const created = new Map<string, Verified<K>>();
    this.#records[kind] = created as NonNullable<Records[K]>;
    return created;
  }

  /** What waited for this record, and what waited for that. Of one that turns out bad nobody waits for the error any more. */
  async #takeWaiting(digest: string): Promise<void> {
    const ready = [...this.#waiting.takeAll(digest)];
    for (const jws of ready) {
      const kept = await this.#keepWaiting(jws).catch(() => null);
      if (kept !== null) ready.push(...this.#waiting.takeAll(kept.digest));
    }
  }

  async #keepWaiting(jws: string): Promise<Verified<DocumentKind> | null> {
    const judged = this.#judge(jws);
    return judged === null || 'waitsFor' in judged ? null : await this.#keep(jws, judged);
  }

  /** Null where it is known, or was given up at once. */
  async #keep(
    jws: string,
    { kind, keys, owner }: Extract<Judged, { kind: DocumentKind }>,
  ): Promise<Verified<DocumentKind> | null> {
    if (owner !== null && 'site' in owner) this.#sites.requirePlace(owner.site, kind, jws.length);
    else if (owner !== null) this.#shelf.requirePlace(owner.challenge, kind, jws.length);
    const verified: Verified<DocumentKind> = await verify(kind, jws, keys);
    const map: Map<string, Verified<DocumentKind>> = this.#map(kind);
    if (map.has(verified.digest)) return null;
    map.set(verified.digest, verified);
    this.#seen.add(jws);
    this.#changed(kind);
    if (owner !== null && 'site' in owner) this.#keepOfSite(verified, owner.site);
    else this.#keepOfSession(verified, owner?.challenge ?? verified.digest);
    return map.has(verified.digest) ? verified : null;
  }

  #keepOfSite(record: Verified<DocumentKind>, site: string): void {
    this.#sites.take(site, record.kind, record.jws.length);
    if (isKind(record, 'ResumeStatement')) note(this.#answers, record.value.challenge, site);
    if (isKind(record, 'Cosignature')) {
      note(this.#cosigners, record.value.receipt, site);
      this.#proveByReceipt(record.value.receipt);
    }
    this.#parts.onLasting?.(record);
  }

  #keepOfSession(record: Verified<DocumentKind>, challenge: string): void {
    if (this.#shelf.isProven(challenge)) {
      this.#parts.onLasting?.(record);
      return;
    }
    for (const { kind, digest, jws } of this.#shelf.put(challenge, record)) {
      this.#map(kind).delete(digest);
      this.#seen.delete(jws);
      this.#changed(kind);
    }
    if (record.kind === 'RoundReceipt') this.#proveByReceipt(record.digest);
  }

  /** A quorum cosigned it, honest sites among them: each verified the enclave. */
  #proveByReceipt(digest: string): void {
    const { roster } = this.plan.value.sites;
    const needed = quorum(roster.length, this.federation.colludingSites);
    if ((this.#cosigners.get(digest)?.size ?? 0) < needed) return;
    const receipt = this.byDigest('RoundReceipt', digest);
    if (receipt !== undefined) this.prove(receipt.value.session);
  }

  #prove(challenge: string): void {
    if (this.#shelf.isProven(challenge)) return;
    for (const record of this.#shelf.prove(challenge)) this.#parts.onLasting?.(record);
  }

  #changed(kind: DocumentKind): void {
    this.#revisions.set(kind, this.revisionOf(kind) + 1);
  }

  /** Null for what is passed over. */
  #judge(jws: string): Judged | null {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    if (documentKinds[kind].topic !== 'study')
      throw new WardroundError('record-kind', 'not a record of a study', { got: kind });
    this.#requireThisStudy(value);
    const { site, session } = readNames(value);
    if (kind === 'Approval') {
      return { kind, keys: this.#approvalKeys(parse('Approval', value)), owner: { site } };
    }
    if (kind === 'SessionChallenge') return { kind, keys: [parse('SessionChallenge', value).receiptKey], owner: null };
    if (kind === 'SessionOpen') return this.#judgeSessionOpen(parse('SessionOpen', value));
    if (kind === 'EvidenceOffer' && this.#parts.site !== undefined && site !== this.#parts.site) return null;
    if (enclaveKinds.has(kind)) return this.#judgeEnclaves(kind, session);
    const keyName: SiteKeyName | undefined = Object.hasOwn(siteKinds, kind)
      ? siteKinds[kind as keyof typeof siteKinds]
      : undefined;
    if (keyName === undefined)
      throw new WardroundError('record-kind', 'nobody signs this kind in a study', { got: kind });
    return { kind, keys: [this.#rosterSite(site).keys[keyName]], owner: { site } };
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

  #judgeSessionOpen(open: DocumentOf<'SessionOpen'>): Judged {
    const challenge = this.byDigest('SessionChallenge', open.challenge);
    if (challenge === undefined) return { waitsFor: open.challenge };
    if (challenge.value.receiptKey.x !== open.receiptKey.x) {
      throw new WardroundError(
        'session-key',
        'the session was opened with another receipt key than it challenged with',
        { action: 'stop' },
      );
    }
    return { kind: 'SessionOpen', keys: [open.receiptKey], owner: { challenge: open.challenge } };
  }

  #judgeEnclaves(kind: DocumentKind, session: string): Judged {
    const open = this.byDigest('SessionOpen', session);
    if (open === undefined) return { waitsFor: session };
    return { kind, keys: [open.value.receiptKey], owner: { challenge: open.value.challenge } };
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

function isKind<K extends DocumentKind>(record: Verified<DocumentKind>, kind: K): record is Verified<K> {
  return record.kind === kind;
}

function note(map: Map<string, Set<string>>, name: string, site: string): void {
  map.set(name, (map.get(name) ?? new Set()).add(site));
}

/** The names by which a record is routed, read without trust; the schema is applied when its signature is verified. */
function readNames(value: unknown): { study: string; federation: string; session: string; site: string } {
  const record: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {};
  const text = (name: string): string => (typeof record[name] === 'string' ? record[name] : '');
  return { study: text('study'), federation: text('federation'), session: text('session'), site: text('site') };
}
