// The enclave dies before and after each thing that it says, in a study whose server has state; a fresh process with an empty disk goes on.
// Whatever was said: every contribution counts once, and the model is the same to the bit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { World } from './world.ts';

const withState = (plan: StudyPlan): StudyPlan => ({
  ...plan,
  rounds: 2,
  strategy: { name: 'fedAdam', serverLearningRate: '0.1', beta1: '0.9', beta2: '0.99', tau: '0.001' },
});

/** What the enclave says in a study where nothing dies: a challenge, a session, four offers, and for each round order, receipt, model. */
const said = [
  'SessionChallenge',
  'SessionOpen',
  'EvidenceOffer',
  'EvidenceOffer',
  'EvidenceOffer',
  'EvidenceOffer',
  'RoundOrder',
  'RoundReceipt',
  'SealedModel',
  'RoundOrder',
  'RoundReceipt',
  'SealedModel',
];

const results = (world: World): ReadonlyMap<number, ReadonlySet<string | null>> => {
  const byRound = new Map<number, Set<string | null>>();
  for (const { value } of world.published('RoundReceipt')) {
    byRound.set(value.round, (byRound.get(value.round) ?? new Set()).add(value.checkpoint));
  }
  return byRound;
};

describe('an enclave that dies', () => {
  let undisturbed: ReadonlyMap<number, ReadonlySet<string | null>>;

  beforeAll(async () => {
    const world = await World.approved({ plan: withState });
    const kinds: string[] = [];
    world.relay.hostile.keep = ({ jws }, party) => {
      if (party === 'enclave') kinds.push(UNVERIFIED_kindOf(jws).kind);
      return true;
    };
    await world.play();
    undisturbed = results(world);
    expect(kinds).toEqual(said);
    await world.end();
  });

  const worlds: World[] = [];
  afterAll(async () => {
    for (const world of worlds) await world.end();
  });

  it.each(
    said.flatMap((kind, index) => [
      { kind, index, moment: 'before' } as const,
      { kind, index, moment: 'after' } as const,
    ]),
  )('$moment its $kind ($index) is followed by one that finishes', async ({ index, moment }) => {
    const world = await World.approved({ plan: withState });
    worlds.push(world);
    let count = -1;
    let dead = false;
    world.relay.hostile.keep = (_record, party) => {
      if (party !== 'enclave' || dead) return party !== 'enclave';
      count += 1;
      dead = count === index;
      return !dead || moment === 'after';
    };
    await world.play();
    expect(dead).toBe(true);
    await world.restart();
    world.relay.hostile.keep = () => true;
    for (let i = 0; i < 4 && !world.enclave.codes.includes('study-complete'); i += 1) {
      await world.play();
      await world.advance(600_000);
    }
    expect(world.enclave.codes).toContain('study-complete');
    expect(results(world)).toEqual(undisturbed);
    for (const { value } of world.published('RoundReceipt')) {
      expect(value.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c', 'd']);
    }
    const attempts = world.published('RoundOrder').map(({ value }) => value.attempt);
    expect(new Set(attempts).size).toBe(attempts.length);
    for (const site of world.sites) expect(new Set(site.held.map(({ round }) => round))).toEqual(new Set([1, 2]));
  });
});
