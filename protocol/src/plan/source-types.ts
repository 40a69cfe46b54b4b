// The small types of a plan as people write it: forgiving in spelling (`1e-5`, `10m`), strict in meaning.
import * as z from 'zod';
import { decimalSchema } from '../documents/primitives.ts';
import { decimalText } from './decimal-text.ts';
import { nearestWord } from './nearest.ts';

/** An object of exactly these keys; an unknown one is refused with the nearest that is known. */
export function section<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return 'expected keys and values here';
      return issue.keys.map((key) => suggestion(key, known)).join('\n');
    },
  });
}

/** One word of a list. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W): z.ZodEnum<{ [K in W[number]]: K }> {
  return z.enum(words, { error: (issue) => `expected ${suggestion(String(issue.input), words)}` });
}

/** The error of a discriminated union: which words would do. */
export function unknownChoice(
  key: string,
  words: readonly string[],
): { error: (issue: { input?: unknown }) => string } {
  return {
    error: ({ input }) => {
      const word = typeof input === 'object' && input !== null ? Reflect.get(input, key) : undefined;
      return `expected ${key}: ${suggestion(String(word), words)}`;
    },
  };
}

function suggestion(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  const all = `one of ${known.join(', ')}`;
  return nearest === undefined || nearest === word ? all : `${nearest} perhaps? ${all}`;
}

const isoInstant = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** An instant with its time zone, in any ISO 8601 spelling of it; comes out in UTC with milliseconds. */
export const instantText = z.string('expected an instant such as 2027-03-31T23:59:59Z').transform((text, context) => {
  const match = isoInstant.exec(text);
  const time = Date.parse(text);
  if (match === null || Number.isNaN(time) || !isCalendarDay(match)) {
    context.addIssue({ code: 'custom', message: 'expected an instant with its zone, such as 2027-03-31T23:59:59Z' });
    return z.NEVER;
  }
  return new Date(time).toISOString();
});

/** `Date` makes 2 March of 30 February; an expiry date must not move by itself. */
function isCalendarDay([, year, month, day]: RegExpExecArray): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

/** A real number, written as a YAML number or quoted; comes out in the documents' decimal form. */
export const real = z.union([z.number(), z.string()], 'expected a number').transform((value, context) => {
  try {
    const parsed = decimalSchema.safeParse(decimalText(value));
    if (parsed.success) return parsed.data;
  } catch {
    // falls through: one message for every way of not being a number
  }
  context.addIssue({ code: 'custom', message: 'expected a number such as 0.25 or 1e-5, of at most 64 digits' });
  return z.NEVER;
});

export const positiveReal = real.refine((text) => text !== '0' && !text.startsWith('-'), 'expected a number above 0');
export const nonNegativeReal = real.refine((text) => !text.startsWith('-'), 'expected a number of at least 0');
export const fraction = nonNegativeReal.refine((text) => Number(text) <= 1, 'expected a number between 0 and 1');

export const count = z.int('expected a whole number').min(0, 'expected a whole number of at least 0');
export const positiveCount = z.int('expected a whole number').min(1, 'expected a whole number of at least 1');

export const range = z
  .tuple([real, real], 'expected [lowest, highest]')
  .refine(([min, max]) => Number(min) < Number(max), 'expected the lowest value before a higher one')
  .transform(([min, max]) => ({ min, max }));

const secondsOf = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const durationText = /^(\d{1,9})\s*([smhd])$/;

/** `90s`, `10m`, `2h`, `1d`, or whole seconds; comes out in seconds. */
export const duration = z
  .union([z.int(), z.string()], 'expected a duration such as 10m')
  .transform((value, context) => {
    if (typeof value === 'number' && value >= 1) return value;
    const match = durationText.exec(String(value));
    const unit = match?.[2];
    if (match !== null && (unit === 's' || unit === 'm' || unit === 'h' || unit === 'd'))
      return Number(match[1]) * secondsOf[unit];
    context.addIssue({ code: 'custom', message: 'expected a duration such as 90s, 10m, 2h or 1d' });
    return z.NEVER;
  });

const comparisonText = /^\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$/;

/** `"> 0"` */
export const comparison = z.string('expected a comparison such as "> 0"').transform((text, context) => {
  const match = comparisonText.exec(text);
  const operator = z.enum(['>', '>=', '<', '<=', '==', '!=']).safeParse(match?.[1]);
  const value = real.safeParse(match?.[2]);
  if (operator.success && value.success) return { operator: operator.data, value: value.data };
  context.addIssue({ code: 'custom', message: 'expected a comparison such as "> 0", with one of > >= < <= == !=' });
  return z.NEVER;
});
