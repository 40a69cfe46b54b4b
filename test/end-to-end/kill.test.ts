// One SIGKILL of each role in the middle of a round, in one federation of real processes. The whole campaign is in kill-campaign.long.ts.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Campaign, checkpoints } from './kill/campaign.ts';
import { anchors } from './kill/enumerate.ts';

const limit = 300_000;
let campaign: Campaign;
let held = false;

beforeAll(async () => {
  campaign = await Campaign.found(14);
}, limit);

afterAll(async () => {
  await campaign.end({ keep: !held });
}, limit);

it(
  'goes on as if nobody had been killed',
  async () => {
    await campaign.begin();
    const undisturbed = checkpoints(await campaign.finish(null));
    await campaign.begin();
    // The enclave after q cosigned and before it sealed; the coordinator before it keeps an order; the others before a contribution leaves.
    await campaign.kill({ role: 'aggregator-enclave', life: 'this', anchor: 'message publish SealedModel' });
    for (const role of ['vault', 'courier', 'coordinator'] as const) {
      const [killed] = await campaign.kill({ role, life: 'this', anchor: anchors[role] });
      expect(killed?.at, role).toContain(anchors[role]);
    }
    const { rollForwards, sessions } = await campaign.finish(undisturbed);
    expect(rollForwards).toBeGreaterThan(0);
    expect(sessions).toBeGreaterThan(1);
    held = true;
  },
  limit,
);
