// What the enclave needs of the world, and all that it gets: no socket, no file, no clock of its own. Every one of these is hostile but
// the randomness and the hardware.
import type { Endorsement, EvidenceItem } from '@wardround/attestation/evidence';
import type { Bytes } from '@wardround/protocol/bytes';
import type { Relay } from '@wardround/protocol/relay-port';

export interface Clock {
  /** Decides liveness only: deadlines, pauses. A host that lies about it can delay and drop sites, nothing else. */
  now(): Date;
  /** Resolves at `until` (null: never by itself) or when `signal` aborts. */
  sleep(until: Date | null, signal: AbortSignal): Promise<void>;
}

/** The GPUs of this machine. Asked before the CPU, whose report binds what they said. */
export interface GpuCollector {
  /** One item for each device (`nvidiaGpu`, `nvSwitch`), over a nonce of 32 bytes. Their endorsements come with the platform's. */
  attest(nonce: Bytes): Promise<readonly EvidenceItem[]>;
  /** What somebody else says of these very items, where the machine is set up to ask. Nobody believes it: sites verify it. */
  endorse?(nonce: Bytes, items: readonly EvidenceItem[]): Promise<readonly Endorsement[]>;
}

/** Evidence of the hardware for 64 bytes of REPORT_DATA. */
export interface Platform {
  readonly kind: 'sevSnp' | 'tdx' | 'azureSnpVtpm' | 'azureTdxVtpm';
  /** Hex, 48 bytes: what the hardware says it runs; behind a paravisor, the paravisor. */
  readonly measurement: string;
  attest(reportData: Bytes): Promise<{ items: readonly EvidenceItem[]; endorsements: readonly Endorsement[] }>;
  /** A vTPM's registers as booted, by their index. Absent where there is no vTPM. */
  readonly registers?: { readonly bank: 'sha256' | 'sha384'; readonly values: readonly string[] };
  /** Absent: this enclave uses no GPU, and says so. */
  readonly gpu?: GpuCollector;
}

/** Sealed chunks that were fetched once, so that they can be read again. Ciphertext only; it may lose anything at any time. */
export interface ChunkSpool {
  put(digest: string, bytes: Bytes): Promise<void>;
  get(digest: string): Promise<Bytes | null>;
  clear(): Promise<void>;
}

export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  /** Stable, kebab-case. */
  readonly code: string;
  /** For people. Never a value of an update. */
  readonly message: string;
  readonly study?: string;
  readonly site?: string;
  readonly round?: number;
  readonly attempt?: number;
  /** The code of the error behind it. */
  readonly cause?: string;
}

export interface Ports {
  readonly clock: Clock;
  readonly randomness: (byteLength: number) => Bytes;
  readonly relay: Relay;
  readonly platform: Platform;
  readonly spool: ChunkSpool;
  readonly log: (entry: LogEntry) => void;
}

/** What the host lends: a study's ports but for the spool, which each study has for itself. */
export interface HostPorts extends Omit<Ports, 'spool'> {
  readonly spoolOf: (study: string) => ChunkSpool;
}

/** Bound into every SessionOpen by their digest. */
export interface Settings {
  /** Digest of the one federation that this enclave serves; null for the one that the board founds. */
  readonly federation: string | null;
  /** How long the board must be silent before a session is begun, so that a fresh process does not act on half of what is there. */
  readonly quietMilliseconds: number;
  /** How long it waits for further statements when a quorum has answered. */
  readonly statementGraceMilliseconds: number;
  /** When a chunk that the relay did not serve is asked for again. */
  readonly retryMilliseconds: number;
}
