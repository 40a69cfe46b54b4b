// The enclave's noise, expanded from the secret bytes of all contributors: the same contributions give the same noise, on any machine and
// after any restart, and who lacks a single contributor's secret knows nothing of it.
import { createCipheriv } from 'node:crypto';
import { inspect } from 'node:util';
import { type Bytes, concatBytes, labelledSha256 } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { secretLength } from '@wardround/protocol/payload';
import type { RandomBytes } from './random-words.ts';

/** What a contributor gave towards the noise. */
export interface NoiseShare {
  /** Its name in the roster. */
  readonly site: string;
  /** Digest of its payload, as the receipt names it: should a site ever use its secret twice, other integers still get other noise. */
  readonly payload: string;
  /** The 32 random bytes of its payload. */
  readonly secret: Uint8Array;
}

export interface NoiseOfRound {
  /** Digest of the study's plan. */
  readonly study: string;
  /** Of the study, from 1. Session and attempt are no part of it: a round that is rolled forward must reach the same sums. */
  readonly round: number;
  /** All that the round counts, in any order. */
  readonly shares: readonly NoiseShare[];
}

/**
 * One round's noise, a stream for each tensor:
 *
 *     key    = SHA-256(label ‖ 0 ‖ JSON {contributors: [{payload, site}, ...], round, study} ‖ secret₁ ‖ ... ‖ secretₙ), sites sorted
 *     stream = AES-256-CTR, counter from 0, under SHA-256(label ‖ 0 ‖ key ‖ JSON {tensor})
 *
 * with canonical JSON (RFC 8785). The JSON ends where its object does and every secret has 32 bytes, so no two inputs are one byte string.
 */
export class RoundNoise {
  readonly #key: Bytes;
  readonly #given = new Set<string>();

  /** @throws WardroundError `noise-shares` for none, a site twice, or a secret of another length */
  constructor({ study, round, shares }: NoiseOfRound) {
    const sorted = shares.toSorted((a, b) => (a.site < b.site ? -1 : 1));
    requireShares(sorted);
    const contributors = sorted.map(({ site, payload }) => ({ site, payload }));
    const head = canonicalJson({ contributors, round, study });
    this.#key = labelledSha256(labels.noise, head, ...sorted.map(({ secret }) => secret));
  }

  /**
   * The tensor's random bytes, each given once: a second stream of one tensor would be the same noise on other sums.
   *
   * @throws WardroundError `noise-reused`
   */
  stream(tensor: string): RandomBytes {
    if (this.#given.has(tensor)) {
      throw new WardroundError('noise-reused', 'this noise was used already', { where: tensor, action: 'stop' });
    }
    this.#given.add(tensor);
    const key = labelledSha256(labels.noise, concatBytes(this.#key, canonicalJson({ tensor })));
    const cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
    return (length) => cipher.update(new Uint8Array(length));
  }

  toJSON(): string {
    return 'RoundNoise [redacted]';
  }

  [inspect.custom](): string {
    return this.toJSON();
  }
}

function requireShares(sorted: readonly NoiseShare[]): void {
  const isWhole = sorted.every(
    ({ site, secret }, i) => secret.byteLength === secretLength && sorted[i + 1]?.site !== site,
  );
  if (sorted.length > 0 && isWhole) return;
  throw new WardroundError('noise-shares', 'not the secrets of a round’s contributors', {
    expected: `${secretLength} bytes of each, none twice`,
    action: 'stop',
  });
}
