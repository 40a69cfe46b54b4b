// An enclave that was broken, with f of the sites on its side: what it may try, and what it is left with.
import { describe, expect, it } from 'vitest';
import { fromBase64Url } from '@wardround/protocol/bytes';
import { quorum } from '@wardround/protocol/quorum';
import { derivePairKey, derivePairSeed } from '@wardround/privacy/masking/derivation';
import { openPairSeed } from '@wardround/privacy/masking/dealing';
import { applyMask, opposite, pairSign, type RingTensor } from '@wardround/privacy/masking/mask-stream';
import { hear, maskRevealSchema, maskSharesSchema, say } from '@wardround/privacy/masking/messages';
import { copyTensors } from '@wardround/privacy/masking/ring-tensors';
import { joinShares } from '@wardround/privacy/masking/secret-sharing';
import { decodeState, encodeState, type SiteState } from '@wardround/privacy/masking/site-state';
import { UNVERIFIED_peekDocument } from '@wardround/protocol/jws';
import { agentOf, attemptOf, codeOf, inputOf, must, type Placed, prepare, type Prepared, restarted } from './world.ts';

const length = 32_768;
/** All zero: whatever an attack leaves of it is a mask. */
const upload = (): RingTensor[] => [{ name: 'kernel', values: new BigInt64Array(length) }];

function chiSquareOfTopBytes(values: BigInt64Array<ArrayBuffer>): number {
  const counts = new Float64Array(256);
  const bytes = new Uint8Array(values.buffer);
  for (let i = 7; i < bytes.length; i += 8) counts[bytes[i] ?? 0] = (counts[bytes[i] ?? 0] ?? 0) + 1;
  return counts.reduce((sum, count) => sum + (count - length / 256) ** 2 / (length / 256), 0);
}

/** 255 degrees of freedom; the masks are fresh, so 8 standard deviations leave one false alarm in 10¹². */
function expectMasked(values: BigInt64Array<ArrayBuffer>): void {
  expect(chiSquareOfTopBytes(values)).toBeLessThan(255 + 8 * Math.sqrt(510));
}

function sharesIn(reveals: readonly string[], of: 'root' | 'self', site: string): Uint8Array[] {
  return reveals.flatMap((jws) =>
    maskRevealSchema
      .parse(UNVERIFIED_peekDocument(jws).value)
      .shares.filter((share) => share.site === site && share.of === of)
      .map(({ share }) => fromBase64Url(share)),
  );
}

/** Everything that the root of a site gives: each pairwise mask taken off its upload. */
async function stripPairs(
  prepared: Prepared,
  { root, site, masked }: { root: Uint8Array; site: string; masked: readonly RingTensor[] },
): Promise<RingTensor[]> {
  const attempt = prepared.attempt.digest;
  const pairKey = await derivePairKey(root, attempt, site);
  const left = copyTensors(masked);
  for (const jws of prepared.shares) {
    const dealt = await hear('MaskShares', jws, prepared.attempt);
    if (dealt.site === site) continue;
    const seed =
      site < dealt.site
        ? derivePairSeed(root, attempt, { from: site, to: dealt.site })
        : await openPairSeed(dealt, site, { attempt, pairKey });
    applyMask(left, { seed, attempt, sign: opposite(pairSign(site, dealt.site)) });
  }
  return left;
}

async function signedBy(sites: readonly Placed[], survivors: readonly string[]): Promise<string[]> {
  return await Promise.all(sites.map(({ site }) => site.signSurvivors(survivors)));
}

