// The privacy ledger on disk: appended and fsynced before anything that relies on it leaves. One writer: the vault.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type LedgerContents,
  type LedgerEntry,
  type LedgerHead,
  nextLine,
  readLedger,
  type Reservation,
  reservationOf,
} from '@wardround/privacy/ledger';
import { syncDirectory } from '../config/durable-file.ts';

/** Where the last acknowledged entry is remembered, beside the ledger and durably: the witness against a ledger that was cut or replaced. */
export interface LedgerWitness {
  acknowledged(): LedgerHead | null;
  acknowledge(head: LedgerHead): void;
}

export class LedgerFile {
  readonly #path: string;
  readonly #witness: LedgerWitness;
  #entries: readonly LedgerEntry[];
  #head: LedgerHead;
  #length: number;

  private constructor(path: string, witness: LedgerWitness, contents: LedgerContents) {
    this.#path = path;
    this.#witness = witness;
    this.#entries = contents.entries;
    this.#head = contents.head;
    this.#length = contents.wholeLength;
  }

  /**
   * Opens the ledger, making an empty one. A line that was torn by a kill is cut off only where it was never acknowledged.
   *
   * @throws WardroundError `ledger-damaged`, `ledger-rolled-back` (entries that were acknowledged are missing or are others)
   */
  static async open(path: string, witness: LedgerWitness): Promise<LedgerFile> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      const contents = readLedger(await file.readFile());
      requireAcknowledged(contents, witness.acknowledged());
      if (contents.torn) await cut(file, contents.wholeLength);
      await syncDirectory(dirname(path));
      return new LedgerFile(path, witness, contents);
    } finally {
      await file.close();
    }
  }

  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  /** Durable when this returns. The same approval again reserves nothing more. @throws WardroundError `ledger-write` */
  async reserve(reservation: Reservation): Promise<void> {
    if (reservationOf(this.#entries, reservation.approval) !== undefined) {
      // It may have been written before a kill and not acknowledged yet.
      this.#witness.acknowledge(this.#head);
      return;
    }
    const { line, body, head } = nextLine(this.#head, reservation);
    const bytes = Buffer.from(line, 'utf8');
    await this.#append(bytes);
    this.#entries = [...this.#entries, body];
    this.#head = head;
    this.#length += bytes.byteLength;
    this.#witness.acknowledge(head);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const file = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      if (size !== this.#length) {
        throw new WardroundError('ledger-write', 'somebody else wrote the ledger', {
          action: 'stop',
          where: this.#path,
        });
      }
      await file.write(bytes, 0, bytes.byteLength, this.#length);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/** @throws as {@link LedgerFile.open} */
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

async function cut(file: FileHandle, length: number): Promise<void> {
  await file.truncate(length);
  await file.sync();
}
