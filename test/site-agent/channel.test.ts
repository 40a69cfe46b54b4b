// The pipe between vault and courier: any split, any nonsense, and a whole conversation over it.
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { Relay } from '@wardround/protocol/relay-port';
import { encodeFrame, FrameParser } from '../../site-agent/src/channel/codec.ts';
import { requirePublishable, serveVault, VaultLink } from '../../site-agent/src/channel/courier-link.ts';
import {
  type CourierHeader,
  courierHeaderSchema,
  maxBodyBytes,
  maxHeaderBytes,
  type VaultHeader,
  vaultHeaderSchema,
} from '../../site-agent/src/channel/frames.ts';
import { type FramePipe, openPipe } from '../../site-agent/src/channel/pipe.ts';
import { VaultRelay } from '../../site-agent/src/channel/vault-relay.ts';
import { foundFakeFederation, signFakePlan } from '../fakes/fake-federation.ts';
import { createMemoryRelay } from '../fakes/memory-relay.ts';

const digest = (bytes: Uint8Array): string => toHex(sha256(bytes));
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

const frames = [
  encodeFrame({ type: 'hello', name: 'a', coordinator: 'https://c.example', proxy: null }),
  encodeFrame({ type: 'publish', id: 1, topic: 'federation' }, utf8('a.b.c')),
  encodeFrame({ type: 'get', id: 2, digest: '0'.repeat(64) }),
  encodeFrame({ type: 'put', id: 3, digest: '0'.repeat(64) }, new Uint8Array(3000).fill(7)),
];

describe('frames', () => {
  it('survive any split', () => {
    const whole = concatBytes(...frames);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.byteLength), { maxLength: 12 }), (cuts) => {
        const parser = new FrameParser(vaultHeaderSchema);
        const edges = [0, ...cuts.toSorted((a, b) => a - b), whole.byteLength];
        const got = edges.slice(1).flatMap((edge, i) => parser.push(whole.subarray(edges[i], edge)));
        parser.end();
        expect(got.map(({ header, body }) => [header.type, body.byteLength])).toEqual([
          ['hello', 0],
          ['publish', 5],
          ['get', 0],
          ['put', 3000],
        ]);
      }),
      { numRuns: 200 },
    );
  });

  it('cut anywhere are not taken for whole', () => {
    const [frame = new Uint8Array()] = frames;
    for (let length = 1; length < frame.byteLength; length += 1) {
      const parser = new FrameParser(vaultHeaderSchema);
      expect(parser.push(frame.subarray(0, length))).toEqual([]);
      expect(codeOf(() => parser.end())).toBe('frame-truncated');
    }
  });

  it.each<[string, Uint8Array, string]>([
    ['a header length of 0', u32(0), 'frame-header-length'],
    ['a header of gigabytes', u32(0xffff_ffff), 'frame-header-length'],
    ['a header just too long', u32(maxHeaderBytes + 1), 'frame-header-length'],
    ['a header that is no JSON', concatBytes(u32(4), utf8('nope'), u32(0)), 'frame-header'],
    ['an unknown type', rawFrame('{"type":"run"}'), 'frame-header'],
    ['a courier’s frame at the courier', encodeFrame({ type: 'online' }), 'frame-header'],
    ['one member too many', rawFrame(`{"digest":"${'0'.repeat(64)}","id":1,"type":"get","why":"x"}`), 'frame-header'],
    ['members in another order', rawFrame(`{"type":"get","id":1,"digest":"${'0'.repeat(64)}"}`), 'frame-header'],
    ['a member twice', rawFrame('{"id":1,"id":2,"type":"unfollow"}'), 'frame-header'],
    [
      'a body of gigabytes',
      concatBytes(header('{"id":1,"topic":"federation","type":"publish"}'), u32(0xffff_ffff)),
      'frame-body-length',
    ],
    [
      'a body just too long',
      concatBytes(header('{"id":1,"topic":"federation","type":"publish"}'), u32(maxBodyBytes + 1)),
      'frame-body-length',
    ],
    ['a body where there is none', concatBytes(header('{"id":1,"type":"unfollow"}'), u32(1)), 'frame-body'],
  ])('refuse %s, and everything after it', (_name, bytes, code) => {
    const parser = new FrameParser(vaultHeaderSchema);
    expect(codeOf(() => parser.push(bytes))).toBe(code);
    expect(codeOf(() => parser.push(frames[0] ?? new Uint8Array()))).toBe('frame-broken');
  });

  it('are not made where they could not be read', () => {
    expect(codeOf(() => encodeFrame({ type: 'unfollow', id: 1 }, new Uint8Array(1)))).toBe('frame-body');
    expect(codeOf(() => encodeFrame({ type: 'put', id: 1 }, new Uint8Array(maxBodyBytes + 1)))).toBe('frame-body');
  });
});

function header(json: string): Uint8Array {
  return concatBytes(u32(utf8(json).byteLength), utf8(json));
}

