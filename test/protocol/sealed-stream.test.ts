// Attacks on sealed streams: cut, reordered, repeated, exchanged, flipped, lengthened, for another purpose, to another key. One error for all.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { sealInfo } from '@wardround/protocol/hpke';
import { generateEphemeralHpkeKey, generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { labels } from '@wardround/protocol/labels';
import { rechunk } from '@wardround/protocol/rechunk';
import {
  createOpener,
  createOpenerFromMany,
  createSealer,
  openFromMany,
  openStream,
  sealStream,
  sealToMany,
} from '@wardround/protocol/sealed-stream';
import { ChunkOpener, ChunkSealer, sealedSize, tagLength } from '@wardround/protocol/stream-chunks';

const chunkSize = 64;
const sealedChunk = chunkSize + tagLength;
const privateKey = await generateHpkeKey();
const stranger = await generateHpkeKey();
const info = sealInfo(labels.contributionSeal, 'a'.repeat(64));

async function errorOf(action: () => Promise<unknown>): Promise<WardroundError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof WardroundError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concatBytes(...parts);
}

const message = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7 + 3) & 0xff);

async function seal(plain: Uint8Array): Promise<{ enc: Uint8Array; sealed: Uint8Array }> {
  const { enc, chunks } = await sealStream({ source: [plain], recipient: privateKey.publicKey, info, chunkSize });
  return { enc, sealed: await collect(chunks) };
}

const open = async (enc: Uint8Array, sealed: Uint8Array): Promise<Uint8Array> =>
  await collect(openStream({ source: [sealed], privateKey, enc, info, chunkSize }));

async function expectRefused(enc: Uint8Array, sealed: Uint8Array): Promise<void> {
  const error = await errorOf(async () => await open(enc, sealed));
  expect(faceOf(error)).toEqual(oneFace);
}

/** Every field of an error that somebody could look at. */
const faceOf = (error: WardroundError): object =>
  Object.fromEntries(
    Object.getOwnPropertyNames(error)
      .filter((field) => field !== 'stack')
      .map((field) => [field, Reflect.get(error, field)]),
  );

/** What every refusal looks like: no cause among its fields, no place. */
const oneFace = {
  name: 'WardroundError',
  message: 'this cannot be opened',
  code: 'seal-open',
  expected: undefined,
  got: undefined,
  where: undefined,
  action: 'stop',
};

const sizes = [0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 3 * chunkSize + 5];

