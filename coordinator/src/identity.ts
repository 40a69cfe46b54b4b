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

/** What an identity may do at this moment; `member` is what the federation on the board says of it now. */
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
  'StudyStop',
  'EnclaveRelease',
  'ReleaseRevocation',
]);

/** Records are signed, so a site may return anything that the board lost; who signed it is for its readers to check. */
const memberRights: Rights = { kinds: 'all', topics: 'all', chunks: 'readAndWrite' };
const researcherRights: Rights = { kinds: new Set<DocumentKind>(['StudyPlan']), topics: 'all', chunks: 'read' };
const aggregatorRights: Rights = { kinds: aggregatorKinds, topics: 'all', chunks: 'readAndWrite' };
const foundingRights: Rights = { kinds: founding, topics: 'federation', chunks: 'none' };

/** Null for a party that has no business here (any more). */
export function rightsOf(identity: Identity, member: boolean): Rights | null {
  switch (identity.role) {
    case 'site':
      if (member) return memberRights;
      return identity.invited ? foundingRights : null;
    case 'researcher':
      if (member) return researcherRights;
      return identity.invited ? foundingRights : null;
    case 'aggregator':
      return aggregatorRights;
    case 'joining':
      return foundingRights;
  }
}
