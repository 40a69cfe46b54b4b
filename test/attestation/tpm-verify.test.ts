// Attacks on a TPM's quote, each otherwise genuine: one thing wrong, one exact refusal.
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, utf8 } from '@wardround/protocol/bytes';
import { parseTpmQuote } from '@wardround/attestation/tpm/attest';
import { parsePcrFile } from '@wardround/attestation/tpm/pcr-file';
import { tpmSteps } from '@wardround/attestation/tpm/verify';
import { eventOf, logOf } from './event-log-writer.ts';
import type { Parts, QuoteParts } from './tpm-writer.ts';
import {
  appraise,
  at,
  bitmapOf,
  digestOf,
  failuresOf,
  indexed,
  nonce,
  p256Key,
  p384Key,
  pemOf,
  quoteOf,
  registers,
  rsaKey,
  selectionOf,
  sha384Registers,
  signatureOf,
  sized,
  u16,
} from './tpm-writer.ts';
import { replayEventLog } from '@wardround/attestation/event-log/replay';
import { parseEventLog } from '@wardround/attestation/event-log/event-log';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded ${String(error)}`;
  }
  return 'none';
}

const sha384Quote = (hash: 'sha256' | 'sha384'): Bytes =>
  quoteOf({
    selections: [selectionOf(0x0c, bitmapOf(sha384Registers.keys()))],
    pcrDigest: digestOf(hash, sha384Registers),
  });

describe('a good quote', () => {
  it('makes every step in order; what was not given is not evaluated', () => {
    const { appraisal, log } = appraise();
    expect(log.steps.map(({ name }) => name)).toEqual(tpmSteps);
    expect(appraisal.authentic).toBe(true);
    expect(log.steps.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${name} ${status}`)).toEqual([
      'ak-chain not-evaluated',
      'ak-validity not-evaluated',
      'ak-revocation not-evaluated',
      'pcr-event-log not-evaluated',
    ]);
  });

  it.each([
    ['RSASSA, SHA-256', rsaKey, 'rsassa', 'sha256'],
    ['RSASSA, SHA-384', rsaKey, 'rsassa', 'sha384'],
    ['RSAPSS, SHA-256', rsaKey, 'rsapss', 'sha256'],
    ['RSAPSS, SHA-384', rsaKey, 'rsapss', 'sha384'],
    ['bare RSA', rsaKey, 'plain', 'sha256'],
    ['ECDSA on P-256', p256Key, 'ecdsa', 'sha256'],
    ['ECDSA on P-384', p384Key, 'ecdsa', 'sha384'],
    ['ECDSA on P-384 with SHA-256', p384Key, 'ecdsa', 'sha256'],
    ['bare ECDSA on P-256', p256Key, 'plain', 'sha256'],
    ['bare ECDSA on P-384', p384Key, 'plain', 'sha384'],
  ] as const)('is accepted with %s', (_, key, form, hash) => {
    const quote = quoteOf({ pcrDigest: digestOf(hash, registers) });
    const { appraisal, log } = appraise({
      quote,
      signature: signatureOf(quote, key, form, hash),
      key: pemOf(key.publicKey),
    });
    expect(failuresOf(log)).toEqual([]);
    expect(appraisal.authentic).toBe(true);
  });

  it.each(['sha256', 'sha384'] as const)('is accepted over the SHA-384 bank, signed with %s', (hash) => {
    const quote = sha384Quote(hash);
    const signature = signatureOf(quote, rsaKey, 'rsassa', hash);
    expect(failuresOf(appraise({ quote, signature, pcrs: indexed('sha384', sha384Registers) }).log)).toEqual([]);
  });

  it.each([1, 2, 3, 4])('is accepted with a bitmap of %i bytes that selects the same', (length) => {
    const values = new Map([...registers].filter(([index]) => index < 8));
    const quote = quoteOf({
      selections: [selectionOf(0x0b, bitmapOf(values.keys(), length))],
      pcrDigest: digestOf('sha256', values),
    });
    expect(failuresOf(appraise({ quote, pcrs: indexed('sha256', values) }).log)).toEqual([]);
  });

  it('maps values without numbers by ascending bit', () => {
    const { appraisal } = appraise({ pcrs: { form: 'ordered', values: [...registers.values()] } });
    expect(appraisal.pcrs).toMatchObject({
      held: true,
      value: { bank: 'sha256', indexes: [0, 4, 7, 8], values: registers },
    });
  });

  it('is explained by an event log', () => {
    const eventLog = logOf({ events: [eventOf({ register: 4 }), eventOf({ register: 7 }), eventOf({ register: 9 })] });
    const values = replayEventLog(parseEventLog(eventLog, 'pcr'), 'sha256').registers;
    const all = new Map([...registers, ...[...values].filter(([index]) => index !== 9)]);
    const quote = quoteOf({ pcrDigest: digestOf('sha256', all) });
    const { appraisal, log } = appraise({ quote, pcrs: indexed('sha256', all), eventLog });
    expect(failuresOf(log)).toEqual([]);
    expect(appraisal.eventLog.held && [...appraisal.eventLog.value.registers]).toEqual([4, 7]);
    expect(log.steps.at(-1)?.reason).toBe('the log says nothing about PCR 0, 8');
  });
});

