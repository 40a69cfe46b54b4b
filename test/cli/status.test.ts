// What a researcher is told of a study, and the model that only the right release gives: from verified records alone.
import { afterEach, describe, expect, it } from 'vitest';
import { findRelease, openRelease } from '../../cli/src/study/released-model.ts';
import { linesOf } from '../../cli/src/study/watch.ts';
import { statusText, studyStatus } from '../../cli/src/study/status.ts';
import { World } from '../aggregator-enclave/world.ts';
import { finalModel, recordsOf, release } from './released-study.ts';

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

describe('studyStatus', () => {
  it('tells of a study that nobody has decided about', async () => {
    world = await World.create();
    const status = studyStatus(await recordsOf(world));
    expect(status).toMatchObject({
      approvals: [],
      undecided: ['a', 'b', 'c', 'd'],
      session: null,
      rounds: [],
      complete: false,
    });
  });

  it('tells of approvals, a withdrawal and a refusal', async () => {
    world = await World.create();
    const [a, b, c] = world.sites;
    if (a === undefined || b === undefined || c === undefined) throw new Error('no sites');
    await a.approve();
    await b.approve();
    await b.withdraw();
    const refusedAt = world.clock.now().toISOString();
    await c.publish('Refusal', { kind: 'Refusal', version: 1, ...c.names, refusedAt }, c.keys.approval);
    const status = studyStatus(await recordsOf(world));
    expect(status.approvals.map(({ site, withdrawn }) => [site, withdrawn])).toEqual([
      ['a', false],
      ['b', true],
    ]);
    expect(status).toMatchObject({ refusals: ['c'], undecided: ['d'] });
  });

  it('tells of each round: contributors, weights, who was absent and why, cosignatures', async () => {
    world = await World.approved();
    world.site('d').duties = { ...world.site('d').duties, contribute: false };
    await world.play();
    await world.site('d').say('not-taking-part');
    await world.advance(700_000);
    await world.play();
    const records = await recordsOf(world);
    const [first] = studyStatus(records).rounds;
    expect(first?.contributors.map(({ site }) => site)).toEqual(['a', 'b', 'c']);
    expect(first?.absentees.map(({ site }) => site)).toEqual(['d']);
    expect(first?.closed).toBe(true);
    expect(first?.cosignedBy.length).toBeGreaterThanOrEqual(3);
    expect(statusText(studyStatus(records), records)).toContain('absent d');
  });

  it('calls a round closed only with a quorum of cosignatures', async () => {
    world = await World.approved();
    for (const name of ['a', 'b']) world.site(name).duties = { ...world.site(name).duties, cosign: false };
    await world.play();
    const status = studyStatus(await recordsOf(world));
    expect(status.rounds).toMatchObject([{ round: 1, closed: false }]);
    expect(status.roundsDone).toBe(0);
    expect(status.complete).toBe(false);
    expect(linesOf(status, 3).some((line) => line.startsWith('round 1'))).toBe(false);
  });

  it('passes over what strangers and forgers put on the board', async () => {
    world = await World.approved();
    await world.play();
    const before = studyStatus(await recordsOf(world));
    const other = await World.approved();
    await other.play();
    for (const { jws } of other.relay.records) world.relay.forge(world.plan.digest, jws);
    await other.end();
    world.relay.forge(world.plan.digest, 'not a record');
    expect(studyStatus(await recordsOf(world))).toEqual(before);
  });
});

describe('the released model', () => {
  async function finished(): Promise<World> {
    world = await World.approved();
    await world.play();
    return world;
  }

  const opening = (at: World): Parameters<typeof openRelease>[1] => ({
    chunks: at.relay.connect('researcher').chunks,
    key: at.federation.researcher.receiving,
    study: at.plan.digest,
  });

  it('opens with the recipient’s key and is the one of the last receipt', async () => {
    const at = await finished();
    await release(at, { tensors: finalModel(at), consenting: 3 });
    const records = await recordsOf(at);
    const released = findRelease(records, at.federation.researcher.signing.thumbprint);
    const { tensors } = await openRelease(released, opening(at));
    expect(tensors).toEqual(finalModel(at));
  });

  it('is refused where it is not the cosigned model', async () => {
    const at = await finished();
    const other = finalModel(at).map((tensor) =>
      tensor.dtype === 'F32' ? { ...tensor, data: tensor.data.map((v) => v + 1) } : tensor,
    );
    await release(at, { tensors: other, consenting: 3 });
    const released = findRelease(await recordsOf(at), at.federation.researcher.signing.thumbprint);
    await expect(openRelease(released, opening(at))).rejects.toMatchObject({ code: 'model-digest' });
  });

  it('is refused without the consents that the plan asks for', async () => {
    const at = await finished();
    await release(at, { tensors: finalModel(at), consenting: 2 });
    const records = await recordsOf(at);
    expect(() => findRelease(records, at.federation.researcher.signing.thumbprint)).toThrow(
      expect.objectContaining({ code: 'release-consents' }),
    );
  });

  it('is not there for anybody else, nor before the end', async () => {
    const at = await finished();
    await release(at, { tensors: finalModel(at), consenting: 3 });
    const records = await recordsOf(at);
    expect(() => findRelease(records, '0'.repeat(64))).toThrow(expect.objectContaining({ code: 'release-none' }));
    const unfinished = await World.approved();
    const open = await recordsOf(unfinished);
    await unfinished.end();
    expect(() => findRelease(open, '0'.repeat(64))).toThrow(expect.objectContaining({ code: 'study-not-complete' }));
  });

  it('does not open with another key', async () => {
    const at = await finished();
    await release(at, { tensors: finalModel(at), consenting: 3 });
    const released = findRelease(await recordsOf(at), at.federation.researcher.signing.thumbprint);
    const key = at.sites[0]?.keys.receiving ?? at.federation.researcher.receiving;
    await expect(openRelease(released, { ...opening(at), key })).rejects.toMatchObject({ code: 'seal-open' });
  });
});
