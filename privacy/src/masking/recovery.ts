// Taking the masks off a sum: the survivors' own masks, and those that survivors made with sites that dropped out.
import { type Bytes, fromBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { MaskingAttempt } from './attempt.ts';
import { openPairSeed } from './dealing.ts';
import { commitToSelfSeed, derivePairKey, derivePairSeed, samePublicKey, type SecretName } from './derivation.ts';
import { type Mask, opposite, pairSign } from './mask-stream.ts';
import type { Heard } from './messages.ts';
import { joinShares } from './secret-sharing.ts';

export interface Recovery {
  readonly attempt: MaskingAttempt;
  readonly keys: ReadonlyMap<string, Heard<'MaskKeys'>>;
  readonly shares: ReadonlyMap<string, Heard<'MaskShares'>>;
  readonly survivors: readonly string[];
  /** Checked already, each against its dealer's commitment. */
  readonly reveals: readonly Heard<'MaskReveal'>[];
}

/**
 * Every mask that is still in a sum over the survivors, as what takes it off. Empty streams of nothing else: a site that is no survivor keeps
 * its own mask for ever.
 *
 * @throws WardroundError `masking-dealer` naming the site whose shares do not give back what it committed to; `masking-shares-few`
 */
export async function remainingMasks(recovery: Recovery): Promise<Mask[]> {
  const masks: Mask[] = [];
  for (const site of recovery.survivors) masks.push(await ownMask(recovery, site));
  const dropped = [...recovery.shares.keys()].filter((site) => !recovery.survivors.includes(site));
  for (const site of dropped) masks.push(...(await masksWith(recovery, site)));
  return masks;
}

async function ownMask(recovery: Recovery, site: string): Promise<Mask> {
  const { attempt, shares } = recovery;
  const seed = await reconstruct(recovery, site, 'self');
  if (commitToSelfSeed(seed, attempt.digest, site) !== shares.get(site)?.value.self) throw dealer(site);
  return { seed, attempt: attempt.digest, sign: 'subtract' };
}

/** The masks that each survivor made with a site that dropped out. */
async function masksWith(recovery: Recovery, dropped: string): Promise<Mask[]> {
  const { attempt, keys, survivors } = recovery;
  const root = await reconstruct(recovery, dropped, 'root');
  const pairKey = await derivePairKey(root, attempt.digest, dropped);
  const signed = keys.get(dropped);
  if (signed === undefined || !samePublicKey(pairKey.publicKey, signed.value.pairwise)) throw dealer(dropped);
  const masks: Mask[] = [];
  for (const survivor of survivors) {
    const seed =
      dropped < survivor
        ? derivePairSeed(root, attempt.digest, { from: dropped, to: survivor })
        : await seedBy(recovery, survivor, { dropped, pairKey });
    masks.push({ seed, attempt: attempt.digest, sign: opposite(pairSign(survivor, dropped)) });
  }
  pairKey.erase();
  return masks;
}

async function seedBy(
  { attempt, shares }: Recovery,
  survivor: string,
  { dropped, pairKey }: { dropped: string; pairKey: Awaited<ReturnType<typeof derivePairKey>> },
): Promise<Bytes> {
  const dealt = shares.get(survivor);
  if (dealt === undefined) throw dealer(survivor);
  try {
    return await openPairSeed(dealt, dropped, { attempt: attempt.digest, pairKey });
  } catch (cause) {
    throw dealer(survivor, cause);
  }
}

async function reconstruct({ attempt, reveals }: Recovery, site: string, of: SecretName): Promise<Bytes> {
  const shares = reveals.flatMap(({ value }) =>
    value.shares.filter((share) => share.site === site && share.of === of).map(({ share }) => fromBase64Url(share)),
  );
  try {
    return await joinShares(shares, attempt.threshold);
  } catch (cause) {
    // Each share is what its dealer committed to, so a point that is wrong is the dealer's.
    throw cause instanceof WardroundError && cause.code === 'masking-share-point' ? dealer(site, cause) : cause;
  }
}

function dealer(site: string, cause?: unknown): WardroundError {
  return new WardroundError('masking-dealer', 'a site dealt shares of something else than it committed to', {
    got: site,
    action: 'retry',
    cause,
  });
}
