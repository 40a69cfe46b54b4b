// The enclave's side of one masked attempt: it gathers what sites say, lets one survivor set be signed, and takes the masks off the sum.
import { fromBase64Url } from '@wardround/protocol/bytes';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { MaskingAttempt } from './attempt.ts';
import { commitToShare } from './derivation.ts';
import { applyMask, type RingTensor } from './mask-stream.ts';
import { digestOfSurvivors, duplicate, hear, type Heard } from './messages.ts';
import { requireEnough, requireKeysTogether, requireSharesFit, same } from './peers.ts';
import { remainingMasks } from './recovery.ts';
import { copyTensors, requireDistinctNames } from './ring-tensors.ts';
import { requireShare } from './secret-sharing.ts';

type Step = 'keys' | 'shares' | 'inputs' | 'survivors' | 'over';

/**
 * acceptKeys… closeKeys → acceptShares… closeShares → receive… closeInputs → acceptSurvivorSet… survivorSets → acceptReveal… unmask. What it
 * refuses is one site's message; the others go on. It holds no secret until `unmask`, and then only what opens the sum.
 */
export class MaskingAggregator {
  readonly #attempt: MaskingAttempt;
  #step: Step = 'keys';
  readonly #keys = new Map<string, Heard<'MaskKeys'>>();
  readonly #shares = new Map<string, Heard<'MaskShares'>>();
  readonly #inputs = new Set<string>();
  readonly #survivorSets = new Map<string, Heard<'SurvivorSet'>>();
  readonly #reveals = new Map<string, Heard<'MaskReveal'>>();

  constructor(attempt: MaskingAttempt) {
    this.#attempt = attempt;
  }

