// Who a connection is, once its proof was checked, and what such a party may put on the board or fetch.
import * as z from 'zod';
import type { DocumentKind } from '@wardround/protocol/documents/registry';

export const roleSchema = z.enum(['site', 'researcher', 'aggregator', 'joining']);
export type Role = z.infer<typeof roleSchema>;

export interface Identity {
  readonly role: Role;
  readonly name: string;
  /** Thumbprint of the key that signed the proof. */
  readonly key: string;
  /** It knows the invitation: it may found, and return the founding documents to a coordinator that lost them. */
  readonly invited: boolean;
}

/** What an identity may do at this moment. */
export interface Rights {
  readonly kinds: ReadonlySet<DocumentKind> | 'all';
  readonly topics: 'all' | 'federation';
  readonly chunks: 'readAndWrite' | 'read' | 'none';
}

/** Everything that makes a federation and its keys known: what must be on the board before anybody's key can be. */
const founding: ReadonlySet<DocumentKind> = new Set([
  'KeyBundle',
  'Genesis',
  'Membership',
  'EnclaveRelease',
  'ReleaseRevocation',
]);

const aggregatorKinds: ReadonlySet<DocumentKind> = new Set([
  'SessionChallenge',
  'SessionOpen',
  'EvidenceOffer',
  'RoundOrder',
  'ContributionRefusal',
  'RoundReceipt',
  'SealedModel',
  'RoundResult',
  'StudyStop',
  'EnclaveRelease',
  'ReleaseRevocation',
]);

/** Records are signed, so a site may return anything that the board lost; who signed it is for its readers to check. */
const memberRights: Rights = { kinds: 'all', topics: 'all', chunks: 'readAndWrite' };
const researcherRights: Rights = { kinds: new Set<DocumentKind>(['StudyPlan']), topics: 'all', chunks: 'read' };
const aggregatorRights: Rights = { kinds: aggregatorKinds, topics: 'all', chunks: 'readAndWrite' };
const foundingRights: Rights = { kinds: founding, topics: 'federation', chunks: 'none' };

/**
 * While the board lacks the genesis of the federation that it served, it knows nobody. Then whoever says that it is a member may return
 * exactly that genesis, which only its founders can have signed; and is a member, or is not, when it is there.
 */
const returningRights: Rights = { kinds: new Set<DocumentKind>(['Genesis']), topics: 'federation', chunks: 'none' };

/** What the federation on the board says of a site or researcher; `unknowable` while its genesis is lost. */
export type Standing = 'member' | 'stranger' | 'unknowable';

/** Null for a party that has no business here (any more). */
export function rightsOf(identity: Identity, standing: Standing): Rights | null {
  switch (identity.role) {
    case 'site':
      return standing === 'member' ? memberRights : outsiderRights(identity, standing);
    case 'researcher':
      return standing === 'member' ? researcherRights : outsiderRights(identity, standing);
    case 'aggregator':
      return aggregatorRights;
    case 'joining':
      return foundingRights;
  }
}

function outsiderRights({ invited }: Identity, standing: Standing): Rights | null {
  if (invited) return foundingRights;
  return standing === 'unknowable' ? returningRights : null;
}
