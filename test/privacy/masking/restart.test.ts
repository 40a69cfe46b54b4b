// Kills and full disks: nothing is said that is not durable, and what is durable is what is said again.
import { describe, expect, it } from 'vitest';
import { MaskingSite, type MaskingSitePorts } from '@wardround/privacy/masking/masking-site';
import {
  attemptOf,
  codeOf,
  inputOf,
  must,
  type Placed,
  plainSum,
  portsOf,
  prepare,
  restarted,
  unmaskOver,
} from './world.ts';

const attempt = attemptOf(4, { colluding: 1 });
const names = attempt.members.map(({ name }) => name);

class DiskFull extends Error {}

/** A disk that takes so many writes and then no more. */
function fullAfter(writes: number, disk: Placed['disk']): Pick<MaskingSitePorts, 'save'> {
  let left = writes;
  return {
    save: async (state) => {
      await Promise.resolve();
      if (left === 0) throw new DiskFull('no space left on device');
      left -= 1;
      disk.state = new Uint8Array(state);
    },
  };
}

describe('a site that is killed before every step', () => {
  it('says the same again, and the sum is exact', { timeout: 60_000 }, async () => {
    const prepared = await prepare(attempt);
    const survivors: Placed[] = [];
    for (const placed of prepared.sites) {
      let at = placed;
      const again = (): MaskingSite => (at = restarted(attempt, at)).site;
      expect(await again().shares(prepared.keys)).toBe(await placed.site.shares(prepared.keys));
      expect(await again().receive(prepared.shares)).toEqual(names);
      const masked = await again().mask(inputOf(placed.name));
      expect(await again().mask(inputOf(placed.name))).toEqual(masked);
      const signed = await again().signSurvivors(names);
      expect(await again().signSurvivors(names)).toBe(signed);
      survivors.push(restarted(attempt, at));
    }
    const sets = await Promise.all(survivors.map(({ site }) => site.signSurvivors(names)));
    for (const placed of survivors) {
      const killed = restarted(attempt, placed);
      const reveal = await killed.site.reveal(sets);
      expect(await restarted(attempt, killed).site.reveal(sets)).toBe(reveal);
    }
    expect(await unmaskOver(prepared, { survivors })).toEqual(plainSum(survivors));
  });
});

describe('a disk that is full', () => {
  it('from the start: no keys leave', async () => {
    const disk = { state: new Uint8Array(0) };
    await expect(MaskingSite.begin(portsOf(attempt, must(names[0]), fullAfter(0, disk)))).rejects.toThrow(DiskFull);
  });

  it('at any step: nothing is said, nothing is decided, and the step may be taken later', async () => {
    const prepared = await prepare(attempt);
    const [placed, ...others] = prepared.sites;
    const first = must(placed);
    for (const { site, name } of others) await site.mask(inputOf(name));
    const disk = { state: new Uint8Array(first.disk.state) };
    const full = (): MaskingSite => MaskingSite.resume(portsOf(attempt, first.name, fullAfter(0, disk)), disk.state);
    const roomy = (): MaskingSite => MaskingSite.resume(portsOf(attempt, first.name, { disk }), disk.state);

    // Asked twice, it has still saved nothing and says nothing.
    const stuck = full();
    for (let times = 0; times < 2; times += 1) {
      await expect(stuck.mask(inputOf(first.name))).rejects.toThrow(DiskFull);
    }
    // No other integers were masked: these may be.
    const zeros = inputOf(first.name).map(({ name, values }) => ({ name, values: values.map(() => 0n) }));
    await roomy().mask(zeros);
    const silent = full();
    for (let times = 0; times < 2; times += 1) {
      await expect(silent.signSurvivors(names)).rejects.toThrow(DiskFull);
    }
    const three = names.slice(0, 3);
    const sets = [await roomy().signSurvivors(three)];
    for (const { site } of others.slice(0, 2)) sets.push(await site.signSurvivors(three));

    const before = Buffer.from(disk.state);
    const dying = full();
    await expect(dying.reveal(sets)).rejects.toThrow(DiskFull);
    expect(before.equals(disk.state)).toBe(true);
    expect(await codeOf(() => dying.signSurvivors(names))).toBe('masking-survivors-differ');
    const revealed = await roomy().reveal(sets);
    expect(await roomy().reveal(sets)).toBe(revealed);
    expect(await codeOf(() => roomy().mask(zeros))).toBe('masking-phase');
  });
});

it('secrets do not print', async () => {
  const { sites } = await prepare(attemptOf(2));
  const { site } = must(sites[0]);
  expect(`${site.toString()} ${JSON.stringify({ site })}`).toBe(
    'MaskingSite site-a [redacted] {"site":"MaskingSite site-a [redacted]"}',
  );
});