describe('a hostile enclave that declares a site dropped and then opens its late upload', () => {
  it('fails: the root that it gets takes the pairwise masks off, and the own mask stays', async () => {
    const prepared = await prepare(attemptOf(4, { colluding: 1 }));
    const { sites, attempt } = prepared;
    const [late, ...others] = [must(sites[2]), must(sites[0]), must(sites[1]), must(sites[3])];
    for (const { site } of others) await site.mask(upload());
    const names = others.map(({ name }) => name).toSorted();
    const sets = await signedBy(others, names);
    const reveals = await Promise.all(others.map(({ site }) => site.reveal(sets)));
    const masked = await late.site.mask(upload());

    const root = await joinShares(sharesIn(reveals, 'root', late.name), attempt.threshold);
    const left = must((await stripPairs(prepared, { root, site: late.name, masked }))[0]);
    expectMasked(left.values);
    expect(left.values.filter((value) => value === 0n).length).toBe(0);

    // Exactly the late site's own mask is left: with its seed the upload would lie open, and nobody revealed a share of that.
    const state = decodeState(late.disk.state);
    applyMask([left], { seed: ownSeed(state), attempt: attempt.digest, sign: 'subtract' });
    expect(left.values).toEqual(new BigInt64Array(length));
    expect(sharesIn(reveals, 'self', late.name)).toEqual([]);
    expect(await codeOf(() => joinShares(sharesIn(reveals, 'self', late.name), attempt.threshold))).toBe(
      'masking-shares-few',
    );
  });

  it('gets the other shares neither by asking again, nor after a restart, nor from a stolen disk', async () => {
    const { sites, attempt } = await prepare(attemptOf(4, { colluding: 1 }));
    const [late, ...others] = [must(sites[3]), must(sites[0]), must(sites[1]), must(sites[2])];
    for (const { site } of sites) await site.mask(upload());
    const names = others.map(({ name }) => name);
    const all = sites.map(({ name }) => name);
    const sets = await signedBy(others, names);
    for (const placed of others) {
      const reveal = await placed.site.reveal(sets);
      for (const asked of [placed, restarted(attempt, placed)]) {
        expect(await codeOf(() => asked.site.signSurvivors(all))).toBe('masking-survivors-differ');
        expect(await asked.site.reveal(sets)).toBe(reveal);
        expect(await codeOf(() => asked.site.mask(upload()))).toBe('masking-phase');
      }
      const state = decodeState(placed.disk.state);
      expect(state).toMatchObject({ secrets: null, dealt: { own: null }, received: { held: [], pairs: [] } });
    }
    // Nor by the late site itself, which is asked to sign a set with itself in it: no quorum can stand behind that.
    const forged = [await late.site.signSurvivors(all)];
    expect(await codeOf(() => late.site.reveal(forged))).toBe('masking-quorum');
    expect(await codeOf(() => late.site.reveal([...forged, ...sets]))).toBe('masking-survivors-differ');
  });

  it('gets nothing from f colluding sites either, who know both of their shares', async () => {
    const { sites, attempt } = await prepare(attemptOf(4, { colluding: 1 }));
    const evil = decodeState(must(sites[0]).disk.state);
    const shares = (evil.received?.held ?? []).map(({ self }) => fromBase64Url(self));
    expect(shares).toHaveLength(3);
    for (const share of shares) {
      expect(await codeOf(() => joinShares([share], attempt.threshold))).toBe('masking-shares-few');
    }
    // Three shares of three seeds are three points of three polynomials: what comes out is none of the seeds.
    const guess = await codeOf(async () => {
      const joined = await joinShares(shares, attempt.threshold);
      const seeds = sites.map(({ disk }) => ownSeed(decodeState(disk.state)));
      expect(seeds.some((seed) => Buffer.from(seed).equals(joined))).toBe(false);
    });
    expect(['accepted', 'masking-share-point']).toContain(guess);
  });
});

function ownSeed({ secrets }: SiteState): Uint8Array {
  if (secrets === null) throw new Error('forgotten');
  return fromBase64Url(secrets.selfSeed);
}

describe('a hostile enclave that shows two survivor sets to two sites', () => {
  it('fails: one of the sets has no quorum, and who signed one reveals for no other', async () => {
    const { sites, attempt } = await prepare(attemptOf(4, { colluding: 1 }));
    for (const { site } of sites) await site.mask(upload());
    const [a, b, c, d] = [must(sites[0]), must(sites[1]), must(sites[2]), must(sites[3])];
    const [first, second] = [
      [a.name, b.name, c.name],
      [a.name, b.name, d.name],
    ];
    // The colluder signs both, outside of its own program.
    const forge = async (survivors: string[]): Promise<string> => {
      const { federation, study, session, order } = attempt;
      const said = { kind: 'SurvivorSet' as const, version: 1 as const, federation, study, session, order };
      return await say('SurvivorSet', { ...said, site: a.name, survivors }, agentOf(a.name));
    };
    const firstSets = [await forge(first), await b.site.signSurvivors(first)];
    const secondSets = [await forge(second), await c.site.signSurvivors(second), await d.site.signSurvivors(second)];
    expect(await codeOf(() => b.site.reveal(firstSets))).toBe('masking-quorum');
    expect(await codeOf(() => b.site.reveal([...firstSets, must(firstSets[0])]))).toBe('masking-duplicate');
    expect(await codeOf(() => b.site.reveal(secondSets))).toBe('masking-survivors-differ');
    expect(await codeOf(() => c.site.reveal(firstSets))).toBe('masking-survivors-differ');
    expect(await codeOf(() => c.site.reveal([...secondSets.slice(1), must(firstSets[1])]))).toBe(
      'masking-survivors-differ',
    );
    // For the set that has a quorum all is well, with b left out of it.
    expect(await codeOf(() => c.site.reveal(secondSets))).toBe('accepted');
  });

  it('two asked at once sign once', async () => {
    const { sites } = await prepare(attemptOf(4, { colluding: 1 }));
    for (const { site } of sites) await site.mask(upload());
    const asked = must(sites[0]);
    const names = sites.map(({ name }) => name);
    const codes = await Promise.all([
      codeOf(() => asked.site.signSurvivors(names)),
      codeOf(() => asked.site.signSurvivors(names.slice(0, 3))),
    ]);
    expect(codes).toEqual(['accepted', 'masking-survivors-differ']);
  });

  it('no way of dividing the honest sites gives both sets a quorum, nor both halves of a seed t shares', () => {
    for (let members = 2; members <= 60; members += 1) {
      for (let colluding = 0; colluding <= Math.floor((members - 1) / 3); colluding += 1) {
        const needed = quorum(members, colluding);
        for (let first = 0; first <= members - colluding; first += 1) {
          const second = members - colluding - first;
          expect(Math.min(first, second) + colluding).toBeLessThan(needed);
        }
      }
    }
  });
});