describe('a sealed stream', () => {
  it.each(sizes)('of %d bytes opens, and has the size that was promised', async (size) => {
    const { enc, sealed } = await seal(message(size));
    expect(sealed.length).toBe(sealedSize(size, chunkSize));
    expect(await open(enc, sealed)).toEqual(message(size));
  });

  it('opens with the default chunk size', async () => {
    const plain = message(3 * 1024 * 1024 + 5);
    const { enc, chunks } = await sealStream({ source: [plain], recipient: privateKey.publicKey, info });
    const opened = await collect(openStream({ source: chunks, privateKey, enc, info }));
    expect(Buffer.compare(opened, plain)).toBe(0);
  });

  it('does not depend on how its pieces come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(90), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 200 })),
        async (lengths, borders) => {
          const pieces = lengths.map(message);
          const { enc, chunks } = await sealStream({
            source: pieces,
            recipient: privateKey.publicKey,
            info,
            chunkSize,
          });
          const sealed = await collect(chunks);
          const cut: Uint8Array[] = [];
          let at = 0;
          for (const length of borders) cut.push(sealed.subarray(at, (at += length)));
          cut.push(sealed.subarray(at));
          const opened = await collect(openStream({ source: cut, privateKey, enc, info, chunkSize }));
          expect(opened).toEqual(concatBytes(...pieces));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('differs each time', async () => {
    const [one, two] = [await seal(message(5)), await seal(message(5))];
    expect(one.enc).not.toEqual(two.enc);
    expect(one.sealed).not.toEqual(two.sealed);
  });

  it('opens chunk by chunk in any order', async () => {
    const plain = message(3 * chunkSize + 5);
    const { enc, sealed } = await seal(plain);
    const opener = await createOpener({ privateKey, enc, info, chunkSize });
    for (const index of [3, 1, 0, 2, 1]) {
      const chunk = sealed.subarray(index * sealedChunk, (index + 1) * sealedChunk);
      expect(opener.open(index, chunk, index === 3)).toEqual(
        plain.subarray(index * chunkSize, (index + 1) * chunkSize),
      );
    }
  });

  it('is asked for no more than two chunks ahead: memory does not depend on size', async () => {
    let taken = 0;
    function* endless(): Generator<Uint8Array> {
      for (;;) {
        taken += 1;
        yield new Uint8Array(chunkSize);
      }
    }
    const { chunks } = await sealStream({ source: endless(), recipient: privateKey.publicKey, info, chunkSize });
    for (let chunk = 1; chunk <= 100; chunk += 1) {
      expect((await chunks.next()).done).toBe(false);
      expect(taken).toBe(chunk + 1);
    }
    await chunks.return();
  });
});

describe('a stream does not open', () => {
  it.each(sizes)('truncated anywhere (%d bytes)', async (size) => {
    const { enc, sealed } = await seal(message(size));
    for (let end = 0; end < sealed.length; end += 1) await expectRefused(enc, sealed.subarray(0, end));
  });

  it('truncated at a chunk border in front of its last chunk', async () => {
    const { enc, sealed } = await seal(message(3 * chunkSize));
    for (const count of [0, 1, 2]) await expectRefused(enc, sealed.subarray(0, count * sealedChunk));
  });

  it('with any bit flipped', async () => {
    const { enc, sealed } = await seal(message(2 * chunkSize + 3));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expectRefused(enc, flipped);
    }
  });

  it('with any byte of its encapsulation changed', async () => {
    const { enc, sealed } = await seal(message(3));
    for (let at = 0; at < enc.length; at += 7) {
      const changed = Uint8Array.from(enc);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expectRefused(changed, sealed);
    }
  });

  it.each([
    ['empty', new Uint8Array()],
    ['short', new Uint8Array(1119)],
    ['long', new Uint8Array(1121)],
    ['all zeros (a low-order X25519 point)', new Uint8Array(1120)],
    ['all ones', new Uint8Array(1120).fill(255)],
  ])('with an encapsulation that is %s', async (_name, enc) => {
    await expectRefused(enc, (await seal(message(3))).sealed);
  });

  const plain = message(3 * chunkSize + 5);
  const chunk = (sealed: Uint8Array, index: number): Uint8Array =>
    sealed.subarray(index * sealedChunk, (index + 1) * sealedChunk);
  it.each<[string, (s: Uint8Array) => Uint8Array[]]>([
    ['reordered', (s) => [chunk(s, 1), chunk(s, 0), chunk(s, 2), chunk(s, 3)]],
    ['with a chunk repeated', (s) => [chunk(s, 0), chunk(s, 0), chunk(s, 1), chunk(s, 2), chunk(s, 3)]],
    ['with a chunk left out', (s) => [chunk(s, 0), chunk(s, 2), chunk(s, 3)]],
    ['with its last chunk twice', (s) => [s, chunk(s, 3)]],
    ['with its last chunk first', (s) => [chunk(s, 3), s]],
    ['with its last chunk in the place of its first', (s) => [chunk(s, 3)]],
    ['with a byte more', (s) => [s, Uint8Array.of(0)]],
    ['with a full chunk of zeros more', (s) => [s, new Uint8Array(sealedChunk)]],
    ['followed by itself', (s) => [s, s]],
    ['with a byte less in the middle', (s) => [s.subarray(0, 70), s.subarray(71)]],
  ])('%s', async (_name, spoil) => {
    const { enc, sealed } = await seal(plain);
    await expectRefused(enc, concatBytes(...spoil(sealed)));
  });

  it('with a chunk of another stream to the same key in its place', async () => {
    const [one, two] = [await seal(plain), await seal(plain)];
    await expectRefused(
      one.enc,
      concatBytes(chunk(one.sealed, 0), chunk(two.sealed, 1), one.sealed.subarray(2 * sealedChunk)),
    );
    await expectRefused(two.enc, one.sealed);
  });

  it('for another purpose, another context, another key or another chunk size', async () => {
    const { enc, sealed } = await seal(plain);
    const wrong = [
      { privateKey, enc, info: sealInfo(labels.modelSeal, 'a'.repeat(64)), chunkSize },
      { privateKey, enc, info: sealInfo(labels.contributionSeal, 'b'.repeat(64)), chunkSize },
      { privateKey, enc, info: new Uint8Array(), chunkSize },
      { privateKey: stranger, enc, info, chunkSize },
      { privateKey, enc, info, chunkSize: chunkSize + 1 },
      { privateKey, enc, info, chunkSize: 4 * chunkSize },
    ];
    for (const from of wrong) {
      const error = await errorOf(async () => await collect(openStream({ source: [sealed], ...from })));
      expect(faceOf(error)).toEqual(oneFace);
    }
  });

  it('under another chunk size, though it is one chunk in both', async () => {
    const { enc, sealed } = await seal(message(3));
    const toMany = await sealToMany({ source: [message(3)], recipients: [privateKey.publicKey], info, chunkSize });
    const [wrapped] = toMany.wrappedKeys;
    if (wrapped === undefined) throw new Error('no key for the recipient');
    const other = { privateKey, info, chunkSize: chunkSize + 1 };
    const one = await errorOf(async () => await collect(openStream({ source: [sealed], enc, ...other })));
    const many = await errorOf(async () => await collect(openFromMany({ source: toMany.chunks, wrapped, ...other })));
    expect([faceOf(one), faceOf(many)]).toEqual([oneFace, oneFace]);
  });

  it('under another place or another claim to be the last', async () => {
    const { enc, sealed } = await seal(plain);
    const opener = await createOpener({ privateKey, enc, info, chunkSize });
    const tries: [number, Uint8Array, boolean][] = [
      [1, chunk(sealed, 0), false],
      [0, chunk(sealed, 0), true],
      [3, chunk(sealed, 3), false],
      [-1, chunk(sealed, 0), false],
      [2 ** 32, chunk(sealed, 0), false],
      [0.5, chunk(sealed, 0), false],
      [Number.NaN, chunk(sealed, 0), false],
      [0, new Uint8Array(), true],
      [0, new Uint8Array(15), true],
    ];
    for (const [index, bytes, last] of tries) {
      const error = await errorOf(async () => await Promise.resolve().then(() => opener.open(index, bytes, last)));
      expect(faceOf(error)).toEqual(oneFace);
    }
  });

  it('after its round’s key was erased', async () => {
    const round = await generateEphemeralHpkeKey();
    const { enc, chunks } = await sealStream({ source: [plain], recipient: round.publicKey, info, chunkSize });
    const sealed = await collect(chunks);
    expect(await collect(openStream({ source: [sealed], privateKey: round, enc, info, chunkSize }))).toEqual(plain);
    round.erase();
    const error = await errorOf(
      async () => await collect(openStream({ source: [sealed], privateKey: round, enc, info, chunkSize })),
    );
    expect(error.code).toBe('key-erased');
  });
});

describe('the format', () => {
  it('is AES-256-GCM with 7 zero bytes, the counter and the last flag as nonce, and the label as additional data', async () => {
    const raw = new Uint8Array(32).map((_, i) => i);
    const sealer = new ChunkSealer(raw, chunkSize);
    const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt']);
    const additionalData = new TextEncoder().encode('wardround/v1 stream-chunk');
    const places: [number, boolean, Uint8Array<ArrayBuffer>][] = [
      [0, false, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
      [1, false, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)],
      [2, true, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1)],
    ];
    for (const [index, last, iv] of places) {
      const plain = Uint8Array.from(message(last ? 5 : chunkSize));
      const expected = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, plain);
      const sealed = sealer.seal(plain, last);
      expect(sealed).toEqual(new Uint8Array(expected));
      expect(new ChunkOpener(raw, chunkSize).open(index, sealed, last)).toEqual(plain);
    }
  });
});