describe('a quote with one thing wrong, signed all the same', () => {
  const cases: readonly (readonly [string, QuoteParts, readonly string[]])[] = [
    ['another magic', { magic: 0xff54_4346 }, ['tpm-quote: tpm-quote-magic']],
    ['an attestation of a key', { type: 0x8017 }, ['tpm-quote: tpm-quote-type']],
    ['an attestation of NV', { type: 0x8014 }, ['tpm-quote: tpm-quote-type']],
    ['a name too long', { signer: new Uint8Array(67) }, ['tpm-quote: tpm-quote-malformed']],
    ['qualifying data too long', { extraData: new Uint8Array(67) }, ['tpm-quote: tpm-quote-malformed']],
    ['a length that lies', { extraDataLength: 66 }, ['tpm-quote: tpm-quote-malformed']],
    ['safe 2', { safe: 2 }, ['tpm-quote: tpm-quote-malformed']],
    ['17 selections', { selectionCount: 17 }, ['tpm-quote: tpm-quote-malformed']],
    ['4 G selections', { selectionCount: 0xffff_ffff }, ['tpm-quote: tpm-quote-malformed']],
    ['a bitmap of no bytes', { selections: [selectionOf(0x0b, new Uint8Array())] }, ['tpm-quote: tpm-quote-malformed']],
    ['a bitmap of 5 bytes', { selections: [selectionOf(0x0b, new Uint8Array(5))] }, ['tpm-quote: tpm-quote-malformed']],
    ['a digest too long', { pcrDigest: new Uint8Array(65) }, ['tpm-quote: tpm-quote-malformed']],
    ['a digest longer than it is', { pcrDigestLength: 33 }, ['tpm-quote: tpm-quote-malformed']],
    ['trailing bytes', { tail: Uint8Array.of(0) }, ['tpm-quote: tpm-quote-malformed']],
    ['another nonce', { extraData: utf8('another nonce') }, ['tpm-nonce: tpm-quote-nonce']],
    ['no nonce', { extraData: new Uint8Array() }, ['tpm-nonce: tpm-quote-nonce']],
    ['the nonce and more', { extraData: concatBytes(nonce, Uint8Array.of(0)) }, ['tpm-nonce: tpm-quote-nonce']],
    ['no bank', { selections: [] }, ['pcr-bank: tpm-pcr-selection']],
    ['no register', { selections: [selectionOf(0x0b, new Uint8Array(3))] }, ['pcr-bank: tpm-pcr-selection']],
    [
      'two banks',
      { selections: [selectionOf(0x0b, bitmapOf(registers.keys())), selectionOf(0x0c, bitmapOf([0]))] },
      ['pcr-bank: tpm-pcr-selection'],
    ],
    [
      'one bank twice',
      { selections: [selectionOf(0x0b, bitmapOf([0, 4])), selectionOf(0x0b, bitmapOf([7, 8]))] },
      ['pcr-bank: tpm-pcr-selection'],
    ],
    ['the SHA-1 bank', { selections: [selectionOf(0x04, bitmapOf(registers.keys()))] }, ['pcr-bank: tpm-pcr-bank']],
    ['the SHA-512 bank', { selections: [selectionOf(0x0d, bitmapOf(registers.keys()))] }, ['pcr-bank: tpm-pcr-bank']],
    ['another bank', { selections: [selectionOf(0x0c, bitmapOf(registers.keys()))] }, ['pcr-values: tpm-pcr-bank']],
    ['register 24', { selections: [selectionOf(0x0b, bitmapOf([0, 24], 4))] }, ['pcr-bank: tpm-pcr-selection']],
    ['a register less', { selections: [selectionOf(0x0b, bitmapOf([0, 4, 7]))] }, ['pcr-values: tpm-pcr-selection']],
    [
      'a register more',
      { selections: [selectionOf(0x0b, bitmapOf([0, 4, 7, 8, 9]))] },
      ['pcr-values: tpm-pcr-selection'],
    ],
    [
      'another register',
      { selections: [selectionOf(0x0b, bitmapOf([0, 4, 7, 9]))] },
      ['pcr-values: tpm-pcr-selection'],
    ],
    ['a digest of other values', { pcrDigest: new Uint8Array(32) }, ['pcr-values: tpm-pcr-digest']],
    ['a digest by another hash', { pcrDigest: digestOf('sha384', registers) }, ['pcr-values: tpm-pcr-digest']],
    ['no digest', { pcrDigest: new Uint8Array() }, ['pcr-values: tpm-pcr-digest']],
  ];

  it.each(cases)('%s', (_, parts, expected) => {
    const { appraisal, log } = appraise({ quote: quoteOf(parts) });
    expect(failuresOf(log)).toEqual(expected);
    expect(appraisal.authentic).toBe(false);
  });
});

