// The attribute bits of a TD and the processor state it may use, held against what a site allows.
import { WardroundError } from '@wardround/protocol/errors';
import type { TdAttributeRules, TdxRules } from '../policy/tdx-rules.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note } from '../steps.ts';
import type { TdReport } from './td-report.ts';

/** Bit positions, TDX Module 1.5 Base Specification, TD ATTRIBUTES. */
export const tdAttributeBits = {
  debug: 0n,
  septVeDisable: 28n,
  migratable: 29n,
  pks: 30n,
  keyLocker: 31n,
  perfmon: 63n,
} as const;

/** Bits 7:0, "TD under debug": with any of them set a host may look into the TD. */
const underDebug = 0xffn;

/** A host may read the memory of a TD that may be debugged. No policy can allow it. @throws WardroundError `tdx-debug` */
export function requireNoDebug({ tdAttributes }: TdReport): void {
  if ((tdAttributes & underDebug) === 0n) return;
  throw new WardroundError('tdx-debug', 'the TD may be debugged: its host can read its memory', {
    got: `attribute bits 0x${(tdAttributes & underDebug).toString(16)}`,
    action: 'stop',
  });
}

const allowances = ['migratable', 'pks', 'keyLocker', 'perfmon'] as const;

/** @throws WardroundError `tdx-sept-ve`, `tdx-td-attributes`, `tdx-td-attributes-unknown`, `policy-waiver-expired` */
export function requireTdAttributes(
  { tdAttributes }: TdReport,
  rules: TdAttributeRules,
  { at, note }: { readonly at: Date; readonly note: Note },
): void {
  if (!isSet(tdAttributes, tdAttributeBits.septVeDisable)) requireSeptVeWaived(rules, at, note);
  const refused = allowances.filter((name) => rules[name] === 'refused' && isSet(tdAttributes, tdAttributeBits[name]));
  if (refused.length > 0)
    throw new WardroundError('tdx-td-attributes', 'the TD was started with attributes that the policy refuses', {
      got: refused.join(', '),
    });
  const known = [...Object.values(tdAttributeBits), ...rules.acceptedUnknownBits.map(BigInt)];
  const unknown = known.reduce((rest, bit) => rest & ~(1n << bit), tdAttributes & ~underDebug);
  if (unknown !== 0n)
    throw new WardroundError('tdx-td-attributes-unknown', 'the TD has attributes that the policy does not accept', {
      got: `0x${unknown.toString(16)}`,
    });
}

function requireSeptVeWaived({ septVeDisable }: TdAttributeRules, at: Date, note: Note): void {
  if (isWaiver(septVeDisable)) return requireWaiverCurrent(septVeDisable, at, note);
  throw new WardroundError('tdx-sept-ve', 'the host can make the TD’s memory accesses raise exceptions', {
    expected: 'SEPT_VE_DISABLE',
  });
}

/** Exactly one of the sets that the policy names: more state is more attack surface. @throws WardroundError `tdx-xfam` */
export function requireXfam({ xfam }: TdReport, rules: TdxRules): void {
  if (rules.xfam.some((accepted) => BigInt(accepted) === xfam)) return;
  throw new WardroundError('tdx-xfam', 'the TD uses other processor state than the policy accepts', {
    expected: rules.xfam.join(', '),
    got: `0x${xfam.toString(16)}`,
  });
}

function isSet(value: bigint, bit: bigint): boolean {
  return ((value >> bit) & 1n) === 1n;
}