describe('an empty last chunk', () => {
  const key = new Uint8Array(32).fill(7);
  it('after a full one is neither sealed nor opened: each plaintext has one length of ciphertext', async () => {
    const sealer = new ChunkSealer(key, chunkSize);
    sealer.seal(new Uint8Array(chunkSize), false);
    const error = await errorOf(async () => await Promise.resolve().then(() => sealer.seal(new Uint8Array(), true)));
    expect(error.code).toBe('seal-chunk-length');
    const empty = new ChunkSealer(key, chunkSize).seal(new Uint8Array(), true);
    expect(new ChunkOpener(key, chunkSize).open(0, empty, true)).toEqual(new Uint8Array());
    expect(
      (
        await errorOf(
          async () => await Promise.resolve().then(() => new ChunkOpener(key, chunkSize).open(1, empty, true)),
        )
      ).code,
    ).toBe('seal-open');
  });
});

describe('createSealer', () => {
  it('seals chunk by chunk what openStream opens', async () => {
    const sealer = await createSealer({ recipient: privateKey.publicKey, info, chunkSize });
    const sealed = [sealer.seal(message(chunkSize), false), sealer.seal(message(3), true)];
    const opened = await collect(
      openStream({ source: sealed, privateKey, enc: sealer.enc, info, chunkSize: sealer.chunkSize }),
    );
    expect(opened).toEqual(concatBytes(message(chunkSize), message(3)));
  });

  it.each([
    ['a short chunk that is not the last', [[chunkSize - 1, false]], 'seal-chunk-length'],
    ['a chunk too long', [[chunkSize + 1, true]], 'seal-chunk-length'],
    ['an empty chunk that is not the last', [[0, false]], 'seal-chunk-length'],
    [
      'anything after the last',
      [
        [1, true],
        [1, true],
      ],
      'seal-ended',
    ],
  ] as [string, [number, boolean][], string][])('refuses %s', async (_name, steps, code) => {
    const sealer = await createSealer({ recipient: privateKey.publicKey, info, chunkSize });
    const error = await errorOf(
      async () =>
        await Promise.resolve().then(() => {
          for (const [length, last] of steps) sealer.seal(new Uint8Array(length), last);
        }),
    );
    expect(error.code).toBe(code);
  });

  it.each([0, 63, 8 * 1024 * 1024, 100.5, Number.NaN])('refuses a chunk size of %d', async (size) => {
    const error = await errorOf(
      async () => await createSealer({ recipient: privateKey.publicKey, info, chunkSize: size }),
    );
    expect(error.code).toBe('seal-chunk-size');
  });

  it('refuses a recipient that is no key', async () => {
    const recipient = { kem: 'MLKEM768-X25519' as const, key: '_'.repeat(1622) };
    expect((await errorOf(async () => await createSealer({ recipient, info }))).code).toBe('key-invalid');
  });
});

