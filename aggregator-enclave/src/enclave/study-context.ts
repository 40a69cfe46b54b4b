// What every step of one study's work needs: its plan and records, its numbers, and the one way to say something on its board.
import { toHex } from '@wardround/protocol/bytes';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { describeError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { SigningKey } from '@wardround/protocol/keys';
import { quorum } from '@wardround/protocol/quorum';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { type RoundTask, roundTask } from '@wardround/learning/rounds/round-task';
import { validApprovals, type VerifiedApproval } from './approvals.ts';
import type { LogEntry, Ports, Settings } from './ports.ts';

export class StudyContext {
  readonly ports: Ports;
  readonly settings: Settings;
  readonly records: StudyRecords;
  readonly plan: StudyPlan;
  /** q of the roster. */
  readonly quorum: number;
  readonly #members: () => FederationView;
  /** What this process said in this study, to be said again when the board forgets. */
  readonly #published: string[] = [];

  constructor(parts: { ports: Ports; settings: Settings; records: StudyRecords; members: () => FederationView }) {
    this.ports = parts.ports;
    this.settings = parts.settings;
    this.records = parts.records;
    this.plan = parts.records.plan.value;
    this.quorum = quorum(this.plan.sites.roster.length, parts.records.federation.colludingSites);
    this.#members = parts.members;
  }

  get study(): string {
    return this.records.study;
  }

  /** The names that begin every document of the study. */
  get names(): { federation: string; study: string } {
    return { federation: this.records.federation.federation, study: this.study };
  }

  /** The newest view of the federation. */
  get members(): FederationView {
    return this.#members();
  }

  /** What a round asks of every site, and what its sums become. @throws WardroundError those of `roundTask` */
  taskOf(round: number): RoundTask {
    return roundTask(this.plan, round);
  }

  now(): Date {
    return this.ports.clock.now();
  }

  after(milliseconds: number): Date {
    return new Date(this.now().getTime() + milliseconds);
  }

  nonce(): string {
    return toHex(this.ports.randomness(32));
  }

  approvals(): ReadonlyMap<string, VerifiedApproval> {
    return validApprovals({ records: this.records, members: this.members, now: this.now() });
  }

  log(entry: LogEntry): void {
    this.ports.log({ study: this.study, ...entry });
  }

  /** Signs, keeps, and puts on the board. The board's answer decides nothing: what it loses is said again. */
  async publish<K extends DocumentKind>(kind: K, value: DocumentOf<K>, key: SigningKey): Promise<Verified<K>> {
    const signed = await sign(kind, value, key);
    await this.records.add(signed.jws);
    if (kind === 'SessionOpen') this.records.prove(signed.digest);
    this.#published.push(signed.jws);
    await this.#put(signed.jws);
    return signed;
  }

  /** Everything that this process said, for a board that lost it; repeating is harmless. */
  async publishAgain(): Promise<void> {
    for (const jws of this.#published) await this.#put(jws);
  }

  async #put(jws: string): Promise<void> {
    try {
      await this.ports.relay.board.publish(this.study, jws);
    } catch (error) {
      this.log({
        level: 'warn',
        code: 'publish-failed',
        message: 'the coordinator did not take a record; it is sent again when the connection is back',
        cause: describeError(error).code,
      });
      this.#unsent = true;
    }
  }

  #unsent = false;

  /** Sends again what failed. True when something still has not arrived. */
  async sendUnsent(): Promise<boolean> {
    if (this.#unsent) {
      this.#unsent = false;
      await this.publishAgain();
    }
    return this.#unsent;
  }
}