describe('a hostile enclave that shows sites different peers', () => {
  it('cannot make a site deal to a few colluders only', async () => {
    const attempt = attemptOf(4, { colluding: 1 });
    const { sites, keys } = await prepare(attempt);
    const fresh = attemptOf(4, { colluding: 1, order: '9'.repeat(64) });
    expect(await codeOf(() => must(sites[1]).site.shares(keys.slice(0, 3)))).toBe('masking-keys-differ');
    const began = await prepare(fresh).then(({ sites: all }) => must(all[1]));
    expect(await codeOf(() => began.site.shares(keys))).toBe('masking-context');
  });

  it('cannot mix shares that were dealt upon other keys', async () => {
    const attempt = attemptOf(4, { colluding: 1 });
    const whole = await prepare(attempt);
    const split = await prepare(attempt, { keys: [must(whole.sites[3]).name] });
    const victim = must(split.sites[0]);
    const again = restarted(attempt, { ...victim, disk: { state: withoutReceived(victim.disk.state) } });
    const mixed = [must(split.shares[0]), must(split.shares[1]), must(whole.shares[2])];
    expect(await codeOf(() => again.site.receive(mixed))).toBe('masking-keys-differ');
    expect(await codeOf(() => victim.site.receive(mixed))).toBe('masking-shares-differ');
  });
});

function withoutReceived(state: Uint8Array): Uint8Array {
  const { received, ...rest } = decodeState(state);
  expect(received).not.toBeNull();
  return encodeState({ ...rest, received: null });
}

describe('a hostile enclave that asks for the same round again', () => {
  it('gets no sum over another set of the same sites, and no second input under the same masks', async () => {
    const attempt = attemptOf(4, { colluding: 1, attempt: 2 });
    const { sites } = await prepare(attempt);
    const names = sites.map(({ name }) => name);
    for (const placed of sites.slice(0, 2)) {
      const again = restarted(attempt, placed, { revealedBefore: names.slice(0, 3) });
      await again.site.mask(inputOf(placed.name));
      expect(await codeOf(() => again.site.mask(upload()))).toBe('masking-input-differs');
      expect(await codeOf(() => again.site.signSurvivors(names))).toBe('masking-survivors-differ');
      expect(await codeOf(() => again.site.signSurvivors(names.slice(0, 3)))).toBe('accepted');
    }
  });
});

it('what travels shows no seed and no share', async () => {
  const { sites, shares, keys } = await prepare(attemptOf(3));
  const travelled = [...keys, ...shares].map((jws) => Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString());
  for (const { disk } of sites) {
    const { secrets, received, dealt } = decodeState(disk.state);
    const secret = [
      ...Object.values(secrets ?? {}),
      ...(received?.pairs ?? []).map(({ seed }) => seed),
      ...(received?.held ?? []).flatMap(({ root, self }) => [root, self]),
      dealt?.own?.self ?? '',
    ];
    expect(secret.length).toBe(3 + 2 + 4 + 1);
    for (const one of secret) for (const text of travelled) expect(text).not.toContain(one);
  }
  expect(maskSharesSchema.parse(JSON.parse(must(travelled[3]))).packets).toHaveLength(2);
});