function rawFrame(json: string): Uint8Array {
  return concatBytes(header(json), u32(0));
}

interface Ends {
  readonly vault: VaultRelay;
  readonly pipe: FramePipe<VaultHeader, CourierHeader>;
  readonly rewound: string[];
  readonly online: boolean[];
  readonly link: Promise<VaultLink>;
  readonly served: Promise<void>;
  readonly reading: Promise<void>;
  close(): void;
}

/** A vault's relay and a courier over two pipes. */
function connect(
  relay: Relay,
  prove: (challenge: { audience: string }) => Promise<string> = async () => await Promise.resolve('proof'),
): Ends {
  const toCourier = new PassThrough();
  const toVault = new PassThrough();
  const rewound: string[] = [];
  const online: boolean[] = [];
  const pipe = openPipe<VaultHeader, CourierHeader>({ input: toVault, output: toCourier, schema: courierHeaderSchema });
  const vault = new VaultRelay(pipe, {
    prove,
    rewound: (topic) => void rewound.push(topic),
    online: (now) => void online.push(now),
  });
  const reading = vault.run();
  reading.catch(() => undefined);
  const ready = Promise.withResolvers<VaultLink>();
  const served = serveVault({
    pipe: openPipe<CourierHeader, VaultHeader>({ input: toCourier, output: toVault, schema: vaultHeaderSchema }),
    connect: (_hello, link) => {
      ready.resolve(link);
      return relay;
    },
  });
  served.catch(() => undefined);
  const close = (): void => {
    toCourier.end();
    toVault.end();
  };
  return { vault, pipe, rewound, online, link: ready.promise, served, reading, close };
}

async function hello({ pipe }: Ends): Promise<void> {
  await pipe.send({ type: 'hello', name: 'a', coordinator: 'https://c.example', proxy: null });
}

describe('a vault and its courier', () => {
  it('publish, follow, put, ask and get as over a relay', async () => {
    const federation = await foundFakeFederation();
    const plan = await signFakePlan(federation);
    const relay = createMemoryRelay();
    const ends = connect(relay.connect('a'));
    await hello(ends);
    await ends.vault.board.publish('federation', plan.jws);
    expect(relay.records.map(({ jws }) => jws)).toEqual([plan.jws]);
    const bytes = utf8('sealed');
    expect(await ends.vault.chunks.missing([digest(bytes)])).toEqual([digest(bytes)]);
    await ends.vault.chunks.put(digest(bytes), bytes);
    expect(await ends.vault.chunks.missing([digest(bytes)])).toEqual([]);
    expect(await ends.vault.chunks.get(digest(bytes))).toEqual(bytes);
    await expect(ends.vault.chunks.get('0'.repeat(64))).rejects.toMatchObject({
      code: 'chunk-missing',
      action: 'retry',
    });
    ends.close();
    await ends.served;
  });

  it('pass on more records than the window holds, in order, and stop when told', async () => {
    const relay = createMemoryRelay();
    for (let i = 1; i <= 100; i += 1) relay.forge('federation', `record ${i}`);
    const ends = connect(relay.connect('a'));
    await hello(ends);
    const stop = new AbortController();
    const got: string[] = [];
    for await (const { jws } of ends.vault.board.follow('federation', { after: 3, signal: stop.signal })) {
      got.push(jws);
      if (got.length === 97) stop.abort();
    }
    expect(got).toEqual(Array.from({ length: 97 }, (_, i) => `record ${i + 4}`));
    ends.close();
    await ends.served;
  });

  it('carry a proof only where the vault gives one', async () => {
    const relay = createMemoryRelay();
    const ends = connect(relay.connect('a'), async ({ audience }) => {
      await Promise.resolve();
      if (audience !== 'https://c.example') throw new WardroundError('proof-audience', 'no');
      return 'a proof';
    });
    await hello(ends);
    const link = await ends.link;
    const refused = link.prove('0'.repeat(64), 'https://evil.example');
    expect(await link.prove('0'.repeat(64), 'https://c.example')).toBe('a proof');
    ends.close();
    await expect(refused).rejects.toMatchObject({ code: 'channel-closed' });
  });

  it('hear of a lost store and of connections', async () => {
    const ends = connect(createMemoryRelay().connect('a'));
    await hello(ends);
    const link = await ends.link;
    await link.rewound('federation');
    await link.rewound('not a topic');
    await link.online(true);
    await link.online(false);
    ends.close();
    await ends.reading;
    expect([ends.rewound, ends.online]).toEqual([['federation'], [true, false]]);
  });

  it('refuse what is still asked when the courier dies', async () => {
    const never: Relay = {
      ...createMemoryRelay().connect('a'),
      board: {
        publish: async () => await new Promise(() => {}),
        follow: () =>
          createMemoryRelay().connect('x').board.follow('federation', { after: 0, signal: AbortSignal.abort() }),
      },
    };
    const federation = await foundFakeFederation();
    const ends = connect(never);
    await hello(ends);
    const asked = ends.vault.board.publish('federation', federation.records[0] ?? '');
    ends.close();
    await expect(asked).rejects.toMatchObject({ code: 'channel-closed', action: 'retry' });
    await expect(ends.vault.chunks.missing([])).resolves.toEqual([]);
    await expect(ends.vault.chunks.missing(['0'.repeat(64)])).rejects.toMatchObject({ code: 'channel-closed' });
  });

  it('greet first, and once', async () => {
    const ends = connect(createMemoryRelay().connect('a'));
    await ends.pipe.send({ type: 'unfollow', id: 1 });
    await expect(ends.served).rejects.toMatchObject({ code: 'channel-hello' });
  });
});