describe('sealToMany', () => {
  const recipients = [privateKey, stranger];
  async function sealMany(
    plain: Uint8Array,
  ): Promise<{ wrapped: { enc: Uint8Array<ArrayBuffer>; wrappedKey: Uint8Array<ArrayBuffer> }[]; sealed: Uint8Array }> {
    const { wrappedKeys, chunks } = await sealToMany({
      source: [plain],
      recipients: recipients.map((key) => key.publicKey),
      info,
      chunkSize,
    });
    return { wrapped: [...wrappedKeys], sealed: await collect(chunks) };
  }

  it.each(sizes)('seals %d bytes once, and each recipient opens them', async (size) => {
    const { wrapped, sealed } = await sealMany(message(size));
    expect(sealed.length).toBe(sealedSize(size, chunkSize));
    for (const [i, key] of recipients.entries()) {
      const mine = wrapped[i];
      if (mine === undefined) throw new Error('no key for a recipient');
      expect(
        await collect(openFromMany({ source: [sealed], privateKey: key, wrapped: mine, info, chunkSize })),
      ).toEqual(message(size));
    }
  });

  it('opens nothing for anybody else, for another purpose, or changed', async () => {
    const { wrapped, sealed } = await sealMany(message(3 * chunkSize));
    const [first, second] = wrapped;
    if (first === undefined || second === undefined) throw new Error('no key for a recipient');
    const flip = (bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> =>
      bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const good = { source: [sealed], privateKey, wrapped: first, info, chunkSize };
    const wrong = [
      { ...good, wrapped: second },
      { ...good, privateKey: stranger },
      { ...good, wrapped: { ...first, wrappedKey: second.wrappedKey } },
      { ...good, wrapped: { ...first, wrappedKey: flip(first.wrappedKey, 0) } },
      { ...good, wrapped: { ...first, wrappedKey: first.wrappedKey.slice(1) } },
      { ...good, wrapped: { ...first, wrappedKey: new Uint8Array() } },
      { ...good, wrapped: { ...first, enc: flip(first.enc, 0) } },
      { ...good, wrapped: { ...first, enc: flip(first.enc, 1119) } },
      { ...good, wrapped: { ...first, enc: first.enc.slice(1) } },
      { ...good, info: sealInfo(labels.releaseSeal, 'a'.repeat(64)) },
      { ...good, chunkSize: 2 * chunkSize },
      { ...good, source: [sealed.subarray(0, sealedChunk)] },
      { ...good, source: [sealed.subarray(sealedChunk)] },
    ];
    for (const from of wrong) {
      const error = await errorOf(async () => await collect(openFromMany(from)));
      expect(faceOf(error)).toEqual(oneFace);
    }
  });

  it('lets a recipient open one chunk alone', async () => {
    const { wrapped, sealed } = await sealMany(message(2 * chunkSize + 1));
    const mine = wrapped[1];
    if (mine === undefined) throw new Error('no key for a recipient');
    const opener = await createOpenerFromMany({ privateKey: stranger, wrapped: mine, info, chunkSize });
    expect(opener.open(2, sealed.subarray(2 * sealedChunk), true)).toEqual(
      message(2 * chunkSize + 1).subarray(2 * chunkSize),
    );
  });

  it('cannot be opened as a stream to one, nor the other way round', async () => {
    const { wrapped, sealed } = await sealMany(message(3));
    await expectRefused(wrapped[0]?.enc ?? new Uint8Array(), sealed);
  });
});

describe('rechunk', () => {
  it('keeps every byte and marks exactly the last chunk', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 20 })),
        fc.integer({ min: 1, max: 12 }),
        async (pieces, size) => {
          const chunks: { bytes: Uint8Array; last: boolean }[] = [];
          for await (const { bytes, last } of rechunk(pieces, size))
            chunks.push({ bytes: Uint8Array.from(bytes), last });
          expect(concatBytes(...chunks.map((c) => c.bytes))).toEqual(concatBytes(...pieces));
          expect(chunks.map((c) => c.last)).toEqual(chunks.map((_, i) => i === chunks.length - 1));
          for (const { bytes, last } of chunks) expect(last ? bytes.length <= size : bytes.length === size).toBe(true);
        },
      ),
    );
  });

  it('passes on what its source throws', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100);
      throw await Promise.resolve(new Error('the relay went away'));
    }
    const { chunks } = await sealStream({ source: broken(), recipient: privateKey.publicKey, info, chunkSize });
    await expect(collect(chunks)).rejects.toThrow('the relay went away');
  });
});
