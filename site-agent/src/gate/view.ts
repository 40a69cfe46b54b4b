// Everything that the gate judges by, gathered before it is asked: verified records, this site's own durable memory, and its own time.
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import type { Policy } from '@wardround/attestation/policy/policy';
import type { Weakness } from '@wardround/protocol/documents/consent';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { Chain } from './chain.ts';

/** A nonce that this site made, durably, for one challenge or session. */
export interface OwnNonce {
  readonly nonce: string;
  readonly issuedAt: string;
}

export interface OwnSealing {
  readonly round: number;
  readonly attempt: number;
  readonly order: string;
  readonly session: string;
  /** Digest of the integers and secret bytes. */
  readonly payload: string;
}

export interface OwnCheckpoint {
  readonly round: number;
  readonly checkpoint: string;
  readonly model: string;
}

export interface GateView {
  readonly site: string;
  readonly records: StudyRecords;
  /** The federation as this site knows it now; the study's keys are those of `records.federation`. */
  readonly newest: FederationView;
  /** Every view from the genesis to `newest`, by the digest of its membership. */
  readonly memberships: ReadonlyMap<string, FederationView>;
  readonly releases: ReadonlyMap<string, Verified<'EnclaveRelease'>>;
  readonly revocations: readonly Verified<'ReleaseRevocation'>[];
  readonly policy: Policy;
  /** The site's own mirror of the vendors' collateral. */
  readonly mirror: readonly MirroredEndorsement[];
  readonly chain: Chain;
  /** Nonces made for a challenge or a session, by its digest. */
  readonly nonces: (purpose: string) => readonly OwnNonce[];
  readonly sealings: readonly OwnSealing[];
  /** Newest of this site's checkpoints, and the one before; round 0 is the plan's own. */
  readonly held: readonly OwnCheckpoint[];
  /** Whether this site's own privacy ledger holds the reservation of an approval, by its digest. */
  readonly reserved: (approval: string) => boolean;
  /** What this site is weak in now: its own settings, and waivers in its policy. */
  readonly weaknesses: readonly Weakness[];
  readonly now: Date;
}