describe('a courier that lies', () => {
  async function vaultHearing(
    ...answers: readonly Uint8Array[]
  ): Promise<{ vault: VaultRelay; reading: Promise<void> }> {
    const input = new PassThrough();
    const output = new PassThrough();
    output.resume();
    const pipe = openPipe<VaultHeader, CourierHeader>({ input, output, schema: courierHeaderSchema });
    const vault = new VaultRelay(pipe, {
      prove: async () => await Promise.resolve(''),
      rewound: () => {},
      online: () => {},
    });
    const reading = vault.run();
    reading.catch(() => undefined);
    for (const answer of answers) input.write(answer);
    return await Promise.resolve({ vault, reading });
  }

  it('serves another chunk than the one asked for', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    output.resume();
    const pipe = openPipe<VaultHeader, CourierHeader>({ input, output, schema: courierHeaderSchema });
    const vault = new VaultRelay(pipe, {
      prove: async () => await Promise.resolve(''),
      rewound: () => {},
      online: () => {},
    });
    void vault.run().catch(() => undefined);
    const asked = vault.chunks.get(digest(utf8('right')));
    input.write(encodeFrame({ type: 'chunk', id: 1 }, utf8('wrong')));
    await expect(asked).rejects.toMatchObject({ code: 'chunk-digest' });
  });

  it('cannot say that the pipe has closed, which would end the vault', async () => {
    const [genesis = ''] = (await foundFakeFederation()).records;
    const honest = createMemoryRelay().connect('a');
    const refusal = new WardroundError('channel-closed', 'from the coordinator');
    const ends = connect({ ...honest, board: { ...honest.board, publish: async () => await Promise.reject(refusal) } });
    await hello(ends);
    await expect(ends.vault.board.publish('federation', genesis)).rejects.toMatchObject({ code: 'relay-refused' });
    ends.close();
    await ends.served;
  });

  it.each<[string, Uint8Array, string]>([
    ['answers what nobody asked', encodeFrame({ type: 'done', id: 7 }), 'channel-protocol'],
    ['speaks as a vault', encodeFrame({ type: 'unfollow', id: 1 }), 'frame-header'],
  ])('%s', async (_name, frame, code) => {
    const { reading } = await vaultHearing(frame);
    await expect(reading).rejects.toMatchObject({ code });
  });

  it('sends more records than it was asked for', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    output.resume();
    const pipe = openPipe<VaultHeader, CourierHeader>({ input, output, schema: courierHeaderSchema });
    const vault = new VaultRelay(pipe, {
      prove: async () => await Promise.resolve(''),
      rewound: () => {},
      online: () => {},
    });
    const reading = vault.run();
    const followed = vault.board.follow('federation', { after: 0, signal: new AbortController().signal });
    const following = followed[Symbol.asyncIterator]();
    const first = following.next();
    for (let i = 0; i < 40; i += 1) input.write(encodeFrame({ type: 'record', id: 1, sequence: i + 1 }, utf8('x')));
    await first;
    await expect(reading).rejects.toMatchObject({ code: 'channel-overflow' });
  });
});

describe('what a courier publishes for its vault', () => {
  it('is a well-formed document of a known kind under its own topic', async () => {
    const federation = await foundFakeFederation();
    const plan = await signFakePlan(federation);
    expect(requirePublishable('federation', plan.jws)).toBe(plan.jws);
    expect(codeOf(() => requirePublishable('0'.repeat(64), plan.jws))).toBe('publish-topic');
    expect(codeOf(() => requirePublishable('federation', 'patients,age\n1,64'))).toBe('jws-format');
    const [head = '', , signature = ''] = plan.jws.split('.');
    const stuffed = Buffer.from('{"kind":"StudyPlan","patients":"1,64"}').toString('base64url');
    expect(codeOf(() => requirePublishable('federation', `${head}.${stuffed}.${signature}`))).toBe('publish-kind');
    const proof =
      head === ''
        ? ''
        : `${Buffer.from(`{"alg":"EdDSA","kid":"${'0'.repeat(64)}","typ":"wardround-ConnectionProof+jws"}`).toString('base64url')}.e30.${signature}`;
    expect(codeOf(() => requirePublishable('federation', proof))).toBe('publish-kind');
  });
});
