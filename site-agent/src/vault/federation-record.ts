// One unverified record of the federation topic: its kind and the names that it is routed by. Its value is read again when it is verified.
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';

const kept = ['Membership', 'EnclaveRelease', 'ReleaseRevocation', 'StudyPlan'] as const;
export type KeptKind = (typeof kept)[number];

export interface FederationRecord {
  readonly jws: string;
  readonly kind: KeptKind;
  /** Empty where the record has no such name. */
  readonly names: Readonly<Record<'predecessor' | 'membership' | 'researcher' | 'releaser' | 'release', string>>;
}

/** Null for other kinds, and for what is no document. */
export function peekFederationRecord(jws: string): FederationRecord | null {
  try {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    const known = kept.find((name) => name === kind);
    if (known === undefined || typeof value !== 'object' || value === null) return null;
    const members: Record<string, unknown> = { ...value };
    const text = (name: string): string => (typeof members[name] === 'string' ? members[name] : '');
    const names = {
      predecessor: text('predecessor'),
      membership: text('membership'),
      researcher: text('researcher'),
      releaser: text('releaser'),
      release: text('release'),
    };
    return { jws, kind: known, names };
  } catch {
    return null;
  }
}
