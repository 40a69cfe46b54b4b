// The vault at work: a study from the plan to the last round, over a board that anybody may write to.
import { afterEach, describe, expect, it } from 'vitest';
import { VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

describe('a study at a site', () => {
  it('goes from the plan to the last round, and contributes to each once', async () => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    await world.session(enclave);
    expect(world.checks()).toEqual([]);
    const first = await world.round(enclave);
    const second = await world.round(enclave);
    expect(first.value.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c', 'd']);
    expect(second.value.previous).toBe(first.digest);
    expect(world.said('Contribution')).toHaveLength(2);
    expect(world.said('Cosignature').map(({ receipt }) => receipt)).toEqual([first.digest, second.digest]);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(world.status?.studies.map(({ state, roundsContributed }) => [state, roundsContributed])).toEqual([
      ['complete', 2],
    ]);
    expect(world.trainings).toBe(2);
  });
});
