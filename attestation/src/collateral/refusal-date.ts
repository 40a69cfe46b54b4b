// From which instant a policy refuses for the sake of an item: its own dates, and the ages that the policy allows.
import type { Policy } from '../policy/policy.ts';
import type { NvidiaRules } from '../policy/nvidia-rules.ts';
import type { TdxRules } from '../policy/tdx-rules.ts';
import type { VerifiedItem } from './verified-item.ts';

export interface RefusalDate {
  /** Null: never, for what can be said today. */
  readonly at: Date | null;
  readonly because: string;
}

export const ownDates = 'its own dates';

/** The earliest of the item's end and of the policy's limits. Where the policy is null, the item's own dates count alone. */
export function beginsToRefuse(verified: VerifiedItem, policy: Policy | null): RefusalDate {
  if (verified.revoked) return { at: verified.issued, because: 'its vendor says that it is revoked' };
  const limits = policy === null ? [] : policyLimits(verified, policy);
  // What held when it was mirrored goes on holding where the policy says so.
  const lasts = verified.key.kind === 'nvidiaRim' && nvidiaOf(policy)?.rimValidity === 'whenMirrored';
  const dates = lasts ? limits : [{ at: verified.validUntil, because: ownDates }, ...limits];
  const [first, ...rest] = dates;
  if (first === undefined) return { at: null, because: 'judged as of when it was mirrored' };
  return rest.reduce((earliest, next) => (next.at < earliest.at ? next : earliest), first);
}

interface Limit {
  readonly at: Date;
  readonly because: string;
}

function policyLimits(verified: VerifiedItem, policy: Policy): readonly Limit[] {
  const { kind } = verified.key;
  switch (kind) {
    case 'amdCrl':
    case 'intelPckCrl':
      return [aged(verified, 'maxCrlAgeSeconds', policy.collateral.maxCrlAgeSeconds)];
    case 'intelRootCrl':
    case 'intelTcbInfo':
    case 'intelQeIdentity':
      return tdxOf(policy).flatMap((rules) => tdxLimits(verified, rules));
    case 'nvidiaOcsp':
      return nvidiaLimits(verified, nvidiaOf(policy));
    case 'nvidiaNrasKeys':
      return nrasLimits(verified, nvidiaOf(policy));
    default:
      return [];
  }
}

function tdxLimits(verified: VerifiedItem, { tcb, collateral }: TdxRules): readonly Limit[] {
  if (verified.key.kind === 'intelRootCrl')
    return [aged(verified, 'maxRootCrlAgeSeconds', collateral.maxRootCrlAgeSeconds)];
  const [evaluation = 0] = verified.edition;
  const stale = evaluation < tcb.minimumEvaluationDataNumber;
  const named = stale ? [{ at: verified.issued, because: 'minimumEvaluationDataNumber of the policy' }] : [];
  return verified.key.kind === 'intelTcbInfo'
    ? [...named, aged(verified, 'maxTcbInfoAgeSeconds', collateral.maxTcbInfoAgeSeconds)]
    : [...named, aged(verified, 'maxQeIdentityAgeSeconds', collateral.maxQeIdentityAgeSeconds)];
}

function nvidiaLimits(verified: VerifiedItem, rules: NvidiaRules | null): readonly Limit[] {
  if (rules === null) return [];
  const { nonce, maxAgeSeconds } = rules.ocsp;
  const fresh = { at: verified.issued, because: 'the policy wants answers made for the GPU’s nonce, never a mirror’s' };
  return [...(nonce === 'required' ? [fresh] : []), aged(verified, 'ocsp.maxAgeSeconds', maxAgeSeconds)];
}

function nrasLimits(verified: VerifiedItem, rules: NvidiaRules | null): readonly Limit[] {
  if (rules === null || rules.nras === 'notUsed') return [];
  return [aged(verified, 'nras.maxKeysAgeSeconds', rules.nras.required.maxKeysAgeSeconds)];
}

function aged({ issued }: VerifiedItem, name: string, seconds: number): Limit {
  return { at: new Date(issued.getTime() + seconds * 1000), because: `${name} of the policy` };
}

/** The policy's rules for TDX, direct and behind a paravisor. */
export function tdxOf({ platforms: { tdx, azureTdxVtpm } }: Policy): readonly TdxRules[] {
  return [...(tdx === 'refused' ? [] : [tdx]), ...(azureTdxVtpm === 'refused' ? [] : [azureTdxVtpm.tdx])];
}

function nvidiaOf(policy: Policy | null): NvidiaRules | null {
  return policy === null || policy.gpu === 'unused' ? null : policy.gpu.nvidia;
}
