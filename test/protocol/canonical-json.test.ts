// Attacks on the JSON reader: what must be refused, with which code, and that what is accepted has exactly one form.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  digestOf,
  digestOfBytes,
  parseLimitedJson,
  parseStrictJson,
} from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'accepted';
}

const integer = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger().map((n) => (Object.is(n, -0) ? 0 : n)),
);
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    integer.map((n) => n + 0),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__')), tie('value'), { maxKeys: 5 }),
  ),
})).value;

describe('parseStrictJson refuses', () => {
  it.each([
    ['nothing', '', 'json-syntax'],
    ['white space only', ' ', 'json-syntax'],
    ['a byte order mark', '\uFEFF{}', 'json-syntax'],
    ['trailing bytes', '{}x', 'json-syntax'],
    ['a second value', '1 2', 'json-syntax'],
    ['a trailing newline', '{}\n', 'json-not-canonical'],
    ['a trailing comma', '[1,]', 'json-syntax'],
    ['a trailing comma in an object', '{"a":1,}', 'json-syntax'],
    ['a missing colon', '{"a" 1}', 'json-syntax'],
    ['a bare name', '{a:1}', 'json-syntax'],
    ['single quotes', "'a'", 'json-syntax'],
    ['a comment', '/**/1', 'json-syntax'],
    ['an unclosed string', '"a', 'json-syntax'],
    ['an unclosed array', '[1', 'json-syntax'],
    ['an unclosed object', '{"a":1', 'json-syntax'],
    ['a raw control character', '"\u0001"', 'json-syntax'],
    ['an unknown escape', String.raw`"\x41"`, 'json-syntax'],
    ['a short unicode escape', String.raw`"\u12"`, 'json-syntax'],
    ['a misspelt literal', 'tru', 'json-syntax'],
    ['NaN', 'NaN', 'json-syntax'],
    ['Infinity', '-Infinity', 'json-syntax'],
    ['a plus sign', '+1', 'json-syntax'],
    ['a leading zero', '01', 'json-syntax'],
    ['a duplicate key', '{"a":1,"a":1}', 'json-duplicate-key'],
    ['a duplicate key in another spelling', String.raw`{"a":1,"\u0061":2}`, 'json-duplicate-key'],
    ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', 'json-duplicate-key'],
    ['-0', '-0', 'json-number'],
    ['a fraction', '1.5', 'json-number'],
    ['an integer written as a fraction', '1.0', 'json-number'],
    ['an exponent', '1e2', 'json-number'],
    ['2^53', '9007199254740992', 'json-number'],
    ['2^53 + 1, which does not round-trip', '9007199254740993', 'json-number'],
    ['-2^53', '-9007199254740992', 'json-number'],
    ['a huge number', `1${'0'.repeat(400)}`, 'json-number'],
    ['half a surrogate pair', String.raw`"\ud800"`, 'json-surrogate'],
    ['the other half', String.raw`"\udc00"`, 'json-surrogate'],
    ['a swapped pair', String.raw`"\udc00\ud800"`, 'json-surrogate'],
    ['half a pair in a key', String.raw`{"\ud800":1}`, 'json-surrogate'],
    ['white space', '{ "a":1}', 'json-not-canonical'],
    ['unsorted keys', '{"b":1,"a":1}', 'json-not-canonical'],
    ['a needless escape', String.raw`"\u0061"`, 'json-not-canonical'],
    ['an escaped slash', String.raw`"\/"`, 'json-not-canonical'],
    ['an upper-case escape', String.raw`"\u001F"`, 'json-not-canonical'],
    ['a control character with a short form', String.raw`"\u000a"`, 'json-not-canonical'],
    ['a depth of 33', '['.repeat(33) + ']'.repeat(33), 'json-depth'],
    ['a depth of ten thousand', '['.repeat(10_000) + ']'.repeat(10_000), 'json-depth'],
    ['a depth of a million', '['.repeat(1_000_000) + ']'.repeat(1_000_000), 'json-depth'],
    ['a million open objects', '{"a":'.repeat(800_000), 'json-depth'],
  ])('%s', (_name, text, code) => {
    expect(codeOf(() => parseStrictJson(bytesOf(text)))).toBe(code);
  });

  it.each([
    ['a stray continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong encoding', [0x22, 0xc0, 0xaf, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a code point above 10FFFF', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    ['a truncated sequence', [0x22, 0xe2, 0x82]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00]],
  ])('%s', (_name, bytes) => {
    expect(codeOf(() => parseStrictJson(Uint8Array.from(bytes)))).toBe('json-utf8');
  });

  it('too many bytes, before it looks at any of them', () => {
    const notEvenUtf8 = new Uint8Array(4 * 1024 * 1024 + 1).fill(0xff);
    expect(codeOf(() => parseStrictJson(notEvenUtf8))).toBe('json-too-large');
    expect(codeOf(() => parseStrictJson(notEvenUtf8.subarray(1)))).toBe('json-utf8');
    expect(codeOf(() => parseStrictJson(bytesOf('[1]'), { maxBytes: 2, maxDepth: 1 }))).toBe('json-too-large');
  });

  it('more values than the limit, however few bytes each has', () => {
    const limits = { maxBytes: 1024, maxDepth: 4, maxValues: 5 };
    expect(codeOf(() => parseStrictJson(bytesOf('[0,0,0,0]'), limits))).toBe('accepted');
    expect(codeOf(() => parseStrictJson(bytesOf('[0,0,0,0,0]'), limits))).toBe('json-values');
    expect(codeOf(() => parseStrictJson(bytesOf('{"a":[],"b":[],"c":[[]]}'), limits))).toBe('accepted');
    expect(codeOf(() => parseStrictJson(bytesOf('{"a":[],"b":[],"c":[[],[]]}'), limits))).toBe('json-values');
  });

  it('every proper prefix of a document', () => {
    const whole = canonicalJson({ a: [1, -2, { b: 'é😀\n' }], c: null, d: true });
    for (let end = 0; end < whole.length; end += 1) {
      expect(codeOf(() => parseStrictJson(whole.subarray(0, end)))).toMatch(/^json-(syntax|utf8)$/);
    }
  });
});

describe('parseLimitedJson', () => {
  it.each([
    ['a duplicate key', '{"a":1, "a":1}', 'json-duplicate-key'],
    ['half a surrogate pair', String.raw`[ "\ud800" ]`, 'json-surrogate'],
    ['a fraction', '[ 1.5 ]', 'json-number'],
    ['a depth of ten thousand', '[ '.repeat(10_000), 'json-depth'],
    ['trailing bytes', '[ ] ]', 'json-syntax'],
  ])('refuses %s too', (_name, text, code) => {
    expect(codeOf(() => parseLimitedJson(bytesOf(text)))).toBe(code);
  });

  it('reads every escape of RFC 8259', () => {
    const text = String.raw`["\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"]`;
    expect(parseLimitedJson(bytesOf(text))).toEqual(JSON.parse(text));
  });
});

describe('parseStrictJson accepts', () => {
  it.each([
    'null',
    'true',
    '0',
    '-1',
    '9007199254740991',
    '-9007199254740991',
    '""',
    '[]',
    '{}',
    '{"":{"a":[1]}}',
    '"\u007f€😀"',
  ])('%s', (text) => {
    expect(parseStrictJson(bytesOf(text))).toEqual(JSON.parse(text));
  });

  it('a depth of exactly 32', () => {
    expect(codeOf(() => parseStrictJson(bytesOf('['.repeat(32) + ']'.repeat(32))))).toBe('accepted');
  });

  it('__proto__ as an ordinary member that changes no prototype', () => {
    const value = parseStrictJson(bytesOf('{"__proto__":{"admin":true}}'));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.hasOwn(Object(value), '__proto__')).toBe(true);
    expect(Reflect.get(Object(value), 'admin')).toBeUndefined();
  });
});

describe('canonicalJson', () => {
  it('gives the bytes of RFC 8785 section 3.2.3 for its sorting example', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const order = [...textOf(canonicalJson(value)).matchAll(/:"([^"]+)"/g)].map((match) => match[1]);
    expect(order).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  it.each([
    ['undefined', undefined, 'json-value'],
    ['an undefined member', { a: undefined }, 'json-value'],
    ['a hole', Array.from({ length: 1 }), 'json-value'],
    ['a bigint', 1n, 'json-value'],
    ['a function', () => 1, 'json-value'],
    ['a symbol', Symbol('s'), 'json-value'],
    ['a symbol member', { [Symbol('s')]: 1 }, 'json-value'],
    ['a Date', new Date(0), 'json-value'],
    ['a Map', new Map(), 'json-value'],
    ['bytes', Uint8Array.of(1), 'json-value'],
    ['a toJSON that lies', { toJSON: () => 1 }, 'json-value'],
    ['NaN', Number.NaN, 'json-number'],
    ['a fraction', 0.5, 'json-number'],
    ['-0', -0, 'json-number'],
    ['2^53', 2 ** 53, 'json-number'],
    ['half a pair', '\ud800', 'json-surrogate'],
    ['half a pair in a key', { '\udc00': 1 }, 'json-surrogate'],
  ])('refuses %s', (_name, value, code) => {
    expect(codeOf(() => canonicalJson(value))).toBe(code);
  });

  it('refuses a cycle and a depth of ten thousand', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    expect(codeOf(() => canonicalJson(cycle))).toBe('json-depth');
    expect(codeOf(() => canonicalJson(deep))).toBe('json-depth');
  });

  it('refuses what parseStrictJson would refuse for its size', () => {
    expect(codeOf(() => canonicalJson('x'.repeat(4 * 1024 * 1024)))).toBe('json-too-large');
  });

  it('reads each member once, so a getter cannot show two faces', () => {
    let reads = 0;
    const value = Object.defineProperty({}, 'n', { enumerable: true, get: () => (reads += 1) });
    expect(textOf(canonicalJson(value))).toBe('{"n":1}');
  });
});

describe('properties', () => {
  it('whatever can be written is read back the same, and writes the same bytes', () => {
    fc.assert(
      fc.property(json, (value) => {
        const bytes = canonicalJson(value);
        expect(canonicalJson(parseStrictJson(bytes))).toEqual(bytes);
        expect(parseStrictJson(bytes)).toEqual(JSON.parse(textOf(bytes)));
      }),
    );
  });

  it('pretty-printed text is refused by the strict reader and read alike by the limited one', () => {
    fc.assert(
      fc.property(json, (value) => {
        const pretty = bytesOf(JSON.stringify({ value }, null, 1));
        expect(codeOf(() => parseStrictJson(pretty))).toBe('json-not-canonical');
        expect(canonicalJson(parseLimitedJson(pretty))).toEqual(canonicalJson({ value }));
      }),
    );
  });

  it('canonical is what the encoder of RFC 8785 would have written, and nothing else', () => {
    const marks = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      ' ',
      '"',
      'a',
      'b',
      '1',
      '10',
      '9',
      '0',
      'null',
      'é',
      '\u2028',
      '\u007f',
    ];
    const letters = ['n', 't', 'b', 'f', 'r', '"', '\\', '/', 'u000a', 'u000b', 'u000B', 'u001f', 'u0061', 'u2028'];
    const members = ['"a":', '"b":', '"10":', '"9":', '"\ue000":', '"😀":'];
    const escapes = letters.map((letter) => `\\${letter}`);
    const spelt = fc.array(fc.constantFrom(...marks, ...escapes, ...members), { maxLength: 12 });
    const wrapped = fc.tuple(fc.constantFrom('"', '[', '{', ''), spelt, fc.constantFrom('"', ']', '}', ''));
    let accepted = 0;
    fc.assert(
      fc.property(wrapped, ([opening, pieces, closing]) => {
        const bytes = bytesOf(`${opening}${pieces.join('')}${closing}`);
        let value: unknown;
        try {
          value = parseLimitedJson(bytes);
        } catch {
          return;
        }
        const same = Buffer.from(canonicalJson(value)).equals(bytes);
        expect(codeOf(() => parseStrictJson(bytes))).toBe(same ? 'accepted' : 'json-not-canonical');
        accepted += same ? 1 : 0;
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  it('every escape of a control character has one canonical spelling', () => {
    for (let unit = 0; unit < 0x80; unit += 1) {
      const character = String.fromCharCode(unit);
      const hex = unit.toString(16).padStart(4, '0');
      const spellings = [character, `\\${character}`, `\\u${hex}`, `\\u${hex.toUpperCase()}`];
      spellings.push(...['b', 'f', 'n', 'r', 't'].map((letter) => `\\${letter}`));
      const canonical = JSON.stringify(character);
      for (const spelling of spellings) {
        const text = `"${spelling}"`;
        const outcome = codeOf(() => parseStrictJson(bytesOf(text)));
        if (outcome === 'accepted') expect(text).toBe(JSON.stringify(JSON.parse(text)));
        else expect(outcome).toMatch(/^json-(not-canonical|syntax)$/);
      }
      expect(codeOf(() => parseStrictJson(bytesOf(canonical)))).toBe('accepted');
    }
  });

  it('a changed byte is refused or changes the digest', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, change) => {
        const bytes = canonicalJson({ value });
        const changed = Uint8Array.from(bytes);
        const at = position % bytes.length;
        changed[at] = (changed[at] ?? 0) ^ change;
        const outcome = codeOf(() => parseStrictJson(changed));
        if (outcome === 'accepted')
          expect(digestOf('Test', parseStrictJson(changed))).not.toBe(digestOf('Test', { value }));
        else expect(outcome).toMatch(/^json-/);
      }),
    );
  });

  it('random text never throws anything but ours', () => {
    const soup = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', 'u', '0', '1', '-', '.', 'e', ' ', 'true'),
    });
    fc.assert(
      fc.property(soup, (text) => {
        expect(codeOf(() => parseStrictJson(bytesOf(text)))).toMatch(/^(accepted|json-.*)$/);
      }),
    );
  });

  it('agrees with JSON.parse on what is JSON at all', () => {
    const soup = fc.string({
      unit: fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '1', '2', ' ', 'true', 'null', 'a'),
    });
    fc.assert(
      fc.property(soup, (text) => {
        const native = ((): string => {
          try {
            JSON.parse(text);
            return 'json';
          } catch {
            return 'not json';
          }
        })();
        const ours = codeOf(() => parseLimitedJson(bytesOf(text)));
        if (native === 'not json') expect(ours).not.toBe('accepted');
        else expect(ours).not.toBe('json-syntax');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('digestOf', () => {
  it('is SHA-256 over label, kind, a zero byte and the canonical bytes', () => {
    const expected = createHash('sha256').update('wardround/v1 document StudyPlan\0{"a":1,"b":2}').digest('hex');
    expect(digestOf('StudyPlan', { b: 2, a: 1 })).toBe(expected);
    expect(digestOfBytes('StudyPlan', bytesOf('{"a":1,"b":2}'))).toBe(expected);
  });

  it('differs between kinds', () => {
    expect(digestOf('Approval', {})).not.toBe(digestOf('Withdrawal', {}));
  });

  it.each(['', 'a b', 'a\0b', '1a', 'ä', 'a'.repeat(65)])('refuses the kind %j', (kind) => {
    expect(codeOf(() => digestOf(kind, {}))).toBe('document-kind');
  });
});
