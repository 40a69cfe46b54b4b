// What a mirror holds, how old it is, and from which day on it is refused.
import type { Policy } from '@wardround/attestation/policy/policy';
import { type ItemKey, keyName } from '@wardround/attestation/collateral/item-key';
import type { MirrorReading } from '@wardround/attestation/collateral/read-mirror';
import { beginsToRefuse } from '@wardround/attestation/collateral/refusal-date';
import type { VerifiedItem } from '@wardround/attestation/collateral/verified-item';
import { nrasThumbprint } from '@wardround/attestation/nvidia/nras-keys';
import { wantedForPolicy } from '@wardround/attestation/collateral/wanted';

export const warningDays = 14;
const dayMs = 86_400_000;

export type StatusLine =
  | {
      readonly key: ItemKey;
      readonly state: 'fresh' | 'soon' | 'refused';
      readonly source: string;
      readonly mirroredAt: string;
      readonly checkedAt: string;
      readonly issued: string;
      readonly validUntil: string;
      /** Null: never, for what can be said today. */
      readonly refusesFrom: string | null;
      readonly because: string;
      readonly simulated: boolean;
      /** Of keys that nothing signs: what people compare, and a policy may pin. */
      readonly thumbprints?: readonly string[];
    }
  | { readonly key: ItemKey; readonly state: 'spoiled'; readonly code: string; readonly message: string }
  /** The policy needs it and the mirror has none. */
  | { readonly key: ItemKey; readonly state: 'missing' };

export interface MirrorStatus {
  readonly at: string;
  /** The earliest day on which something begins to refuse; null where nothing is held. */
  readonly refusesFrom: string | null;
  /** False where something is refused, spoiled or missing already. */
  readonly fresh: boolean;
  readonly lines: readonly StatusLine[];
}

export function statusOf(reading: MirrorReading, { at, policy }: { at: Date; policy: Policy | null }): MirrorStatus {
  const lines = [...heldLines(reading, { at, policy }), ...spoiledLines(reading), ...missingLines(reading, policy)];
  const dates = lines.flatMap((line) => ('refusesFrom' in line && line.refusesFrom !== null ? [line.refusesFrom] : []));
  return {
    at: at.toISOString(),
    refusesFrom: dates.toSorted()[0] ?? null,
    fresh: lines.every(({ state }) => state === 'fresh' || state === 'soon'),
    lines,
  };
}

function heldLines(
  { held }: MirrorReading,
  { at, policy }: { at: Date; policy: Policy | null },
): readonly StatusLine[] {
  return held.map(({ item, verified, current }) => {
    const refuses = beginsToRefuse(verified, policy);
    const left = refuses.at === null ? Number.POSITIVE_INFINITY : refuses.at.getTime() - at.getTime();
    return {
      key: item.key,
      state: !current || left < 0 ? 'refused' : left <= warningDays * dayMs ? 'soon' : 'fresh',
      source: item.source,
      mirroredAt: item.mirroredAt,
      checkedAt: item.checkedAt,
      issued: verified.issued.toISOString(),
      validUntil: verified.validUntil.toISOString(),
      refusesFrom: refuses.at?.toISOString() ?? null,
      because: refuses.because,
      simulated: verified.simulated,
      ...thumbprintsOf(verified),
    };
  });
}

function thumbprintsOf({ endorsements }: VerifiedItem): { readonly thumbprints?: readonly string[] } {
  const thumbprints = endorsements.flatMap((each) => (each.type === 'nrasKeys' ? each.keys.map(nrasThumbprint) : []));
  return thumbprints.length === 0 ? {} : { thumbprints };
}

function spoiledLines({ refused }: MirrorReading): readonly StatusLine[] {
  return refused.map(({ item, code, message }) => ({ key: item.key, state: 'spoiled', code, message }));
}

function missingLines({ held, refused }: MirrorReading, policy: Policy | null): readonly StatusLine[] {
  if (policy === null) return [];
  const there = new Set([...held, ...refused].map(({ item }) => keyName(item.key)));
  return wantedForPolicy(policy)
    .filter((key) => !there.has(keyName(key)))
    .map((key) => ({ key, state: 'missing' }));
}
