// A site's side of one masked attempt. Whatever it says is durable before it leaves, so a restart cannot be talked into saying the rest.
import { randomBytes } from 'node:crypto';
import { type Bytes, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { type SigningKey, thumbprint } from '@wardround/protocol/keys';
import type { MaskingAttempt } from './attempt.ts';
import { deal, openDealt, openPairSeed, type Secrets } from './dealing.ts';
import { derivePairKey, derivePairSeed } from './derivation.ts';
import { applyMask, pairSign, type RingTensor } from './mask-stream.ts';
import { digestOfAll, digestOfSurvivors, type Heard, hearAll, say } from './messages.ts';
import { requireKeysTogether, requireEnough, requireSharesFit, requireSurvivors, same } from './peers.ts';
import { copyTensors, inputDigest, requireDistinctNames } from './ring-tensors.ts';
import { decodeSecret, decodeState, encodeSecret, encodeState, type Held, held, type SiteState } from './site-state.ts';

export interface MaskingSitePorts {
  readonly attempt: MaskingAttempt;
  readonly site: string;
  readonly agent: SigningKey;
  /** Durable (fsynced, mode 0600) when it returns. Nothing is said before. A later state replaces an earlier one, never the other way round. */
  readonly save: (state: Uint8Array) => Promise<void>;
  /** The site's own conditions (peers it counts, its minimum, `maxShare`), asked before a survivor set is signed: throws to refuse. */
  readonly accept: (survivors: readonly string[]) => void;
  /**
   * The survivor set for which an earlier attempt of the same round was revealed, or null: the same integers summed over two sets would show
   * the difference.
   */
  readonly revealedBefore: readonly string[] | null;
}

/** The key for shares comes from a secret of its own, by the same derivation; it is never dealt. */
const sharesKeyName = ' shares';

/**
 * keys → shares → receive → mask → signSurvivors → reveal. Each may be repeated with the same arguments and answers the same; with others it
 * refuses. Calls wait for each other.
 */
export class MaskingSite {
  readonly #ports: MaskingSitePorts;
  #state: SiteState;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ports: MaskingSitePorts, state: SiteState) {
    this.#ports = ports;
    this.#state = state;
  }

  /** Fresh secrets for a fresh attempt. @throws WardroundError `masking-signer` where the agent key is not this site's */
  static async begin(ports: MaskingSitePorts): Promise<MaskingSite> {
    const { attempt, site } = ports;
    requireOwnKey(ports);
    const [root, selfSeed, sharesKey] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const pairwise = (await derivePairKey(root, attempt.digest, site)).publicKey;
    const shares = (await derivePairKey(sharesKey, attempt.digest, site + sharesKeyName)).publicKey;
    const { federation, study, session, order } = attempt;
    const nonce = toHex(randomBytes(32));
    const named = { federation, study, session, order, site, pairwise, shares, nonce };
    const keys = await say('MaskKeys', { kind: 'MaskKeys', version: 1, ...named }, ports.agent);
    const secrets = {
      root: encodeSecret(root),
      selfSeed: encodeSecret(selfSeed),
      sharesKey: encodeSecret(sharesKey),
    };
    const rest = { dealt: null, received: null, input: null, signed: null, revealed: null };
    const state: SiteState = { version: 1, attempt: attempt.digest, site, secrets, keys, ...rest };
    await ports.save(encodeState(state));
    return new MaskingSite(ports, state);
  }

  /** Goes on after a restart. @throws WardroundError `masking-state`, `masking-context` where the state is another attempt's or site's */
  static resume(ports: MaskingSitePorts, bytes: Uint8Array): MaskingSite {
    requireOwnKey(ports);
    const state = decodeState(bytes);
    if (state.attempt === ports.attempt.digest && state.site === ports.site) return new MaskingSite(ports, state);
    throw new WardroundError('masking-context', 'the state of another attempt', { action: 'stop' });
  }

  /** MaskKeys, signed. */
  get keys(): string {
    return this.#state.keys;
  }

  /**
   * MaskShares, signed, upon the MaskKeys of all.
   *
   * @throws WardroundError as `hear`, `masking-duplicate`, `masking-absent`, `masking-too-few`, `masking-keys-shared`, `masking-keys-differ`
   * (others than the first time)
   */
  async shares(all: readonly string[]): Promise<string> {
    return await this.#alone(async () => {
      const { attempt, site } = this.#ports;
      const keys = await hearAll('MaskKeys', all, attempt);
      const { dealt } = this.#state;
      if (dealt !== null) {
        if (same(dealt.keys, jwsOf(keys))) return dealt.shares;
        throw stop('masking-keys-differ', 'shares were dealt upon other mask keys');
      }
      requireKeysTogether(keys, attempt);
      if (!keys.some(({ jws }) => jws === this.#state.keys)) {
        throw stop('masking-absent', 'our own mask keys are not among the keys');
      }
      const result = await deal({ attempt, site, secrets: this.#secrets() }, keys);
      const shares = await say('MaskShares', result.dealt, this.#ports.agent);
      await this.#advance({ dealt: { keys: jwsOf(keys), shares, own: held(site, result.own) } });
      return shares;
    });
  }

  /**
   * Opens the MaskShares of all who dealt: with these the site masks. Their names, sorted.
   *
   * @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-absent`, `masking-too-few`, `masking-keys-differ`,
   * `masking-share-peers`, `masking-share-wrong`, `seal-open`, `masking-shares-differ` (others than the first time)
   */
  async receive(all: readonly string[]): Promise<readonly string[]> {
    return await this.#alone(async () => {
      const { dealt, received } = this.#state;
      if (dealt === null) throw phase('shares were not dealt yet');
      const shares = await hearAll('MaskShares', all, this.#ports.attempt);
      if (received !== null) {
        if (received.shares === digestOfAll(shares)) return received.sites;
        throw stop('masking-shares-differ', 'other shares were received before');
      }
      const keys = await hearAll('MaskKeys', dealt.keys, this.#ports.attempt);
      for (const one of shares) requireSharesFit(one, keys);
      requireEnough(shares.length, this.#ports.attempt);
      if (!shares.some(({ jws }) => jws === dealt.shares)) {
        throw stop('masking-absent', 'our own shares are not among the shares');
      }
      const opened = await this.#open(shares);
      await this.#advance({ received: opened });
      return opened.sites;
    });
  }

  /**
   * The tensors, masked: integers weighted by the sender, in ℤ₂⁶⁴. The arguments stay as they are.
   *
   * @throws WardroundError `masking-phase` (no shares received; declared dropped; revealed), `masking-tensors`, `masking-input-differs`
   */
  async mask(tensors: readonly RingTensor[]): Promise<RingTensor[]> {
    return await this.#alone(async () => {
      const { attempt, site } = this.#ports;
      const { received, signed, revealed, input } = this.#state;
      requireDistinctNames(tensors);
      if (received === null) throw phase('shares were not received yet');
      if (revealed !== null) throw phase('the attempt is over here');
      if (signed !== null && !signed.survivors.includes(site)) throw phase('this site was declared dropped');
      const digest = inputDigest(attempt.digest, tensors);
      if (input !== null && input !== digest) {
        throw stop('masking-input-differs', 'other integers were masked in this attempt');
      }
      const masked = copyTensors(tensors);
      applyMask(masked, { seed: this.#secrets().selfSeed, attempt: attempt.digest, sign: 'add' });
      for (const { site: peer, seed } of received.pairs) {
        applyMask(masked, { seed: decodeSecret(seed), attempt: attempt.digest, sign: pairSign(site, peer) });
      }
      if (input === null) await this.#advance({ input: digest });
      return masked;
    });
  }

  /**
   * SurvivorSet, signed: once, for one set.
   *
   * @throws WardroundError `masking-phase`, `masking-survivors`, `masking-too-few`, `masking-survivors-differ` (another set than was signed, or
   * than an earlier attempt of the round was revealed for), and whatever `accept` throws
   */
  async signSurvivors(survivors: readonly string[]): Promise<string> {
    return await this.#alone(async () => {
      const { attempt, site, agent, accept, revealedBefore } = this.#ports;
      const { received, signed, input } = this.#state;
      if (signed !== null) {
        if (same(signed.survivors, survivors)) return signed.jws;
        throw stop('masking-survivors-differ', 'another survivor set was signed in this attempt');
      }
      if (received === null) throw phase('shares were not received yet');
      requireSurvivors(survivors, received.sites, attempt);
      if (input === null && survivors.includes(site)) {
        throw stop('masking-survivors', 'this site masked nothing, and is said to have');
      }
      if (revealedBefore !== null && !same(revealedBefore, survivors)) {
        throw stop('masking-survivors-differ', 'an earlier attempt of this round was opened for another set');
      }
      accept(survivors);
      const { federation, study, session, order } = attempt;
      const named = { federation, study, session, order, site, survivors: [...survivors] };
      const jws = await say('SurvivorSet', { kind: 'SurvivorSet', version: 1, ...named }, agent);
      await this.#advance({ signed: { survivors: [...survivors], jws } });
      return jws;
    });
  }

  /**
   * MaskReveal, signed: for each survivor the share of its own mask's seed, for each other the share of its root. For the enclave alone: the
   * caller seals it. The other halves are forgotten before this returns.
   *
   * @param sets the SurvivorSets of q sites or more, all naming the set that this site signed
   * @throws WardroundError `masking-phase`, as `hear`, `masking-duplicate`, `masking-survivors-differ`, `masking-quorum`
   */
  async reveal(sets: readonly string[]): Promise<string> {
    return await this.#alone(async () => {
      const { attempt, site, agent } = this.#ports;
      const { signed, revealed } = this.#state;
      if (signed === null) throw phase('no survivor set was signed here');
      const heard = await hearAll('SurvivorSet', sets, attempt);
      if (heard.some(({ value }) => !same(value.survivors, signed.survivors))) {
        throw stop('masking-survivors-differ', 'another site signed another survivor set');
      }
      if (heard.length < attempt.quorum) {
        throw new WardroundError('masking-quorum', 'too few sites signed the survivor set', {
          expected: `at least ${attempt.quorum}`,
          got: String(heard.length),
          action: 'retry',
        });
      }
      if (revealed !== null) return revealed;
      const shares = this.#held().map(({ site: of, root, self }) =>
        signed.survivors.includes(of)
          ? { site: of, of: 'self' as const, share: self }
          : { site: of, of: 'root' as const, share: root },
      );
      const survivors = digestOfSurvivors(attempt.digest, signed.survivors);
      const named = { attempt: attempt.digest, site, survivors, shares };
      const jws = await say('MaskReveal', { kind: 'MaskReveal', version: 1, ...named }, agent);
      await this.#forget(jws);
      return jws;
    });
  }

  async #open(shares: readonly Heard<'MaskShares'>[]): Promise<NonNullable<SiteState['received']>> {
    const { attempt, site } = this.#ports;
    const { pairKey, sharesKey } = await this.#openingKeys();
    const pairs = [];
    const hands = [];
    for (const one of shares.filter((other) => other.site !== site)) {
      const seed =
        site < one.site
          ? this.#pairSeed(one.site)
          : await openPairSeed(one, site, { attempt: attempt.digest, pairKey });
      pairs.push({ site: one.site, seed: encodeSecret(seed) });
      hands.push(held(one.site, await openDealt(one, site, { attempt: attempt.digest, sharesKey })));
    }
    return { shares: digestOfAll(shares), sites: shares.map((one) => one.site), pairs, held: hands };
  }

  /** Steps wait for each other: two askers at once would otherwise both find the first step free. */
  async #alone<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  async #advance(change: Partial<SiteState>): Promise<void> {
    const next = { ...this.#state, ...change };
    await this.#ports.save(encodeState(next));
    this.#state = next;
  }

  async #forget(revealed: string): Promise<void> {
    const { dealt, received } = this.#state;
    await this.#advance({
      revealed,
      secrets: null,
      dealt: dealt === null ? null : { ...dealt, own: null },
      received: received === null ? null : { ...received, pairs: [], held: [] },
    });
  }

  #secrets(): Secrets {
    const { secrets } = this.#state;
    if (secrets === null) throw phase('the attempt is over here');
    return { root: decodeSecret(secrets.root), selfSeed: decodeSecret(secrets.selfSeed) };
  }

  async #openingKeys(): Promise<{ pairKey: HpkePrivateKey; sharesKey: HpkePrivateKey }> {
    const { attempt, site } = this.#ports;
    const { secrets } = this.#state;
    if (secrets === null) throw phase('the attempt is over here');
    return {
      pairKey: await derivePairKey(decodeSecret(secrets.root), attempt.digest, site),
      sharesKey: await derivePairKey(decodeSecret(secrets.sharesKey), attempt.digest, site + sharesKeyName),
    };
  }

  #pairSeed(peer: string): Bytes {
    return derivePairSeed(this.#secrets().root, this.#ports.attempt.digest, { from: this.#ports.site, to: peer });
  }

  /** The shares of all who dealt, our own among them, sorted by whose they are. */
  #held(): readonly Held[] {
    const own = this.#state.dealt?.own ?? null;
    const peers = this.#state.received?.held ?? [];
    return [...peers, ...(own === null ? [] : [own])].toSorted((a, b) => (a.site < b.site ? -1 : 1));
  }

  toString(): string {
    return `MaskingSite ${this.#ports.site} [redacted]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function requireOwnKey({ attempt, site, agent }: MaskingSitePorts): void {
  const member = attempt.members.find(({ name }) => name === site);
  if (member !== undefined && thumbprint(member.key) === agent.thumbprint) return;
  throw stop('masking-signer', "not this site's agent key in this attempt");
}

function jwsOf(heard: readonly Heard<'MaskKeys'>[]): string[] {
  return heard.map(({ jws }) => jws);
}

function phase(message: string): WardroundError {
  return stop('masking-phase', message);
}

function stop(code: string, message: string): WardroundError {
  return new WardroundError(code, message, { action: 'stop' });
}
