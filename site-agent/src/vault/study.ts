// One study at this site: its verified records, what was sealed and closed, and the steps that are owed next. Level-triggered: each step looks
// at what is known and done, so a kill, a repeated or a reordered record needs no case of its own.
import { reservationOf } from '@wardround/privacy/ledger';
import type { Policy } from '@wardround/attestation/policy/policy';
import { leavesOutChecks } from '@wardround/attestation/policy/weaknesses';
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { sign, UNVERIFIED_kindOf, type Verified } from '@wardround/protocol/documents/signed';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { StudyRecords } from '@wardround/protocol/study-records';
import { newestApproval } from '../gate/approval-check.ts';
import { type Chain, chainOf } from '../gate/chain.ts';
import type { AttestedSession } from '../gate/enclave-check.ts';
import { GateRefusal, type SiteStatusCode } from '../gate/refusal.ts';
import type { GateView, OwnCheckpoint } from '../gate/view.ts';
import type { FederationBook } from './federation-book.ts';
import type { InitialCheckpoint, StudyData } from './learner.ts';
import type { LogEvent, VaultPorts } from './ports.ts';
import { RecordKeeper } from './record-keeper.ts';
import { Retries } from './retries.ts';

export interface Saying {
  readonly session: string | null;
  readonly round: number | null;
  readonly attempt: number | null;
}

export interface Check {
  readonly code: string;
  readonly at: string;
  readonly detail: string;
}

/** What a status says, as it is remembered. */
function nameOf(code: string, check: string | null, { session, round, attempt }: Saying): string {
  return [code, check, session, round, attempt].join(' ');
}

function waiversOf(policy: Policy): readonly Weakness[] {
  return leavesOutChecks(policy) ? ['policyWaiver'] : [];
}

export class Study {
  readonly ports: VaultPorts;
  readonly book: FederationBook;
  readonly records: StudyRecords;
  /** Sessions that passed the gate at least once in this process. Consent asks again each time; this only says whom to listen to. */
  readonly sessions = new Map<string, AttestedSession>();
  /** When this process first looked at a session, in milliseconds. */
  readonly sessionsSince = new Map<string, number>();
  /** What was refused here, and when it is looked at again. */
  readonly retries = new Retries();
  readonly #keeper: RecordKeeper;
  readonly #published: () => void;
  #initial: InitialCheckpoint | null = null;
  #data: Promise<StudyData> | null = null;
  #dataFor: string | null = null;
  #heard = 0;
  /** What this process itself said. */
  readonly #said = new Set<string>();
  /** Refusals that were said before this process started, and hold still. */
  readonly #stillRefused = new Set<string>();
  #hasSummed = false;
  #chain: { readonly receipts: number; readonly cosignatures: number; readonly chain: Chain } | null = null;
  check: Check | null = null;

  private constructor(parts: {
    ports: VaultPorts;
    book: FederationBook;
    records: StudyRecords;
    keeper: RecordKeeper;
    published: () => void;
  }) {
    this.ports = parts.ports;
    this.book = parts.book;
    this.records = parts.records;
    this.#keeper = parts.keeper;
    this.#published = parts.published;
  }

  /** The study as this site left it. @param published called when a record is owed to the board */
  static async open(parts: {
    ports: VaultPorts;
    book: FederationBook;
    plan: Verified<'StudyPlan'>;
    federation: FederationView;
    published: () => void;
  }): Promise<Study> {
    const { plan, federation, ...rest } = parts;
    const keeper = new RecordKeeper(rest.ports, plan.digest);
    const onLasting = (record: Verified<DocumentKind>): void => keeper.keep(record);
    const records = new StudyRecords({ federation, plan, site: rest.ports.site, onLasting });
    await keeper.restore(records);
    return new Study({ ...rest, records, keeper });
  }

  get digest(): string {
    return this.records.study;
  }
  get site(): string {
    return this.ports.site;
  }
  get plan(): Verified<'StudyPlan'>['value'] {
    return this.records.plan.value;
  }

  /** Computed when it is first needed, which is after a person approved: a plan alone must cost no site the memory of its model. */
  get initial(): InitialCheckpoint {
    this.#initial ??= this.ports.learner.initial(this.plan);
    return this.#initial;
  }

  /** Takes one record of the board. Whatever does not verify is passed over: anybody may write there. */
  async receive(jws: string): Promise<boolean> {
    try {
      if (!(await this.records.add(jws))) return false;
    } catch (error) {
      if (!(error instanceof WardroundError)) throw error;
      this.ports.log({ level: 'debug', event: 'record-refused', study: this.digest, code: error.code });
      return false;
    }
    this.#hear(UNVERIFIED_kindOf(jws).kind);
    return true;
  }

  /** Makes a document that this site signed durable, and only then owes it to the board. */
  async state<K extends DocumentKind>(document: Verified<K>): Promise<void> {
    this.#keeper.keepOwn(document);
    await this.records.add(document.jws);
    this.#hear(document.kind);
    this.#published();
  }

