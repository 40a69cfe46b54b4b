// Collateral in words and tables, for people: what an item is, what became of it, when it is refused.
import Table from 'cli-table3';
import type { ItemKey } from '@wardround/attestation/collateral/item-key';
import { ownDates } from '@wardround/attestation/collateral/refusal-date';
import { tcbComponents } from '@wardround/attestation/snp/tcb';
import { printable } from '../output.ts';
import { failureText } from './failure.ts';
import type { FetchedItem } from './fetch.ts';
import type { MirrorStatus, StatusLine } from './status.ts';
import { warningDays } from './status.ts';
import type { Transferred } from './transfer.ts';

/** An item's name for people; long ids are shortened, `--json` has them whole. */
export function describeKey(key: ItemKey): string {
  switch (key.kind) {
    case 'amdCertChain':
      return `AMD ${key.product} certificates (${key.signer})`;
    case 'amdCrl':
      return `AMD ${key.product} revocation list (${key.signer})`;
    case 'amdVcek': {
      const levels = tcbComponents.flatMap((name) => key.tcb[name] ?? []);
      return `AMD ${key.product} chip ${brief(key.chipId)} at TCB ${levels.join('.')}`;
    }
    case 'intelTcbInfo':
      return `Intel TCB info ${key.fmspc}`;
    case 'intelQeIdentity':
      return 'Intel QE identity';
    case 'intelPckCrl':
      return `Intel PCK revocation list (${key.ca})`;
    case 'intelRootCrl':
      return 'Intel root revocation list';
    case 'nvidiaRim':
      return `NVIDIA RIM ${key.id}`;
    case 'nvidiaOcsp':
      return `NVIDIA OCSP for ${brief(key.certificate)}`;
    case 'nvidiaNrasKeys':
      return 'NVIDIA NRAS keys (not signed)';
  }
}

