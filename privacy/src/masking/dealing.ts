// A site's two secrets, dealt to its peers: shares of both, sealed one by one, each committed to; and the seeds of its pairs.
import { type Bytes, fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { sealInfo, sealOpenError, unwrapKey, wrapKey } from '@wardround/protocol/hpke';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { labels } from '@wardround/protocol/labels';
import type { MaskingAttempt } from './attempt.ts';
import { commitToSelfSeed, commitToShare, derivePairSeed, packetContext } from './derivation.ts';
import { digestOfAll, type Heard, type MaskShares, type Packet } from './messages.ts';
import { dealShares } from './secret-sharing.ts';
import { openShares, type Route, sealShares, type SharePair } from './share-packet.ts';

export interface Secrets {
  readonly root: Bytes;
  readonly selfSeed: Bytes;
}

/** What a site deals, and the share that it keeps of its own secrets. @throws WardroundError `key-invalid` */
export async function deal(
  { attempt, site, secrets }: { attempt: MaskingAttempt; site: string; secrets: Secrets },
  keys: readonly Heard<'MaskKeys'>[],
): Promise<{ dealt: MaskShares; own: SharePair }> {
  const roots = await dealShares(secrets.root, keys.length, attempt.threshold);
  const selves = await dealShares(secrets.selfSeed, keys.length, attempt.threshold);
  const hands = keys.map((key, i) => ({ key, pair: { root: at(roots, i), self: at(selves, i) } }));
  const own = hands.find(({ key }) => key.site === site)?.pair;
  if (own === undefined) throw new WardroundError('masking-absent', 'our own mask keys are not among the keys');
  const packets = await Promise.all(
    hands
      .filter(({ key }) => key.site !== site)
      .map(({ key, pair }) => pack({ attempt: attempt.digest, from: site, to: key.site }, { key, pair, secrets })),
  );
  const dealt: MaskShares = {
    kind: 'MaskShares',
    version: 1,
    attempt: attempt.digest,
    site,
    keys: digestOfAll(keys),
    self: commitToSelfSeed(secrets.selfSeed, attempt.digest, site),
    commitments: hands.map(({ key, pair }) => commitTo(pair, { attempt: attempt.digest, from: site, to: key.site })),
    packets,
  };
  return { dealt, own };
}

function at(shares: readonly Bytes[], i: number): Bytes {
  const share = shares[i];
  if (share === undefined) throw new WardroundError('masking-shares-few', 'a share is missing', { action: 'stop' });
  return share;
}

export function commitTo(pair: SharePair, { attempt, from, to }: Route): { site: string; root: string; self: string } {
  return {
    site: to,
    root: commitToShare(pair.root, attempt, { dealer: from, holder: to, of: 'root' }),
    self: commitToShare(pair.self, attempt, { dealer: from, holder: to, of: 'self' }),
  };
}

interface Hand {
  readonly key: Heard<'MaskKeys'>;
  readonly pair: SharePair;
  readonly secrets: Secrets;
}

async function pack(route: Route, { key, pair, secrets }: Hand): Promise<Packet> {
  return {
    site: route.to,
    seed: route.from < route.to ? await sealSeed(route, { key, secrets }) : null,
    shares: await sealShares(pair, key.value.shares, route),
  };
}

async function sealSeed(route: Route, { key, secrets }: Pick<Hand, 'key' | 'secrets'>): Promise<Packet['seed']> {
  const seed = derivePairSeed(secrets.root, route.attempt, route);
  const { enc, wrappedKey } = await wrapKey({ recipient: key.value.pairwise, info: seedInfo(route), key: seed });
  return { encapsulation: toBase64Url(enc), wrappedKey: toBase64Url(wrappedKey) };
}

function seedInfo({ attempt, from, to }: Route): Bytes {
  return sealInfo(labels.maskPairSeedSeal, packetContext(labels.maskPairSeedSeal, attempt, { from, to }));
}

/** A pair's seed as its earlier site sealed it to the later one: opened by that one, or with its key when it dropped out. @throws `seal-open` */
export async function openPairSeed(
  { value }: Heard<'MaskShares'>,
  to: string,
  { attempt, pairKey }: { attempt: string; pairKey: HpkePrivateKey },
): Promise<Bytes> {
  const seed = value.packets.find(({ site }) => site === to)?.seed ?? null;
  if (seed === null) throw sealOpenError();
  const wrapped = { enc: decode(seed.encapsulation), wrappedKey: decode(seed.wrappedKey) };
  return await unwrapKey({ privateKey: pairKey, info: seedInfo({ attempt, from: value.site, to }), wrapped });
}

/** The shares that one site dealt to another, as that one opens them. @throws `seal-open`, `masking-share-wrong` */
export async function openDealt(
  { value }: Heard<'MaskShares'>,
  to: string,
  { attempt, sharesKey }: { attempt: string; sharesKey: HpkePrivateKey },
): Promise<SharePair> {
  const packet = value.packets.find(({ site }) => site === to);
  if (packet === undefined) throw sealOpenError();
  const route = { attempt, from: value.site, to };
  const pair = await openShares(packet.shares, sharesKey, route);
  const said = value.commitments.find(({ site }) => site === to);
  const is = commitTo(pair, route);
  if (said?.root === is.root && said.self === is.self) return pair;
  throw new WardroundError('masking-share-wrong', 'not the share that its dealer committed to', {
    got: value.site,
    action: 'stop',
  });
}

function decode(text: string): Bytes {
  try {
    return fromBase64Url(text);
  } catch (error) {
    throw hasCode(error, 'encoding-base64url') ? sealOpenError() : error;
  }
}
