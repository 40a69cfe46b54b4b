// Blobs that lie on their way to a hospital: the model is not opened, the code says why, nothing is lost, and it is opened when it comes whole.
import { afterEach, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { flipBit } from '../fakes/bytes.ts';
import { VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

type Lie = (bytes: Bytes, other: Bytes) => Bytes | undefined;
/** What is lied about: the manifest, which is JSON, or the ciphertext. */
type Part = 'manifest' | 'ciphertext';
const isManifest = (bytes: Bytes): boolean => Buffer.from(bytes).includes('"BlobManifest"');
const other: Readonly<Record<Part, Part>> = { manifest: 'ciphertext', ciphertext: 'manifest' };

/** A round whose model is sealed; `before` may change the relay's doors, `lie` what it serves to site `a` of the newest blobs. */
async function sealed(prepare: (world: VaultWorld, newest: Newest) => void): Promise<Newest> {
  world = await VaultWorld.create();
  const newest = new Newest(world);
  prepare(world, newest);
  await world.approved();
  const enclave = world.enclave();
  await world.session(enclave);
  const order = await enclave.order();
  await world.pumpAll();
  const receipt = await enclave.receipt(order);
  await world.pumpAll();
  newest.begin();
  await enclave.sealModel(receipt);
  await world.pumpAll();
  return newest;
}

/** The chunks of the sealed model, and the lie that is told about them. */
class Newest {
  readonly #world: VaultWorld;
  #before: ReadonlySet<string> | null = null;
  lying = true;

  constructor(world: VaultWorld) {
    this.#world = world;
  }

  begin(): void {
    this.#before = new Set(this.#world.relay.chunks.keys());
  }

  tell(digest: string, bytes: Bytes, { part, lie }: { part: Part; lie: Lie }): Bytes | undefined {
    if (!this.lying || this.#before === null || this.#before.has(digest)) return bytes;
    if (isManifest(bytes) !== (part === 'manifest')) return bytes;
    const chunks = [...this.#world.relay.chunks].filter(([name]) => this.#before?.has(name) === false);
    const [, swapped] = chunks.find(([, chunk]) => isManifest(chunk) === (other[part] === 'manifest')) ?? [];
    return lie(bytes, swapped ?? bytes);
  }
}

const lies: readonly { what: string; lie: Lie; client: string; vault: Readonly<Record<Part, string>> }[] = [
  {
    what: 'drops',
    lie: () => undefined,
    client: 'chunk-missing',
    vault: { manifest: 'chunk-missing', ciphertext: 'chunk-missing' },
  },
  {
    what: 'flips a bit of',
    lie: (bytes) => flipBit(bytes, 77),
    client: 'chunk-digest',
    vault: { manifest: 'manifest-digest', ciphertext: 'chunk-mismatch' },
  },
  {
    what: 'truncates',
    lie: (bytes) => bytes.slice(0, -1),
    client: 'chunk-digest',
    vault: { manifest: 'manifest-digest', ciphertext: 'chunk-mismatch' },
  },
  {
    what: 'exchanges (serves another chunk in place of)',
    lie: (_bytes, swapped) => swapped,
    client: 'chunk-digest',
    vault: { manifest: 'manifest-digest', ciphertext: 'chunk-mismatch' },
  },
];
const cases = lies.flatMap((row) => (['manifest', 'ciphertext'] as const).map((part) => ({ ...row, part })));

async function expectRefusedThenWhole(newest: Newest, code: string): Promise<void> {
  expect(world.status?.studies[0]?.check?.code).toBe(code);
  expect(world.state?.checkpoints(world.study)).toEqual([]);
  // The others have it, and nothing that this site said is lost.
  for (const peer of world.peers) expect(peer.held.map(({ round }) => round)).toEqual([1]);
  expect(world.said('Contribution')).toHaveLength(1);
  expect(world.said('Cosignature')).toHaveLength(1);
  newest.lying = false;
  world.now = new Date(world.now.getTime() + 120_000);
  await world.pumpAll();
  expect(world.state?.checkpoints(world.study).map(({ round }) => round)).toEqual([1]);
}

describe('a coordinator that', () => {
  it.each(cases)('$what the $part of a sealed model: $client', async ({ part, lie, client }) => {
    const newest = await sealed(({ relay }, told) => {
      relay.hostile.serve = (digest, bytes, party) => (party === 'a' ? told.tell(digest, bytes, { part, lie }) : bytes);
    });
    await expectRefusedThenWhole(newest, client);
  });
});

describe('a courier that', () => {
  it.each(cases)('$what the $part of a sealed model: the vault itself notices', async ({ part, lie, vault }) => {
    const newest = await sealed(({ relay }, told) => {
      const connect = relay.connect.bind(relay);
      Object.assign(relay, {
        connect: (party: string) => {
          const honest = connect(party);
          if (party !== 'a') return honest;
          const get = async (digest: string): Promise<Bytes> => {
            const bytes = await honest.chunks.get(digest);
            // Nothing at all is what the coordinator's own answer would be.
            return told.tell(digest, bytes, { part, lie }) ?? (await honest.chunks.get('0'.repeat(64)));
          };
          return { ...honest, chunks: { ...honest.chunks, get } };
        },
      });
    });
    await expectRefusedThenWhole(newest, vault[part]);
  });
});

describe('a stranger that', () => {
  it('names a blob beyond the plan’s model as the sealed one: not a byte of it is fetched', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const order = await enclave.order();
    await world.pumpAll();
    const receipt = await enclave.receipt(order);
    await world.pumpAll();
    const before = new Set(world.relay.chunks.keys());
    const fetched: string[] = [];
    world.relay.hostile.serve = (digest, bytes, party) => {
      if (party === 'a' && !before.has(digest)) fetched.push(digest);
      return bytes;
    };
    await enclave.sealModel(receipt, new Uint8Array(2 ** 16));
    await world.pump();
    expect(world.status?.studies[0]?.check?.code).toBe('model-too-large');
    expect(fetched).toEqual([]);
    await enclave.sealModel(receipt);
    await world.pump();
    expect(world.state?.checkpoints(world.study).map(({ round }) => round)).toEqual([1]);
  });
});