function brief(hex: string): string {
  return hex.length <= 16 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`;
}

const outcomeWords = {
  added: 'new',
  replaced: 'newer than what was here',
  unchanged: 'unchanged',
  fresh: 'here and fresh, not asked for',
} as const;

export function fetchedText(items: readonly FetchedItem[]): string {
  const width = widthOf(items);
  const lines = items.map((item) => {
    const name = describeKey(item.key).padEnd(width);
    if (item.outcome === 'failed') return `  ✘ ${name}  ${printable(failureText(item))}`;
    return `  ✔ ${name}  ${outcomeWords[item.outcome]}; valid until ${day(item.verified.validUntil.toISOString())}`;
  });
  const failed = items.filter(({ outcome }) => outcome === 'failed').length;
  const verdict =
    failed === 0
      ? `COMPLETE: ${count(items.length, 'item')}, each verified.`
      : `INCOMPLETE: ${failed} of ${count(items.length, 'item')} failed. What came is kept; what was here stays. Run it again later for the rest.`;
  return [verdict, '', ...lines].join('\n');
}

/** @param where the mirror that the items went into */
export function transferredText({ items, unknown }: Transferred, where: string): string {
  const width = widthOf(items);
  const lines = items.map((item) => {
    const name = describeKey(item.key).padEnd(width);
    if (item.outcome === 'refused') {
      return `  ${isOlder(item.code) ? '–' : '✘'} ${name}  ${printable(failureText(item))}`;
    }
    return `  ✔ ${name}  ${outcomeWords[item.outcome]}; valid until ${day(item.entered.verified.validUntil.toISOString())}`;
  });
  const taken = items.filter(({ outcome }) => outcome === 'added' || outcome === 'replaced').length;
  const refused = items.filter((item) => item.outcome === 'refused' && !isOlder(item.code)).length;
  const verdict = `${count(taken, 'item')} into ${where}, each verified; ${items.length - taken - refused} were there or newer there; ${refused} refused.`;
  const strange = unknown.map((name) => `  ? ${printable(name)}`);
  const named =
    strange.length === 0 ? [] : ['', 'not collateral, or signed under certificates that were not given:', ...strange];
  return [verdict, '', ...lines, ...named].join('\n').trimEnd();
}

/** The newer one stays: that is no failure. */
export function isOlder(code: string): boolean {
  return code === 'collateral-older';
}

export function statusText(status: MirrorStatus): string {
  const { lines, refusesFrom, fresh } = status;
  const table = new Table({
    head: ['', 'item', 'issued', 'checked', 'refused from'],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  for (const line of lines) table.push(rowOf(line, status));
  const shown = lines.length === 0 ? [] : [table.toString()];
  return [
    verdictOf({ lines, refusesFrom, fresh }),
    ...shown,
    ...spoiledLines(lines),
    ...unsignedLines(lines),
    ...simulatedLines(lines),
  ].join('\n');
}

function verdictOf({ lines, refusesFrom, fresh }: Pick<MirrorStatus, 'lines' | 'refusesFrom' | 'fresh'>): string {
  if (lines.length === 0) return 'EMPTY: nothing is here.';
  if (!fresh) return 'REFUSED ALREADY: what is marked ✘ below is not believed. Fetch, or import newer items.';
  const soon = lines.filter(({ state }) => state === 'soon').length;
  const until = `Nothing is refused before ${refusesFrom === null ? 'any day' : day(refusesFrom)}.`;
  return soon === 0
    ? `FRESH. ${until}`
    : `FRESH, BUT NOT FOR LONG: ${count(soon, 'item')} within ${warningDays} days (marked !). ${until}`;
}

const marks = { fresh: '✔', soon: '!', refused: '✘', spoiled: '✘', missing: '✘' } as const;

function rowOf(line: StatusLine, { at }: MirrorStatus): string[] {
  const head = [marks[line.state], describeKey(line.key)];
  if (line.state === 'missing') return [...head, '', '', 'missing: the policy needs it'];
  if (line.state === 'spoiled') return [...head, '', '', `spoiled [${line.code}]`];
  const { issued, checkedAt, refusesFrom, because } = line;
  if (refusesFrom === null) return [...head, day(issued), ago(checkedAt, at), `never (${because})`];
  const reason = because === ownDates ? '' : `, ${because}`;
  return [...head, day(issued), ago(checkedAt, at), `${day(refusesFrom)} (${inDays(refusesFrom, at)}${reason})`];
}

function spoiledLines(lines: readonly StatusLine[]): readonly string[] {
  return lines.flatMap((line) =>
    line.state === 'spoiled' ? [`  ✘ ${describeKey(line.key)}: ${printable(line.message)} [${line.code}]`] : [],
  );
}

/** For comparing by telephone, and for a policy that pins. */
function unsignedLines(lines: readonly StatusLine[]): readonly string[] {
  const thumbprints = lines.flatMap((line) => ('thumbprints' in line ? line.thumbprints : []));
  if (thumbprints.length === 0) return [];
  return ['NVIDIA NRAS keys, which nothing signs, by thumbprint:', ...thumbprints.map((each) => `  ${each}`)];
}

function simulatedLines(lines: readonly StatusLine[]): readonly string[] {
  const simulated = lines.some((line) => 'simulated' in line && line.simulated);
  return simulated
    ? ['SIMULATED PLATFORM: some of this is signed by a simulated vendor and proves nothing about hardware.']
    : [];
}

function widthOf(items: readonly { readonly key: ItemKey }[]): number {
  return Math.max(0, ...items.map(({ key }) => describeKey(key).length));
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function day(instant: string): string {
  return instant.slice(0, 10);
}

const dayMs = 86_400_000;

function inDays(instant: string, at: string): string {
  const days = (Date.parse(instant) - Date.parse(at)) / dayMs;
  if (days < 0) return `since ${count(Math.floor(-days), 'day')}`;
  return `in ${count(Math.floor(days), 'day')}`;
}

function ago(instant: string, at: string): string {
  const hours = (Date.parse(at) - Date.parse(instant)) / 3_600_000;
  if (hours < 48) return `${count(Math.max(0, Math.floor(hours)), 'hour')} ago`;
  return `${count(Math.floor(hours / 24), 'day')} ago`;
}