describe('what comes beside a quote, with one thing wrong', () => {
  const quote = quoteOf();
  const good = signatureOf(quote, rsaKey);
  const values = [...registers.values()];
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = copyBytes(rsaKey.publicKey.export({ type: 'spki', format: 'der' }));
  const logOfOther = logOf({ events: [eventOf({ register: 4 })] });
  const cases: readonly (readonly [string, Parts, readonly string[]])[] = [
    ['a signature by another key', { signature: signatureOf(quote, other) }, ['tpm-signature: tpm-quote-signature']],
    [
      'a signature over another quote',
      { signature: signatureOf(quoteOf({ resetCount: 8 }), rsaKey) },
      ['tpm-signature: tpm-quote-signature'],
    ],
    [
      'a bare signature by another key',
      { signature: signatureOf(quote, other, 'plain') },
      ['tpm-signature: tpm-quote-signature'],
    ],
    ['RSASSA called RSAPSS', { signature: good.with(1, 0x16) }, ['tpm-signature: tpm-quote-signature']],
    ['SHA-256 called SHA-384', { signature: good.with(3, 0x0c) }, ['tpm-signature: tpm-quote-signature']],
    ['SHA-1', { signature: good.with(3, 0x04) }, ['tpm-signature: tpm-signature-scheme']],
    ['HMAC', { signature: good.with(1, 0x05) }, ['tpm-signature: tpm-signature-scheme']],
    ['ECDSA by an RSA key', { signature: good.with(1, 0x18) }, ['tpm-signature: tpm-signature-scheme']],
    ['no signature', { signature: new Uint8Array() }, ['tpm-signature: tpm-signature-malformed']],
    ['a signature cut short', { signature: good.subarray(0, -1) }, ['tpm-signature: tpm-signature-malformed']],
    [
      'a signature and more',
      { signature: concatBytes(good, Uint8Array.of(0)) },
      ['tpm-signature: tpm-signature-malformed'],
    ],
    ['a signature too large', { signature: new Uint8Array(1025) }, ['tpm-signature: tpm-signature-malformed']],
    [
      'a signature of another size',
      { signature: concatBytes(u16(0x14), u16(0x0b), sized(new Uint8Array(384))) },
      ['tpm-signature: tpm-signature-malformed'],
    ],
    ['a nonce that nobody chose', { nonce: new Uint8Array() }, ['tpm-nonce: tpm-quote-nonce']],
    [
      'another value',
      { pcrs: indexed('sha256', new Map([...registers, [4, new Uint8Array(32)]])) },
      ['pcr-values: tpm-pcr-digest'],
    ],
    [
      'two values exchanged',
      { pcrs: { form: 'ordered', values: values.toReversed() } },
      ['pcr-values: tpm-pcr-digest'],
    ],
    ['a value less', { pcrs: { form: 'ordered', values: values.slice(1) } }, ['pcr-values: tpm-pcr-selection']],
    [
      'a value more',
      { pcrs: { form: 'ordered', values: [...values, new Uint8Array(32)] } },
      ['pcr-values: tpm-pcr-selection'],
    ],
    [
      'values cut otherwise',
      {
        pcrs: {
          form: 'ordered',
          values: [new Uint8Array(31), new Uint8Array(33), new Uint8Array(32), new Uint8Array(32)],
        },
      },
      ['pcr-values: tpm-pcr-value'],
    ],
    ['values of another bank', { pcrs: indexed('sha384', sha384Registers) }, ['pcr-values: tpm-pcr-bank']],
    ['an event log of another boot', { eventLog: logOfOther }, ['pcr-event-log: tpm-event-log-mismatch']],
    ['an event log that is none', { eventLog: utf8('log') }, ['pcr-event-log: event-log-malformed']],
    ['an empty key', { key: new Uint8Array() }, ['ak-key: pem-malformed']],
    ['a key too large', { key: new Uint8Array(8_193) }, ['ak-key: tpm-ak-malformed']],
    [
      'a private key',
      { key: utf8(rsaKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()) },
      ['ak-key: tpm-ak-malformed'],
    ],
    [
      'a private key in DER',
      { key: copyBytes(rsaKey.privateKey.export({ type: 'pkcs8', format: 'der' })) },
      ['ak-key: certificate-malformed'],
    ],
    ['a key and more', { key: concatBytes(der, Uint8Array.of(0)) }, ['ak-key: der-malformed']],
    ['a key whose bits are no key', { key: der.with(24, 0x31) }, ['ak-key: tpm-ak-malformed']],
    [
      'RSA-1024',
      { key: pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey) },
      ['ak-key: tpm-ak-weak'],
    ],
    [
      'RSA with exponent 3',
      { key: pemOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey) },
      ['ak-key: tpm-ak-weak'],
    ],
    ['P-521', { key: pemOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey) }, ['ak-key: tpm-ak-weak']],
    [
      'secp256k1',
      { key: pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey) },
      ['ak-key: tpm-ak-weak'],
    ],
    ['Ed25519', { key: pemOf(generateKeyPairSync('ed25519').publicKey) }, ['ak-key: tpm-ak-weak']],
  ];

  it.each(cases)('%s', (_, parts, expected) => {
    const { appraisal, log } = appraise({ quote, ...parts });
    expect(failuresOf(log)).toEqual(expected);
    expect(appraisal.authentic).toBe(false);
  });

  it('takes the key as DER as well', () => {
    expect(failuresOf(appraise({ key: der }).log)).toEqual([]);
  });

  it.each([
    ['r of no bytes', concatBytes(u16(0x18), u16(0x0b), sized(new Uint8Array()), sized(new Uint8Array(32)))],
    ['s of 33 bytes', concatBytes(u16(0x18), u16(0x0b), sized(new Uint8Array(32)), sized(new Uint8Array(33)))],
    ['RSASSA by an EC key', concatBytes(u16(0x14), u16(0x0b), sized(new Uint8Array(64)))],
    ['r and s zero', concatBytes(u16(0x18), u16(0x0b), sized(new Uint8Array(32)), sized(new Uint8Array(32)))],
    ['DER that is none', Uint8Array.of(0x30, 0x80, 0x02)],
  ])('ECDSA: %s', (_, signature) => {
    const { appraisal, log } = appraise({ quote, signature, key: pemOf(p256Key.publicKey) });
    expect(failuresOf(log)).toHaveLength(1);
    expect(failuresOf(log)[0]).toMatch(/^tpm-signature: tpm-(?:signature-malformed|signature-scheme|quote-signature)$/);
    expect(appraisal.authentic).toBe(false);
  });

  it('an attested key that was not proved is no key', () => {
    const { log } = appraise({ key: new Uint8Array(10) });
    expect(log.steps.find(({ name }) => name === 'tpm-signature')?.status).toBe('not-evaluated');
  });

  it('a clock that is none is refused before anything', () => {
    expect(codeOf(() => appraise({ at: new Date(Number.NaN) }))).toBe('clock-invalid');
    expect(at.getTime()).toBeGreaterThan(0);
  });
});

