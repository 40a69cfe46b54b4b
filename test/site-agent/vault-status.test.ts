// status.json while the vault works, waits and ends: true also where the coordinator is away in the middle of something.
import { setImmediate as tick } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

/** As long as it takes: the test's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await tick();
}

describe('what the vault writes for people', () => {
  it('follows the connection, also while an upload waits for it; and says disconnected when it ends', async () => {
    world = await VaultWorld.create();
    await world.approved();
    const enclave = world.enclave();
    await world.session(enclave);
    let waits = false;
    const vault = await world.startVault(
      (port, target) =>
        new Proxy(target, {
          get: (object, key) => {
            const member: unknown = Reflect.get(object, key, object);
            if (`${port}.${String(key)}` !== 'outlet.upload')
              return typeof member === 'function' ? member.bind(object) : member;
            return async (): Promise<never> => {
              waits = true;
              return await new Promise(() => undefined);
            };
          },
        }),
    );
    await enclave.order();
    const stop = new AbortController();
    const running = vault.run(stop.signal);
    vault.setOnline(true);
    await until(() => waits && world.status?.online === true);
    vault.setOnline(false);
    await until(() => world.status?.online === false);
    vault.setOnline(true);
    await until(() => world.status?.online === true);
    stop.abort();
    await running;
    expect(world.status?.online).toBe(false);
  });
});