  /** Statuses say what somebody made of the other records; nothing is judged by them. */
  #hear(kind: DocumentKind): void {
    if (kind !== 'SiteStatus') this.#heard += 1;
  }

  /** Begins a pass: what was refused is due at once where a record, the federation or the policy changed since. */
  async look(): Promise<void> {
    const policy = await this.ports.policy().then(
      (read) => JSON.stringify(read),
      (error: unknown) => describeError(error).code,
    );
    this.retries.look({ basis: `${this.#heard} ${this.book.size} ${policy}`, now: this.ports.now() });
  }

  /** Whether the board shows that this disk is an old copy, or that another one signs in this site's name. Then nothing is signed. */
  get restoredDisk(): boolean {
    return this.#keeper.restoredDisk;
  }

  /** One status, said once. */
  async say(code: SiteStatusCode, check: string | null, about: Saying): Promise<void> {
    const { session, round, attempt } = about;
    const what = nameOf(code, check, about);
    if (this.ports.state.hasSaid(this.digest, what)) return;
    this.#said.add(what);
    const names = { federation: this.records.federation.federation, study: this.digest, site: this.site };
    const statedAt = this.ports.now().toISOString();
    const status = await sign(
      'SiteStatus',
      { kind: 'SiteStatus', version: 1, ...names, session, round, attempt, code, check, statedAt },
      this.ports.keys.agent,
    );
    await this.state(status);
    this.ports.state.sayOnce(this.digest, what);
  }

  /** A refusal at the gate, of the record `subject`: said to the others once, and to the people here. Anything else goes on to the caller. */
  async refuse(error: unknown, subject: string, about: Saying): Promise<void> {
    if (!(error instanceof GateRefusal)) throw error;
    const { session, round, attempt } = about;
    const what = nameOf(error.status, error.code, about);
    const isOld = this.ports.state.hasSaid(this.digest, what) && !this.#said.has(what);
    if (isOld) this.#stillRefused.add(what);
    this.failed(error, {
      subject,
      event: error.status,
      level: isOld ? 'debug' : 'warn',
      about: {
        ...(session === null ? {} : { session }),
        ...(round === null ? {} : { round }),
        ...(attempt === null ? {} : { attempt }),
      },
    });
    await this.say(error.status, error.code, about);
  }

  /** What failed is shown to people as long as it does; the log has it once, and again when the reason becomes another. */
  failed(
    { code, message }: WardroundError,
    {
      subject,
      event,
      level = 'warn',
      about = {},
    }: {
      readonly subject: string;
      readonly event: string;
      readonly level?: 'debug' | 'warn' | 'error';
      readonly about?: Pick<LogEvent, 'session' | 'round' | 'attempt'>;
    },
  ): void {
    if (this.check?.code !== code || this.check.detail !== message)
      this.check = { code, at: this.ports.now().toISOString(), detail: message };
    if (this.retries.failed(subject, code))
      this.ports.log({ level, event, study: this.digest, code, detail: message, ...about });
  }

  /** Ends a pass. A process that starts anew judges anew what was refused before it: one line says so, not one for each. */
  sumUp(): void {
    if (this.#hasSummed || this.#stillRefused.size === 0) return;
    this.#hasSummed = true;
    const detail = `${this.#stillRefused.size} from before this start`;
    this.ports.log({ level: 'info', event: 'refusals-hold', study: this.digest, detail });
  }

  chain(): Chain {
    const receipts = this.records.revisionOf('RoundReceipt');
    const cosignatures = this.records.revisionOf('Cosignature');
    if (this.#chain?.receipts !== receipts || this.#chain.cosignatures !== cosignatures) {
      this.#chain = { receipts, cosignatures, chain: chainOf(this.records, this.site) };
    }
    return this.#chain.chain;
  }

  /** Everything that the gate judges by, as it is at this moment. */
  async view(): Promise<GateView> {
    const { ports, book, records } = this;
    const policy = await ports.policy();
    const now = ports.now();
    return {
      site: this.site,
      records,
      newest: book.newest,
      memberships: book.memberships,
      releases: book.releases,
      revocations: book.revocations,
      policy,
      mirror: await ports.mirror(policy, now),
      chain: this.chain(),
      nonces: (purpose) => ports.state.nonces(purpose).filter(({ study }) => study === this.digest),
      sealings: ports.state.sealings(this.digest),
      held: this.held(),
      reserved: (approval) => reservationOf(ports.ledger.entries, approval) !== undefined,
      weaknesses: [...ports.weaknesses, ...waiversOf(policy)],
      now,
    };
  }

  /** Round 0, which this site computed from the plan, and checkpoints of closed rounds. */
  held(): readonly OwnCheckpoint[] {
    const chain = this.chain();
    const received = this.ports.state.checkpoints(this.digest).flatMap(({ round, checkpoint }) => {
      const closed = chain[round - 1];
      return closed?.checkpoint === checkpoint ? [{ round, checkpoint, model: closed.model }] : [];
    });
    return [{ round: 0, checkpoint: this.initial.checkpoint, model: this.initial.model }, ...received];
  }

  /**
   * The rows behind the approval in force.
   *
   * @throws WardroundError `snapshot-choice` where the approval commits to no snapshot of this site, `snapshot-*`, `cohort-*`
   */
  async data(): Promise<StudyData> {
    const commitment = newestApproval(this.records, this.site)?.value.snapshotCommitment ?? null;
    if (this.#data === null || this.#dataFor !== commitment) {
      this.#dataFor = commitment;
      this.#data = this.#load(commitment);
      // A failed try is not kept: the file may be back at the next.
      this.#data.catch(() => {
        this.#data = null;
      });
    }
    return await this.#data;
  }

  async #load(commitment: string | null): Promise<StudyData> {
    const choice = (await this.ports.files.readChoices(this.digest)).find((known) => known.commitment === commitment);
    if (choice === undefined) {
      throw new WardroundError('snapshot-choice', 'the approval commits to a snapshot that this site does not have', {
        action: 'stop',
      });
    }
    const { digest } = choice;
    return await this.ports.learner.load({ path: this.ports.files.snapshotPath(digest), digest }, this.plan);
  }
}
