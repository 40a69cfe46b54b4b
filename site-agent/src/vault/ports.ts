// Everything that the vault touches outside its own memory: disk, time, chance, the two doors, the learner. Given from outside, so that each
// may fail in tests at any moment.
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Policy } from '@wardround/attestation/policy/policy';
import type { Bytes } from '@wardround/protocol/bytes';
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { Inlet, Outlet } from '../gate/outlet.ts';
import type { AgentKeys } from '../keys/site-keys.ts';
import type { LedgerFile } from '../ledger/ledger-file.ts';
import type { VaultFiles } from './files.ts';
import type { Inbox } from './inbox-files.ts';
import type { Learner } from './learner.ts';
import type { VaultState } from './state.ts';
import type { VaultStatus } from './status-file.ts';

export interface LogEvent {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What happened, kebab-case. */
  readonly event: string;
  readonly study?: string;
  readonly session?: string;
  readonly round?: number;
  readonly attempt?: number;
  /** The code of a check or an error. Never a value of data. */
  readonly code?: string;
  readonly detail?: string;
}

export interface VaultPorts {
  readonly site: string;
  readonly keys: AgentKeys;
  readonly state: VaultState;
  readonly files: VaultFiles;
  readonly inbox: Inbox;
  readonly ledger: LedgerFile;
  readonly learner: Learner;
  readonly inlet: Inlet;
  readonly outlet: Outlet;
  /** Read anew for each appraisal, so that a change takes effect before the next sealing. */
  readonly policy: () => Promise<Policy>;
  /** The site's own mirror of vendors' collateral, verified, as it holds at `at`. @throws WardroundError `collateral-missing`, `collateral-index` */
  readonly mirror: (policy: Policy, at: Date) => Promise<readonly MirroredEndorsement[]>;
  /** What this site itself is weak in, as its settings say; an approval must have accepted each by name. */
  readonly weaknesses: readonly Weakness[];
  /** Never runs back. @throws WardroundError `clock-ran-back` */
  readonly now: () => Date;
  readonly random: (length: number) => Bytes;
  readonly log: (event: LogEvent) => void;
  readonly writeStatus: (status: VaultStatus) => Promise<void>;
}
