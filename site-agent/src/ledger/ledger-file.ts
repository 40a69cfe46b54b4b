// The privacy ledger on disk: appended and fsynced before anything that relies on it leaves. One writer: the vault.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import type { LedgerEntry, Reservation } from '@wardround/privacy/ledger';
import { LedgerJournal, type LedgerStorage, type LedgerWitness } from '@wardround/privacy/ledger-journal';
import { syncDirectory } from '../config/durable-file.ts';

export type { LedgerWitness } from '@wardround/privacy/ledger-journal';

export class LedgerFile {
  readonly #journal: LedgerJournal;

  private constructor(journal: LedgerJournal) {
    this.#journal = journal;
  }

  /**
   * Opens the ledger, making an empty one. A line that was torn by a kill is cut off only where it was never acknowledged.
   *
   * @throws WardroundError `ledger-damaged`, `ledger-rolled-back` (entries that were acknowledged are missing or are others)
   */
  static async open(path: string, witness: LedgerWitness): Promise<LedgerFile> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    await file.close();
    const journal = await LedgerJournal.open({ storage: storageAt(path), witness, admit: () => undefined });
    await syncDirectory(dirname(path));
    return new LedgerFile(journal);
  }

  get entries(): readonly LedgerEntry[] {
    return this.#journal.entries;
  }

  /** Durable when this returns. The same approval again reserves nothing more. @throws WardroundError `ledger-write`, and the disk's errors */
  async reserve(reservation: Reservation): Promise<void> {
    await this.#journal.reserve(reservation);
  }
}

function storageAt(path: string): LedgerStorage {
  return {
    read: async () => await withFile(path, async (file) => new Uint8Array(await file.readFile())),
    append: async (bytes, offset) => await withFile(path, async (file) => await append(file, { path, bytes, offset })),
    cut: async (length) => {
      await withFile(path, async (file) => {
        await file.truncate(length);
        await file.sync();
      });
    },
  };
}

async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function append(
  file: FileHandle,
  { path, bytes, offset }: { path: string; bytes: Uint8Array; offset: number },
): Promise<void> {
  const { size } = await file.stat();
  if (size !== offset) {
    throw new WardroundError('ledger-write', 'somebody else wrote the ledger', { action: 'stop', where: path });
  }
  // A disk that fills up takes a part and says how much; only the next write fails.
  for (let written = 0; written < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.byteLength - written, offset + written);
    written += bytesWritten;
  }
  await file.sync();
}
