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

/**
 * Reads exactly one JSON value (RFC 8259) from `text`. Recursion is bounded by `maxDepth`, so nesting cannot overflow the stack.
 *
 * @throws WardroundError `json-syntax`, `json-depth`, `json-duplicate-key`, `json-number`, `json-surrogate`
 */
export function readJson(text: string, maxDepth: number): JsonValue {
  const scanner = new Scanner(text, maxDepth);
  const value = scanner.value(0);
  scanner.end();
  return value;
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
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  value(depth: number): JsonValue {
    this.#skipSpace();
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

  #enter(depth: number): number {
    if (depth >= this.#maxDepth) {
      throw new WardroundError('json-depth', 'nested too deeply', {
        expected: `at most ${this.#maxDepth} levels`,
        where: this.#where(),
      });
    }
    this.#at += 1;
    return depth + 1;
  }

  #object(depth: number): JsonObject {
    const members: Record<string, JsonValue> = {};
    if (this.#takes('}')) return members;
    for (;;) {
      this.#skipSpace();
      const where = this.#where();
      if (this.#text[this.#at] !== '"') throw this.#syntax('a member name');
      const key = this.#string();
      if (Object.hasOwn(members, key)) {
        throw new WardroundError('json-duplicate-key', 'a member name occurs twice', { got: key, where });
      }
      if (!this.#takes(':')) throw this.#syntax("':'");
      setOwn(members, key, this.value(depth));
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
    const where = this.#where();
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
    pieces.push(this.#text.slice(start, this.#at));
    this.#at += 1;
    const text = pieces.join('');
    requireWellFormed(text, where);
    return text;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#syntax('four hex digits');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meaning = escapes.get(letter);
    if (meaning === undefined) throw this.#syntax('an escape of RFC 8259');
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
    requireSafeInteger(value, this.#where());
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
      this.#at += 1;
    }
  }

  #syntax(expected: string): WardroundError {
    const got = this.#text[this.#at] ?? 'the end';
    return new WardroundError('json-syntax', 'not JSON', { expected, got, where: this.#where() });
  }

  #where(): string {
    return `character ${this.#at}`;
  }
}
