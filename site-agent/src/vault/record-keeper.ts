// Which of a study's records this site keeps on its own disk: what it signed, and what proves why. A coordinator that lost its store gets it back.
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { VaultPorts } from './ports.ts';

/** What only this site's own agent and witness sign; a record of these that this state never made was made by a clone, or before a restore. */
const machineKinds: ReadonlySet<DocumentKind> = new Set<DocumentKind>([
  'ResumeStatement',
  'EvidenceRequest',
  'Contribution',
  'Cosignature',
]);

/**
 * Keeps what stays: a site's records at once, an enclave's when this site verified it or a quorum cosigned a receipt of its session. What
 * anybody else made for a session of his own fills no disk; it is on the board, if it is needed after all.
 */
export class RecordKeeper {
  readonly #ports: VaultPorts;
  readonly #study: string;
  readonly #own = new Set<string>();
  /** What this process read from the disk: it is there. */
  readonly #stored = new Set<string>();
  /** Whether the board shows something that this site signed and this disk does not know. */
  restoredDisk = false;

  constructor(ports: VaultPorts, study: string) {
    this.#ports = ports;
    this.#study = study;
  }

  /** Reads back what was kept. Everything is verified again: the disk is not believed more than the board. */
  async restore(records: StudyRecords): Promise<void> {
    const kept = this.#ports.state.records(this.#study);
    for (const { own, digest } of kept) (own ? this.#own : this.#stored).add(digest);
    for (const { jws, kind, digest } of kept) {
      await records.add(jws).catch((error: unknown) => {
        if (!(error instanceof WardroundError)) throw error;
        this.#ports.log({ level: 'error', event: 'kept-record-refused', study: this.#study, code: error.code });
      });
      // It was vouched for when it was kept; that keeps its records together, and lets nothing through the gate.
      if (kind === 'SessionOpen') records.prove(digest);
    }
  }

  /** Durable when this returns. */
  keepOwn<K extends DocumentKind>({ kind, digest, jws }: Verified<K>): void {
    this.#own.add(digest);
    this.#ports.state.keepRecord({ topic: this.#study, kind, digest, jws, own: true });
  }

  /** A record that stays. What is on the disk already is kept once. */
  keep(record: Verified<DocumentKind>): void {
    const { kind, digest, jws } = record;
    if (this.#own.has(digest)) return;
    // What was found out before a restart stays found out.
    if (this.#isForeign(record)) this.restoredDisk = true;
    if (this.#stored.has(digest)) return;
    this.#ports.state.keepRecord({ topic: this.#study, kind, digest, jws, own: false });
  }

  /** Signed with this site's keys, and not by this disk. */
  #isForeign({ kind, digest, value }: Verified<DocumentKind>): boolean {
    return machineKinds.has(kind) && 'site' in value && value.site === this.#ports.site && !this.#own.has(digest);
  }
}
