// SIGKILL of each role at the durable writes and messages of a round, and of its own recovery: the study completes, every contribution
// counts once, and every model is the undisturbed run's, to the bit. Each name of a boundary is tried, and every n-th of all
// boundaries (WARDROUND_KILL_STRIDE, 1 for all). WARDROUND_KILL_ROLES=vault,courier limits it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Campaign, checkpoints, type Killed, type Trial } from './kill/campaign.ts';
import { anchors, boundariesOf, type RoundBoundaries, trialsOf } from './kill/enumerate.ts';
import type { Role } from './kill/instrumented-checkout.ts';

const stride = Number(process.env['WARDROUND_KILL_STRIDE'] ?? '8');
const roles: readonly Role[] = ['aggregator-enclave', 'vault', 'courier', 'coordinator'];
const wanted = process.env['WARDROUND_KILL_ROLES']?.split(',') ?? roles;
const isTold = process.env['WARDROUND_KILL_TELL'] === '1';

const rounds = 40;
/** A trial may need so many rounds to begin, to die in and to recover. */
const roundsOfTrial = 6;
/** More than any role passes from its start to its next round. */
const mostOfRecovery = 240;
const hour = 3_600_000;

describe('the kill campaign', () => {
  const boundaries = new Map<Role, RoundBoundaries>();
  const table: Record<string, string | number>[] = [];
  let reference: readonly string[] = [];
  let campaign: Campaign;
  let failed = false;

  beforeAll(async () => {
    campaign = await Campaign.found(rounds);
    await campaign.begin();
    await campaign.untilRound(2, 'before anything is killed');
    for (const role of roles) boundaries.set(role, boundariesOf(role, await campaign.count(role, 5)));
    reference = checkpoints(await campaign.finish(null));
  }, hour);

  afterAll(async () => {
    console.table(table);
    await campaign.end({ keep: failed });
  }, hour);

  /** Runs trials in as many studies as they need, and proves each study. */
  async function tryAll(
    label: string,
    trials: Iterable<readonly [Trial, Trial?]>,
    isLast: (killed: readonly Killed[]) => boolean,
  ): Promise<{ kills: number; rollForwards: number; recalls: number; sessions: number }> {
    const seen = { kills: 0, rollForwards: 0, recalls: 0, sessions: 0 };
    const finish = async (): Promise<void> => {
      const { rollForwards, recalls, sessions } = await campaign.finish(reference);
      seen.rollForwards += rollForwards;
      seen.recalls += recalls;
      seen.sessions += sessions;
    };
    const started = Date.now();
    if (failed) await campaign.restart();
    failed = true;
    await campaign.begin();
    for (const [trial, then] of trials) {
      if (campaign.round > rounds - roundsOfTrial) {
        await finish();
        await campaign.begin();
      }
      const killed = await campaign.kill(trial, then);
      if (isTold) for (const { at } of killed) console.log(`${label} ${trial.index ?? 0}/${then?.index ?? '-'}: ${at}`);
      seen.kills += killed.filter(({ at }) => at !== null).length;
      if (isLast(killed)) break;
    }
    await finish();
    failed = false;
    const seconds = Math.round((Date.now() - started) / 1000);
    table.push({ campaign: label, ...seen, seconds });
    return seen;
  }

  it.each(roles.filter((role) => wanted.includes(role)))(
    '%s: at the boundaries of a round',
    async (role) => {
      const found = boundaries.get(role) ?? { count: 0, names: [] };
      expect(found.count, `boundaries of the ${role}`).toBeGreaterThan(10);
      expect(found.names).toContain(anchors[role]);
      const trials = trialsOf(role, found, stride);
      const label = `${role}: ${found.count} boundaries a round, ${found.names.length} names`;
      const { kills, rollForwards, recalls } = await tryAll(
        label,
        trials.map((trial) => [trial] as const),
        () => false,
      );
      expect(kills).toBe(trials.length);
      if (role !== 'aggregator-enclave') return;
      // Both ways of going on were needed: the cosigned round whose model nobody had, and the model that the sites gave back.
      expect(found.names).toContain('message publish SealedModel');
      expect(rollForwards).toBeGreaterThan(0);
      expect(recalls).toBeGreaterThan(0);
    },
    hour,
  );

  const beginners = (['vault', 'courier'] as const).filter((role) => wanted.includes(role));
  it.each(beginners)(
    '%s: at the boundaries of a study’s beginning, from the approval to the end',
    async (role) => {
      const started = Date.now();
      let kills = 0;
      failed = true;
      for (let index = 0; ; index += 4 * stride) {
        const { at } = await campaign.killAtBeginning({ role, life: 'this', index }, reference);
        if (isTold) console.log(`${role}, beginning ${index}: ${at}`);
        if (at === null) break;
        kills += 1;
      }
      failed = false;
      table.push({
        campaign: `${role}: a study's beginning`,
        kills,
        seconds: Math.round((Date.now() - started) / 1000),
      });
      expect(kills).toBeGreaterThan(2);
    },
    hour,
  );

  // Between cosigning and sealing, so that the enclave that dies again was rolling the round forward.
  const recoveries: readonly { role: Role; from: string }[] = [
    { role: 'aggregator-enclave', from: 'message publish SealedModel' },
    { role: 'vault', from: 'frame publish Contribution' },
    { role: 'coordinator', from: anchors.coordinator },
  ];
  it.each(recoveries.filter(({ role }) => wanted.includes(role)))(
    '$role: killed again while it recovers',
    async ({ role, from }) => {
      const first: Trial = { role, life: 'this', anchor: from };
      const trials = Array.from(
        { length: Math.ceil(mostOfRecovery / (2 * stride)) },
        (_, index): readonly [Trial, Trial] => [first, { role, life: 'next', index: 2 * index * stride }],
      );
      const { kills } = await tryAll(`${role}: again, in its recovery`, trials, (killed) => killed[1]?.at === null);
      expect(kills).toBeGreaterThan(2);
    },
    hour,
  );
});
