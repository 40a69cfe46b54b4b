// The strict JSON reader: text to value in one pass. Everything it reads was written by somebody who may be hostile.
import { WardroundError } from './errors.ts';

/** JSON as this protocol allows it: the only numbers are integers with |n| ≤ 2⁵³ − 1. Reals travel as decimal strings. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const integerToken = /^-?(?:0|[1-9][0-9]*)$/;
const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** What RFC 8785 writes in two characters; every other control character is `\\u00` and two lower-case digits, and nothing else is escaped. */
const shortEscapes: ReadonlySet<string> = new Set(['"', '\\', 'b', 'f', 'n', 'r', 't']);
const longEscape = /^00(?:0[0-7bef]|1[0-9a-f])$/;

export interface ReadLimits {
  readonly maxDepth: number;
  /** Values inside each other and side by side; each costs memory that a few bytes of text do not show. */
  readonly maxValues: number;
}

export interface ReadJson {
  readonly value: JsonValue;
  /** Whether the text is the one RFC 8785 form of its value. */
  readonly canonical: boolean;
}

/**
 * Reads exactly one JSON value (RFC 8259) from `text`, in one pass. Recursion is bounded by `maxDepth`, so nesting cannot overflow the stack.
 *
 * @throws WardroundError `json-syntax`, `json-depth`, `json-values`, `json-duplicate-key`, `json-number`, `json-surrogate`
 */
export function readJson(text: string, limits: ReadLimits): ReadJson {
  const scanner = new Scanner(text, limits);
  const value = scanner.value(0);
  scanner.end();
  return { value, canonical: scanner.canonical };
}

/** Own data property, whatever the name: assigning to `__proto__` would change the object's prototype instead. */
export function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** @throws WardroundError `json-number` unless `value` is an integer that JSON text and a double hold alike. */
export function requireSafeInteger(value: number, where: string): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new WardroundError('json-number', 'a number that does not travel unchanged', {
      expected: 'an integer of at most 53 bits, not -0',
      got: Object.is(value, -0) ? '-0' : String(value),
      where,
    });
  }
}

/** @throws WardroundError `json-surrogate` where `text` holds half a surrogate pair: UTF-8 cannot carry it. */
export function requireWellFormed(text: string, where: string): void {
  if (!text.isWellFormed()) throw new WardroundError('json-surrogate', 'a lone surrogate in a string', { where });
}

class Scanner {
  readonly #text: string;
  readonly #limits: ReadLimits;
  #at = 0;
  #values = 0;
  /** Refused by the caller at the end only: what is no JSON at all is called that, whatever else it is. */
  canonical = true;

  constructor(text: string, limits: ReadLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  value(depth: number): JsonValue {
    this.#skipSpace();
    this.#count();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(this.#enter(depth));
      case '[':
        return this.#array(this.#enter(depth));
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.#syntax('the end');
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > this.#limits.maxValues) {
      throw new WardroundError('json-values', 'more values than any such document has', {
        expected: `at most ${this.#limits.maxValues} values`,
        got: 'more',
        where: this.#where(),
      });
    }
  }

  #enter(depth: number): number {
    if (depth >= this.#limits.maxDepth) {
      throw new WardroundError('json-depth', 'nested too deeply', {
        expected: `at most ${this.#limits.maxDepth} levels`,
        where: this.#where(),
      });
    }
    this.#at += 1;
    return depth + 1;
  }

  #object(depth: number): JsonObject {
    const members: Record<string, JsonValue> = {};
    if (this.#takes('}')) return members;
    for (let before: string | null = null; ;) {
      this.#skipSpace();
      const at = this.#at;
      if (this.#text[at] !== '"') throw this.#syntax('a member name');
      const key = this.#string();
      if (Object.hasOwn(members, key)) {
        throw new WardroundError('json-duplicate-key', 'a member name occurs twice', { got: key, where: placeOf(at) });
      }
      // Both here and in RFC 8785 section 3.2.3 by UTF-16 code units.
      if (before !== null && key < before) this.canonical = false;
      before = key;
      if (!this.#takes(':')) throw this.#syntax("':'");
      const value = this.value(depth);
      if (key === '__proto__') setOwn(members, key, value);
      else members[key] = value;
      if (this.#takes('}')) return members;
      if (!this.#takes(',')) throw this.#syntax("',' or '}'");
    }
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#takes(']')) return items;
    for (;;) {
      items.push(this.value(depth));
      if (this.#takes(']')) return items;
      if (!this.#takes(',')) throw this.#syntax("',' or ']'");
    }
  }

  #string(): string {
    const opening = this.#at;
    const pieces: string[] = [];
    let start = (this.#at += 1);
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit === 0x22) break;
      if (unit === 0x5c) {
        pieces.push(this.#text.slice(start, this.#at), this.#escape());
        start = this.#at;
        continue;
      }
      // NaN is the end of the text; control characters must be escaped.
      if (Number.isNaN(unit) || unit < 0x20) throw this.#syntax('a string character');
      this.#at += 1;
    }
    const last = this.#text.slice(start, this.#at);
    this.#at += 1;
    if (pieces.length === 0) return last;
    const text = pieces.join('') + last;
    // Only an escape can spell half a pair: the text itself was decoded from UTF-8.
    if (!text.isWellFormed()) requireWellFormed(text, placeOf(opening));
    return text;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#syntax('four hex digits');
      if (!longEscape.test(digits)) this.canonical = false;
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meaning = escapes.get(letter);
    if (meaning === undefined) throw this.#syntax('an escape of RFC 8259');
    if (!shortEscapes.has(letter)) this.canonical = false;
    this.#at += 2;
    return meaning;
  }

  #number(): number {
    numberToken.lastIndex = this.#at;
    const token = numberToken.exec(this.#text)?.[0];
    if (token === undefined) throw this.#syntax('a value');
    const value = Number(token);
    if (!integerToken.test(token)) {
      throw new WardroundError('json-number', 'only plain integers are numbers here', {
        expected: 'an integer, or a decimal in a string',
        got: token,
        where: this.#where(),
      });
    }
    if (!Number.isSafeInteger(value) || token === '-0') requireSafeInteger(value, this.#where());
    this.#at += token.length;
    return value;
  }

  #literal<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#syntax('a value');
    this.#at += word.length;
    return value;
  }

  /** Skips white space, then takes `mark` if it stands there. */
  #takes(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.canonical = false;
      this.#at += 1;
    }
  }

  #syntax(expected: string): WardroundError {
    const got = this.#text[this.#at] ?? 'the end';
    return new WardroundError('json-syntax', 'not JSON', { expected, got, where: this.#where() });
  }

  #where(): string {
    return placeOf(this.#at);
  }
}

function placeOf(at: number): string {
  return `character ${at}`;
}
