// The ledger as it is written: a line is durable before its reservation is acknowledged, and what was acknowledged is never gone unseen.
import { utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type LedgerContents,
  type LedgerEntry,
  type LedgerHead,
  nextLine,
  readLedger,
  type Reservation,
  reservationOf,
} from './ledger.ts';

/** Where the lines lie. */
export interface LedgerStorage {
  read(): Promise<Uint8Array>;
  /**
   * Durable, all of it, when it returns; what fails may have been done in part.
   *
   * @throws WardroundError `ledger-write` where the end is not at `offset`: after a failure nobody knows how much was written, and unless it
   * was nothing, only a restart may judge and cut, for another may be writing
   */
  append(bytes: Uint8Array, offset: number): Promise<void>;
  /** Shortened to this length, and all that is left of it durable, when it returns. */
  cut(length: number): Promise<void>;
}

/** Where the last acknowledged entry is remembered, beside the ledger and durably: the witness against a ledger that was cut or replaced. */
export interface LedgerWitness {
  acknowledged(): LedgerHead | null;
  acknowledge(head: LedgerHead): void;
}

/** Asked about each new reservation before it is written; throws to refuse. */
export type Admission = (entries: readonly LedgerEntry[], next: Reservation) => void;

export interface JournalPorts {
  readonly storage: LedgerStorage;
  readonly witness: LedgerWitness;
  readonly admit: Admission;
}

export class LedgerJournal {
  readonly #ports: JournalPorts;
  #contents: LedgerContents;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ports: JournalPorts, contents: LedgerContents) {
    this.#ports = ports;
    this.#contents = contents;
  }

  /**
   * A line that was torn by a kill is cut off only where it was never acknowledged.
   *
   * @throws WardroundError `ledger-damaged`, `ledger-rolled-back` (entries that were acknowledged are missing or are others)
   */
  static async open(ports: JournalPorts): Promise<LedgerJournal> {
    return new LedgerJournal(ports, await load(ports));
  }

  get entries(): readonly LedgerEntry[] {
    return this.#contents.entries;
  }

  /**
   * Durable when this returns. The same approval again reserves nothing more. One at a time: two that would each fit alone may not fit together.
   *
   * @throws `ledger-write`, and whatever the storage or the admission throws; then nothing is acknowledged, though it may be written, and count
   */
  async reserve(reservation: Reservation): Promise<void> {
    const turn = this.#last.then(async () => await this.#reserve(reservation));
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async #reserve(reservation: Reservation): Promise<void> {
    const { witness, admit } = this.#ports;
    if (reservationOf(this.#contents.entries, reservation.approval) === undefined) {
      admit(this.#contents.entries, reservation);
      await this.#append(reservation);
    }
    // It may have been written before a kill and not acknowledged yet.
    witness.acknowledge(this.#contents.head);
  }

  async #append(reservation: Reservation): Promise<void> {
    const { entries, head: before, wholeLength } = this.#contents;
    const { line, body, head } = nextLine(before, reservation);
    const bytes = utf8(line);
    await this.#ports.storage.append(bytes, wholeLength);
    this.#contents = {
      entries: [...entries, body],
      head,
      wholeLength: wholeLength + bytes.byteLength,
      torn: false,
    };
  }
}

async function load({ storage, witness }: JournalPorts): Promise<LedgerContents> {
  const contents = readLedger(await storage.read());
  const acknowledged = witness.acknowledged();
  requireAcknowledged(contents, acknowledged);
  // A whole line that was never acknowledged counts, but may lie in memory only: it too is durable from here on.
  if (contents.torn || contents.head.hash !== acknowledged?.hash) await storage.cut(contents.wholeLength);
  return contents;
}

/** @throws as {@link LedgerJournal.open} */
function requireAcknowledged({ entries, head }: LedgerContents, acknowledged: LedgerHead | null): void {
  if (acknowledged === null || acknowledged.sequence === 0) return;
  const next = entries[acknowledged.sequence];
  const hash = acknowledged.sequence === head.sequence ? head.hash : next?.previous;
  if (hash === acknowledged.hash) return;
  throw new WardroundError('ledger-rolled-back', 'reservations that were acknowledged are not in the privacy ledger', {
    expected: `entry ${acknowledged.sequence} with hash ${acknowledged.hash}`,
    got: `${head.sequence} entries`,
    action: 'stop',
  });
}