describe('every bit and every length', () => {
  const quote = quoteOf();
  const signature = signatureOf(quote, rsaKey);

  it('of the quote is signed', () => {
    for (let bit = 0; bit < 8 * quote.byteLength; bit += 1) {
      const flipped = quote.with(bit >> 3, (quote[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      const { appraisal, log } = appraise({ quote: flipped, signature });
      expect(appraisal.authentic).toBe(false);
      expect(failuresOf(log).join()).not.toContain('attestation-internal');
    }
  });

  it('of the signature matters', () => {
    for (let bit = 0; bit < 8 * signature.byteLength; bit += 5) {
      const flipped = signature.with(bit >> 3, (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      const { appraisal, log } = appraise({ quote, signature: flipped });
      expect(appraisal.authentic).toBe(false);
      expect(failuresOf(log).join()).not.toContain('attestation-internal');
    }
  });

  it('of a quote cut short is refused by its code', () => {
    for (let length = 0; length < quote.byteLength; length += 1)
      expect(codeOf(() => parseTpmQuote(quote.subarray(0, length)))).toBe('tpm-quote-malformed');
  });

  it('of noise is refused by a code', () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, bytes, bytes, (first, second, third) => {
        const { appraisal, log } = appraise({
          quote: concatBytes(quote.subarray(0, 6), first),
          signature: second,
          key: third,
          eventLog: first,
        });
        expect(appraisal.authentic).toBe(false);
        expect(failuresOf(log).join()).not.toContain('attestation-internal');
      }),
    );
  });
});

describe('a file of register values', () => {
  const quote = parseTpmQuote(quoteOf());
  const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex');
  const json = (value: unknown): Bytes => utf8(JSON.stringify(value));
  const byIndex = Object.fromEntries([...registers].map(([index, value]) => [index, hexOf(value)]));

  it.each([
    ['JSON by bank and number', json({ sha256: byIndex }), 'indexed'],
    ['a JSON list', json([...registers.values()].map(hexOf)), 'ordered'],
    ['values one after the other', concatBytes(...registers.values()), 'ordered'],
  ])('%s', (_, bytes, form) => {
    const pcrs = parsePcrFile(bytes, quote);
    expect(pcrs.form).toBe(form);
    expect(failuresOf(appraise({ pcrs }).log)).toEqual([]);
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['too much', new Uint8Array(65_537)],
    ['half a value', new Uint8Array(48)],
    ['25 values', new Uint8Array(25 * 32)],
    ['an empty list', json([])],
    ['another bank', json({ sha1: {} })],
    ['two banks', json({ sha256: byIndex, sha384: {} })],
    ['register 24', json({ sha256: { '24': '00'.repeat(32) } })],
    ['register 01', json({ sha256: { '01': '00'.repeat(32) } })],
    ['no hex', json({ sha256: { '0': 'zz' } })],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => parsePcrFile(bytes, quote))).toBe('tpm-pcr-file');
  });

  it('never throws anything uncoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 800 }), (bytes) => {
        expect(codeOf(() => parsePcrFile(bytes, quote))).toMatch(/^(?:none|tpm-pcr-file)$/);
      }),
    );
  });
});
