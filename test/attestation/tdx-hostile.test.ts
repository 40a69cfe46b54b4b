// TDX evidence made by whoever likes: flipped, cut, spliced and random bytes in every part. Each is refused, by a code of ours, quickly.
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import { hasCode } from '@wardround/protocol/errors';
import { pemOf } from '@wardround/attestation/simulated/intel/platform';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import type { TdxInspection } from '@wardround/attestation/tdx/inspect';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import { readQuoteFile } from '@wardround/attestation/tdx/quote-file';
import type { Presented, TdxWorld } from './tdx-world.ts';
import { failuresOf, inspectIn, makeTdxWorld } from './tdx-world.ts';

let world: TdxWorld;

beforeAll(async () => {
  world = await makeTdxWorld();
});

const none = new Uint8Array(0);

function flipped(bytes: Uint8Array, offset: number, bit = offset % 8): Bytes {
  const changed = Uint8Array.from(bytes);
  changed[offset] = (changed[offset] ?? 0) ^ (1 << bit);
  return changed;
}

/** Refused, and by nothing unforeseen. */
function refusals(presented: Presented): readonly string[] {
  const inspection: TdxInspection = inspectIn(world, presented);
  const failures = failuresOf(inspection.steps);
  expect(failures.filter((failure) => failure.endsWith('attestation-internal'))).toEqual([]);
  expect(inspection.authentic).toBe(failures.length === 0);
  return failures;
}

describe('one flipped bit', () => {
  it('in the quote', () => {
    const quote = world.platform.makeQuote();
    for (let offset = 0; offset < quote.byteLength; offset += 13)
      expect({ offset, refused: refusals({ quote: flipped(quote, offset) }).length > 0 }).toEqual({
        offset,
        refused: true,
      });
  });

  it('in a certificate of the quote', () => {
    for (const [position, der] of world.platform.chain.entries()) {
      for (let offset = 0; offset < der.byteLength; offset += 5) {
        const chain = world.platform.chain.with(position, flipped(der, offset));
        const failures = refusals({ request: { pckChain: utf8(chain.map(pemOf).join('')) } });
        expect({ position, offset, refused: failures.length > 0 }).toEqual({ position, offset, refused: true });
      }
    }
  });

  it.each(['tcbInfo', 'qeIdentity'] as const)('in what is signed of %s, and in the member around it', (name) => {
    const body = world.collateral[name] ?? none;
    // Before the signature's digits, which may be written in either case.
    const end = body.byteLength - 130;
    for (let offset = 0; offset < end; offset += 11) {
      const [first] = refusals({ collateral: { [name]: flipped(body, offset) } });
      expect({ offset, first }).toEqual({
        offset,
        first: expect.stringMatching(/: tdx-collateral-(?:signature|malformed)$/),
      });
    }
  });

  it.each(['pckCrl', 'rootCrl'] as const)('in %s', (name) => {
    const list = world.collateral[name] ?? none;
    for (let offset = 0; offset < list.byteLength; offset += 1) {
      const failures = refusals({ collateral: { [name]: flipped(list, offset) } });
      expect({ offset, steps: failures.map((failure) => failure.split(':')[0]) }).toEqual({
        offset,
        steps: ['revocation'],
      });
    }
  });

  it.each(['tcbInfoIssuerChain', 'qeIdentityIssuerChain', 'pckCrlIssuerChain'] as const)('in the %s', (name) => {
    const [first = none, root = none] = world.collateral[name];
    for (let offset = 0; offset < first.byteLength; offset += 5) {
      const failures = refusals({ collateral: { [name]: [flipped(first, offset), root] } });
      expect({ offset, refused: failures.length > 0 }).toEqual({ offset, refused: true });
    }
  });
});

describe('cut at every length', () => {
  it('the quote', () => {
    const quote = world.platform.makeQuote();
    for (let length = 0; length < quote.byteLength; length += 1) {
      const cut = quote.subarray(0, length);
      expect(() => parseTdxQuote(cut)).toThrow(expect.objectContaining({ code: 'tdx-quote-truncated' }));
    }
  });

  it.each(['tcbInfo', 'qeIdentity'] as const)('%s', (name) => {
    const body = world.collateral[name] ?? none;
    for (let length = 0; length < body.byteLength; length += 31)
      expect(refusals({ collateral: { [name]: body.subarray(0, length) } })[0]).toMatch(/tdx-collateral-malformed$/);
  });

  it.each(['pckCrl', 'rootCrl'] as const)('%s', (name) => {
    const list = world.collateral[name] ?? none;
    for (let length = 0; length < list.byteLength; length += 3)
      expect(refusals({ collateral: { [name]: list.subarray(0, length) } })[0]).toMatch(/^revocation: /);
  });
});

describe('anything at all', () => {
  const parts = ['tcbInfo', 'qeIdentity', 'pckCrl', 'rootCrl'] as const;

  it('as a quote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (quote) => {
        expect(refusals({ quote }).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('in the middle of a quote', () => {
    const quote = world.platform.makeQuote();
    const splice = fc.record({
      start: fc.nat(quote.byteLength - 1),
      length: fc.nat(64),
      bytes: fc.uint8Array({ minLength: 0, maxLength: 64 }),
    });
    fc.assert(
      fc.property(splice, ({ start, length, bytes }) => {
        const changed = concatBytes(quote.subarray(0, start), bytes, quote.subarray(start + length));
        // Zeros behind the whole quote are padding.
        const whole = Buffer.from(changed.subarray(0, quote.byteLength)).equals(quote);
        if (whole && changed.subarray(quote.byteLength).every((byte) => byte === 0)) return;
        expect(refusals({ quote: changed }).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('as collateral, in every place', () => {
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.uint8Array({ maxLength: 500 }), (name, bytes) => {
        expect(refusals({ collateral: { [name]: bytes } }).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('as signed JSON of a signer that is trusted', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, (value) => {
        const text = `{"tcbInfo":${JSON.stringify(value)},"signature":"${'0'.repeat(128)}"}`;
        expect(refusals({ collateral: { tcbInfo: utf8(text) } })[0]).toMatch(/^tcb-info: tdx-collateral-/);
      }),
      { numRuns: 300 },
    );
  });

  it('as a file of collateral', () => {
    const files = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.jsonValue().map((value) => utf8(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(files, (bytes) => {
        try {
          readCollateralFile(bytes);
        } catch (error) {
          expect(hasCode(error, 'tdx-collateral-file')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a quote in a file', () => {
  it('is read as bytes, hex and base64url alike', () => {
    const quote = Buffer.from(world.platform.makeQuote());
    const texts = [quote.toString('hex'), `0x${quote.toString('hex')}\n`, quote.toString('hex').toUpperCase()];
    const more = [quote.toString('base64url'), `${quote.toString('base64url')}==\n`];
    for (const file of [quote, ...[...texts, ...more].map(utf8)])
      expect(Buffer.from(readQuoteFile(file)).equals(quote)).toBe(true);
  });

  it('and what is none stays none', () => {
    for (const text of ['', 'hello world', '0x', '0x0', 'äöü'])
      expect(refusals({ quote: readQuoteFile(utf8(text)) })[0]).toMatch(/^quote-format: /);
  });
});