  /** The site that said it. @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-keys-shared` */
  async acceptKeys(jws: string): Promise<string> {
    const heard = await hear('MaskKeys', jws, this.#attempt);
    this.#require('keys');
    const taken = new Set([...this.#keys.values()].flatMap(({ value }) => [value.pairwise.key, value.shares.key]));
    const { pairwise, shares } = heard.value;
    if (this.#keys.has(heard.site)) throw duplicate(heard.site);
    if (taken.has(pairwise.key) || taken.has(shares.key) || pairwise.key === shares.key) {
      throw new WardroundError('masking-keys-shared', 'two of the mask keys are the same', { got: heard.site });
    }
    this.#keys.set(heard.site, heard);
    return heard.site;
  }

  /** The MaskKeys of all, for everybody, sorted by site. @throws WardroundError `masking-phase`, `masking-too-few` */
  closeKeys(): readonly string[] {
    this.#require('keys');
    const keys = bySite(this.#keys);
    requireKeysTogether(keys, this.#attempt);
    this.#step = 'shares';
    return keys.map(({ jws }) => jws);
  }

  /** @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-keys-differ`, `masking-share-peers` */
  async acceptShares(jws: string): Promise<string> {
    const heard = await hear('MaskShares', jws, this.#attempt);
    this.#require('shares');
    if (this.#shares.has(heard.site)) throw duplicate(heard.site);
    requireSharesFit(heard, bySite(this.#keys));
    this.#shares.set(heard.site, heard);
    return heard.site;
  }

  /** The MaskShares of all who dealt, for everybody. @throws WardroundError `masking-phase`, `masking-too-few` */
  closeShares(): readonly string[] {
    this.#require('shares');
    requireEnough(this.#shares.size, this.#attempt);
    this.#step = 'inputs';
    return bySite(this.#shares).map(({ jws }) => jws);
  }

  /** A whole masked input of this site was verified and added to the sum. @throws WardroundError `masking-phase`, `masking-duplicate`, `masking-absent` */
  receive(site: string): void {
    this.#require('inputs');
    if (!this.#shares.has(site)) throw new WardroundError('masking-absent', 'this site dealt no shares', { got: site });
    if (this.#inputs.has(site)) throw duplicate(site);
    this.#inputs.add(site);
  }

  /** The survivors: whose inputs are in the sum, and nobody else's. @throws WardroundError `masking-phase`, `masking-too-few` */
  closeInputs(): readonly string[] {
    this.#require('inputs');
    requireEnough(this.#inputs.size, this.#attempt);
    this.#step = 'survivors';
    return this.#survivors();
  }

  /** @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-survivors-differ` */
  async acceptSurvivorSet(jws: string): Promise<string> {
    const heard = await hear('SurvivorSet', jws, this.#attempt);
    this.#require('survivors');
    if (this.#survivorSets.has(heard.site)) throw duplicate(heard.site);
    if (!same(heard.value.survivors, this.#survivors())) {
      throw new WardroundError('masking-survivors-differ', 'not the sites whose inputs are here', { got: heard.site });
    }
    this.#survivorSets.set(heard.site, heard);
    return heard.site;
  }

  /** What q sites signed, for everybody who is to reveal. @throws WardroundError `masking-phase`, `masking-quorum` */
  survivorSets(): readonly string[] {
    this.#require('survivors');
    const sets = bySite(this.#survivorSets).map(({ jws }) => jws);
    if (sets.length >= this.#attempt.quorum) return sets;
    throw new WardroundError('masking-quorum', 'too few sites signed the survivor set', {
      expected: `at least ${this.#attempt.quorum}`,
      got: String(sets.length),
      action: 'retry',
    });
  }

  /**
   * @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-absent`, `masking-survivors-differ`, `masking-reveal-peers`,
   * `masking-share-kind`, `masking-share-length`, `masking-share-wrong`
   */
  async acceptReveal(jws: string): Promise<string> {
    const heard = await hear('MaskReveal', jws, this.#attempt);
    this.#require('survivors');
    if (this.#reveals.has(heard.site)) throw duplicate(heard.site);
    this.#requireReveal(heard);
    this.#reveals.set(heard.site, heard);
    return heard.site;
  }

  /**
   * The sum over the survivors, from the sum of their masked inputs, which stays as it is.
   *
   * @throws WardroundError `masking-phase`, `masking-shares-few` (fewer than t sites revealed: wait for more), `masking-dealer` (the attempt is
   * lost through the named site), `masking-tensors`
   */
  async unmask(sum: readonly RingTensor[]): Promise<RingTensor[]> {
    this.#require('survivors');
    requireDistinctNames(sum);
    const masks = await remainingMasks({
      attempt: this.#attempt,
      keys: this.#keys,
      shares: this.#shares,
      survivors: this.#survivors(),
      reveals: bySite(this.#reveals),
    });
    const plain = copyTensors(sum);
    for (const mask of masks) applyMask(plain, mask);
    this.#step = 'over';
    this.#reveals.clear();
    return plain;
  }

  /** Whether enough sites revealed. */
  get ready(): boolean {
    return this.#step === 'survivors' && this.#reveals.size >= this.#attempt.threshold;
  }

  #survivors(): readonly string[] {
    return [...this.#inputs].toSorted();
  }

  #requireReveal({ site, value }: Heard<'MaskReveal'>): void {
    const survivors = this.#survivors();
    if (!this.#shares.has(site)) throw new WardroundError('masking-absent', 'this site dealt no shares', { got: site });
    if (value.survivors !== digestOfSurvivors(this.#attempt.digest, survivors)) {
      throw new WardroundError('masking-survivors-differ', 'revealed for another survivor set', { got: site });
    }
    const dealers = bySite(this.#shares).map((dealt) => dealt.site);
    if (
      !same(
        value.shares.map((share) => share.site),
        dealers,
      )
    ) {
      throw new WardroundError('masking-reveal-peers', 'not one share of each site that dealt', { got: site });
    }
    for (const share of value.shares) {
      const of = survivors.includes(share.site) ? 'self' : 'root';
      if (share.of !== of) {
        throw new WardroundError('masking-share-kind', 'the other half was revealed', { got: site, expected: of });
      }
      this.#requireShare(site, share);
    }
  }

  /** As its dealer committed to it. */
  #requireShare(holder: string, { site, of, share }: Heard<'MaskReveal'>['value']['shares'][number]): void {
    const bytes = decodeShare(share);
    requireShare(bytes, holder);
    const committed = this.#shares.get(site)?.value.commitments.find((one) => one.site === holder)?.[of];
    if (commitToShare(bytes, this.#attempt.digest, { dealer: site, holder, of }) === committed) return;
    throw new WardroundError('masking-share-wrong', 'not the share that its dealer committed to', {
      got: holder,
      where: site,
      action: 'stop',
    });
  }

  #require(step: Step): void {
    if (this.#step === step) return;
    throw new WardroundError('masking-phase', 'too early or too late for this', { expected: step, got: this.#step });
  }
}

function decodeShare(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (error) {
    if (!hasCode(error, 'encoding-base64url')) throw error;
    throw new WardroundError('masking-share-length', 'not a share of a seed');
  }
}

function bySite<T extends { readonly site: string }>(heard: ReadonlyMap<string, T>): T[] {
  return [...heard.values()].toSorted((a, b) => (a.site < b.site ? -1 : 1));
}
