// Words that all explanations of a policy share.
import type { Waiver } from './waiver.ts';
import { isWaiver } from './waiver.ts';

export function waivedSentence({ waived: { reason, until } }: Waiver): string {
  return `waived until ${until} because “${reason}”.`;
}

/** 3600 → `1 hour`; what does not divide is said in the next smaller unit. */
export function duration(seconds: number): string {
  const units = [
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ] as const;
  const [size, name] = units.find(([unit]) => seconds % unit === 0) ?? units[3];
  const count = seconds / size;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** `Only these Xs are accepted: a, b.`, or that any is, and why. */
export function listOrWaiver(
  value: readonly string[] | Waiver,
  words: { readonly listed: string; readonly waived: string },
): string {
  return isWaiver(value)
    ? `${words.waived} is accepted: ${waivedSentence(value)}`
    : `${words.listed} ${value.length === 1 ? 'is' : 'are'} accepted: ${value.join(', ')}.`;
}
