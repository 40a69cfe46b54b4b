// Instants in certificates and lists, by RFC 5280's one spelling of each: a lax reader turns what it cannot read into some year long ago, which is "valid".
import type { DerElement } from './der.ts';

export const timeTags = { utc: 0x17, generalized: 0x18 } as const;

/**
 * UTCTime `YYMMDDHHMMSSZ` (1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ`, of an instant that exists (RFC 5280, 4.1.2.5).
 * Undefined for anything else.
 */
export function readTime({ tag, value }: DerElement): Date | undefined {
  const text = Buffer.from(value).toString('latin1');
  if (tag === timeTags.generalized) return instantOf(text);
  if (tag !== timeTags.utc) return undefined;
  return instantOf(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`);
}

function instantOf(text: string): Date | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1) ?? [];
  const [year, month, day, hour, minute, second] = parts;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const date = new Date(iso);
  // The round trip refuses what a calendar rolls over, the 30th of February for instance.
  return !Number.isNaN(date.getTime()) && date.toISOString() === iso ? date : undefined;
}
