// A vault of site `a` and the enclave as they are, over one board and one clock; the platform under the enclave is the test's.
import { randomBytes } from 'node:crypto';
import { setImmediate as tick } from 'node:timers/promises';
import { copyBytes } from '@wardround/protocol/bytes';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { runEnclave } from '../../aggregator-enclave/src/enclave/enclave.ts';
import type { Platform } from '../../aggregator-enclave/src/enclave/ports.ts';
import { MemorySpool, settings } from '../aggregator-enclave/world.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { start, type VaultWorld } from './vault-world.ts';

export class Together {
  readonly world: VaultWorld;
  readonly clock = new FakeClock(start.toISOString());
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(world: VaultWorld, platform: Platform) {
    this.world = world;
    const spool = new MemorySpool();
    this.#running = runEnclave({
      ports: {
        clock: this.clock,
        randomness: (length) => copyBytes(randomBytes(length)),
        relay: world.relay.connect('enclave'),
        platform,
        spoolOf: () => spool,
        log: () => {},
      },
      settings,
      signal: this.#stop.signal,
    });
  }

  count(kind: string): number {
    return this.world.relay.records.filter(({ jws }) => UNVERIFIED_kindOf(jws).kind === kind).length;
  }

  /** Everybody does what is owed until `done`; where nothing moves any more, time does, after many looks: a machine may be busy. False where it never comes. */
  async until(done: () => boolean): Promise<boolean> {
    for (let idle = 0; !done() && idle < 800;) {
      const before = this.world.relay.records.length;
      await this.world.pumpAll();
      for (let i = 0; i < 50; i += 1) await tick();
      if (this.world.relay.records.length > before) idle = 0;
      else {
        idle += 1;
        if (idle % 10 !== 0) continue;
        this.clock.advance(500);
        this.world.now = this.clock.now();
      }
    }
    return done();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.world.dispose();
  }
}
