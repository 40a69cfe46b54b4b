// Which of a study's records this site keeps on its own disk: what it signed, and what proves why. A coordinator that lost its store gets it back.
import { type DocumentKind, documentKinds } from '@wardround/protocol/documents/registry';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { VaultPorts } from './ports.ts';

const studyKinds: readonly DocumentKind[] = Object.entries(documentKinds).flatMap(([kind, { topic }]) =>
  topic === 'study' && isKind(kind) ? [kind] : [],
);

function isKind(kind: string): kind is DocumentKind {
  return Object.hasOwn(documentKinds, kind);
}

/** What only this site's own agent and witness sign; a record of these that this state never made was made by a clone, or before a restore. */
const machineKinds: ReadonlySet<DocumentKind> = new Set<DocumentKind>([
  'ResumeStatement',
  'EvidenceRequest',
  'Contribution',
  'Cosignature',
]);

export class RecordKeeper {
  readonly #ports: VaultPorts;
  readonly #records: StudyRecords;
  readonly #kept = new Map<DocumentKind, number>();
  readonly #own = new Set<string>();
  /** Whether the board shows something that this site signed and this disk does not know. */
  restoredDisk = false;

  constructor(ports: VaultPorts, records: StudyRecords) {
    this.#ports = ports;
    this.#records = records;
  }

  /** Reads back what was kept. Everything is verified again: the disk is not believed more than the board. */
  async restore(): Promise<void> {
    for (const { jws, own, digest } of this.#ports.state.records(this.#records.study)) {
      if (own) this.#own.add(digest);
      await this.#records.add(jws).catch((error: unknown) => {
        if (!(error instanceof WardroundError)) throw error;
        this.#ports.log({ level: 'error', event: 'kept-record-refused', study: this.#records.study, code: error.code });
      });
    }
    for (const kind of studyKinds) this.#kept.set(kind, this.#records.of(kind).length);
    // What was found out before a restart stays found out.
    const kept = [...machineKinds].flatMap((kind): readonly Verified<DocumentKind>[] => this.#records.of(kind));
    this.restoredDisk = kept.some((record) => this.#isForeign(record));
  }

  /** Durable when this returns. */
  keepOwn<K extends DocumentKind>({ kind, digest, jws }: Verified<K>): void {
    this.#own.add(digest);
    this.#ports.state.keepRecord({ topic: this.#records.study, kind, digest, jws, own: true });
  }

  /** Keeps what became known since the last time. */
  keepNew(): void {
    for (const kind of studyKinds) {
      const all = this.#records.of(kind);
      for (const record of all.slice(this.#kept.get(kind) ?? 0)) this.#keepOther(record);
      this.#kept.set(kind, all.length);
    }
  }

  #keepOther(record: Verified<DocumentKind>): void {
    const { kind, digest, jws, value } = record;
    if (this.#own.has(digest)) return;
    const site = 'site' in value ? value.site : null;
    if (this.#isForeign(record)) this.restoredDisk = true;
    // Evidence for other sites' nonces is large, and proves nothing to this one.
    if (kind === 'EvidenceOffer' && site !== this.#ports.site) return;
    this.#ports.state.keepRecord({ topic: this.#records.study, kind, digest, jws, own: false });
  }

  /** Signed with this site's keys, and not by this disk. */
  #isForeign({ kind, digest, value }: Verified<DocumentKind>): boolean {
    return machineKinds.has(kind) && 'site' in value && value.site === this.#ports.site && !this.#own.has(digest);
  }
}
