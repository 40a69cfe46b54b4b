// status.json while the vault works, waits and ends: true also where the coordinator is away in the middle of something.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { generateSigningKey } from '@wardround/protocol/keys';
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

describe('a new directory after the site’s keys were replaced', () => {
  it('calls a study of the old keys that, follows nothing of it, and finds nothing wrong', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    const said = world.said('ResumeStatement').length;
    expect(said).toBe(1);
    world.state?.close();
    world.state = null;
    for (const name of await readdir(world.paths.vault)) {
      if (name.startsWith('state.sqlite') || name === 'ledger.jsonl') await rm(join(world.paths.vault, name));
    }
    await rm(join(world.paths.studies, world.study), { recursive: true });
    world.own = {
      ...world.own,
      approval: generateSigningKey(),
      agent: generateSigningKey(),
      witness: generateSigningKey(),
    };
    world.logs.length = 0;
    await world.startVault();
    await world.enclave().challenge();
    for (const _pass of [1, 2, 3]) await world.pumpAll();
    expect(world.status?.studies).toMatchObject([{ study: world.study, state: 'belongs-to-other-keys', check: null }]);
    expect(world.logs.map(({ level, event }) => `${level} ${event}`)).toEqual(['info study-of-other-keys']);
    expect(world.said('ResumeStatement')).toHaveLength(said);
    expect(await readdir(world.paths.studies)).toEqual([]);
  });
});
