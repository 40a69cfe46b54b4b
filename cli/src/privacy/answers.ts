// The accountants' answers as documents and as text; an ε is never shown rounded down.
import { assumptions } from '@wardround/privacy/accounting/assumptions';
import type { AccountantName, Spending } from '@wardround/privacy/accounting/mechanism';
import { wrapped } from '../wrap.ts';

const widest = 110;

/** To four places, upwards. */
export function shownEpsilon(epsilon: number): string {
  const places = epsilon >= 1e-3 ? 4 : 8;
  const scale = 10 ** places;
  return (Math.ceil(epsilon * scale) / scale).toFixed(places);
}

export interface Asked extends Spending {
  readonly accountant: AccountantName;
  readonly delta: number;
}

/** What every answer says beside its number. */
export function underAssumptions({ adjacency, uses, accountant, delta }: Asked) {
  return { delta, accountant, adjacency, assumptions: assumptions({ adjacency, uses }, accountant) };
}

export function assumptionText(asked: Asked): readonly string[] {
  return ['if this is what was done:', ...assumptions(asked, asked.accountant).flatMap(bullet)];
}

export function bullet(sentence: string): readonly string[] {
  const width = Math.min(process.stdout.columns ?? widest, widest);
  return wrapped(sentence, { width, first: '  - ', rest: '    ' });
}
