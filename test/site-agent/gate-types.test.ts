// The chain of types: nobody makes a consent, a sealed update or a checked receipt but the checks before them; the outlet takes nothing else.
import { afterEach, describe, expect, it } from 'vitest';
import { sign } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { Consent } from '../../site-agent/src/gate/consent.ts';
import { openDoors } from '../../site-agent/src/gate/outlet.ts';
import { CheckedReceipt } from '../../site-agent/src/gate/receipt-check.ts';
import { SealedRelease } from '../../site-agent/src/gate/sealed-release.ts';
import { SealedUpdate } from '../../site-agent/src/gate/sealed-update.ts';
import { createMemoryRelay } from '../fakes/memory-relay.ts';
import { VaultWorld } from './vault-world.ts';

let world: VaultWorld | null = null;
afterEach(async () => {
  await world?.dispose();
  world = null;
});

/** As a careless or compromised caller would: past the compiler. */
function force(make: unknown, ...args: readonly unknown[]): unknown {
  if (typeof make !== 'function') throw new Error('not a class');
  return Reflect.construct(make, args);
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof WardroundError) return error.code;
    throw error;
  }
  return 'made';
};

describe('the chain of types', () => {
  it.each([
    ['Consent', Consent, 'consent-not-given'],
    ['SealedUpdate', SealedUpdate, 'update-not-sealed'],
    ['SealedRelease', SealedRelease, 'release-not-sealed'],
    ['CheckedReceipt', CheckedReceipt, 'receipt-unchecked'],
  ])('makes no %s but from its check', (_name, type, code) => {
    for (const key of [undefined, Symbol('consent'), Symbol('sealed'), Symbol.for('consent'), 'consent']) {
      expect(codeOf(() => force(type, key, {}))).toBe(code);
    }
  });

  it('seals nothing under what only looks like a consent', async () => {
    const consent: Consent = Object.create(Consent.prototype);
    const content = { bytes: [new Uint8Array(1)], digest: '0'.repeat(64), tensors: [] };
    await expect(SealedUpdate.seal(consent, content)).rejects.toThrow(TypeError);
    const other: Consent = JSON.parse('{}');
    await expect(SealedUpdate.seal(other, content)).rejects.toMatchObject({ code: 'consent-not-given' });
  });

  it('lets nothing out that only looks sealed', async () => {
    const relay = createMemoryRelay();
    const { outlet } = openDoors(relay.connect('a'));
    async function* rows(): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield new TextEncoder().encode('patient,age\n1,64');
    }
    const fake: SealedUpdate = Object.assign(JSON.parse('{}'), { chunks: rows() });
    await expect(outlet.upload(fake)).rejects.toMatchObject({ code: 'update-not-sealed' });
    const prototype: SealedUpdate = Object.create(SealedUpdate.prototype);
    await expect(outlet.upload(prototype)).rejects.toThrow(TypeError);
    expect(relay.chunks.size).toBe(0);
  });

  it('publishes documents of its list only', async () => {
    world = await VaultWorld.create();
    const { outlet } = openDoors(world.relay.connect('a'));
    const { publicKey } = world.own.agent;
    const proof = { kind: 'ConnectionProof', version: 1, role: 'site', name: 'a', key: publicKey } as const;
    const { jws } = await sign(
      'ConnectionProof',
      { ...proof, challenge: '0'.repeat(64), audience: 'https://c.example', token: null },
      world.own.agent,
    );
    await expect(outlet.publish({ topic: 'federation', jws })).rejects.toMatchObject({ code: 'publish-kind' });
    await expect(outlet.publish({ topic: 'federation', jws: 'patient,age' })).rejects.toMatchObject({
      code: 'jws-format',
    });
  });
});
