// Kills the vault right after one of the calls that change its disk or leave its process; everything it touches afterwards fails as well.
import { type Wrap, type VaultWorld } from './vault-world.ts';

/** A process that is gone: no error of ours, and everything it touches afterwards fails as well. */
export class Killed extends Error {}

/** Counts the calls that change the disk or leave the process, and dies right after one of them. */
export class Reaper {
  readonly #dieAfter: number | string;
  #calls = 0;
  #dead = false;
  readonly names: string[] = [];

  /** @param dieAfter the how-manieth such call, or the name of one */
  constructor(dieAfter: number | string) {
    this.#dieAfter = dieAfter;
  }

  readonly wrap: Wrap = (port, target) =>
    new Proxy(target, {
      get: (object, key) => {
        const member: unknown = Reflect.get(object, key, object);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown =>
          this.#call(`${port}.${String(key)}`, () => Reflect.apply(member, object, args));
      },
    });

  #call(name: string, act: () => unknown): unknown {
    if (this.#dead) throw new Killed();
    const result = act();
    if (!boundaries.has(name)) return result;
    if (result instanceof Promise) return result.then((value: unknown) => this.#after(name, value));
    return this.#after(name, result);
  }

  #after(name: string, value: unknown): unknown {
    this.#calls += 1;
    this.names.push(name);
    if (this.#calls === this.#dieAfter || name === this.#dieAfter) {
      this.#dead = true;
      throw new Killed();
    }
    return value;
  }
}

const boundaries: ReadonlySet<string> = new Set([
  'state.setMeta',
  'state.acknowledge',
  'state.keepRecord',
  'state.markPublished',
  'state.keepNonce',
  'state.keepKept',
  'state.forgetKept',
  'state.keepPayload',
  'state.keepSealing',
  'state.keepCheckpoint',
  'state.sayOnce',
  'files.writePlan',
  'files.writeKept',
  'files.writePayload',
  'files.removePayloadFiles',
  'files.writeCheckpoint',
  'files.writeResults',
  'inbox.settle',
  'ledger.reserve',
  'outlet.upload',
  'outlet.publish',
]);

/** Drives the vault on; where it dies, a new one starts from the same disk. */
export async function survive(world: VaultWorld, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    await world.startVault();
    await act();
  }
}
