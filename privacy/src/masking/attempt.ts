// One attempt at a masked sum: who takes part, how many of them decide, and the digest to which every key, seed, share and mask is bound.
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { sortedBy } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { type PublicKey, thumbprint } from '@wardround/protocol/keys';
import { labels } from '@wardround/protocol/labels';
import { leastContributors, quorum } from '@wardround/protocol/quorum';

/** A site of the order's roster, with the agent key that signs what it says. */
export interface MaskingMember {
  readonly name: string;
  readonly key: PublicKey;
}

export interface AttemptTerms {
  readonly federation: string;
  readonly study: string;
  readonly session: string;
  /** Digest of the RoundOrder of phase `maskKeys`: it names the attempt in all four phases. */
  readonly order: string;
  readonly round: number;
  readonly attempt: number;
  /** Sorted by name. */
  readonly members: readonly MaskingMember[];
  /** Shamir threshold t, from the plan; at least q of the members. */
  readonly threshold: number;
  /** K, from the plan: no sum of fewer sites is unmasked. */
  readonly minimum: number;
  /** f, from the genesis. */
  readonly colluding: number;
}

export interface MaskingAttempt extends AttemptTerms {
  /** Hex; everything secret of this attempt is derived under it. */
  readonly digest: string;
  /** How many members sign one survivor set before anything is revealed. */
  readonly quorum: number;
}

/** Shares are points of a polynomial over GF(256) other than 0. */
const mostMembers = 255;

/**
 * The attempt that these terms describe. One survivor set is signed by q(m) sites, and two quorums share an honest site, which signs once: no
 * honest site reveals the second half of anything. With t ≥ q(m) > (m + f)/2 the shares say it again: both halves of one site would take
 * 2t − f > m honest answers.
 *
 * Source: Bonawitz and others, "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, figure 4, active adversary.
 *
 * @throws WardroundError `masking-members`, `masking-threshold`, `masking-minimum`
 */
export function openAttempt(terms: AttemptTerms): MaskingAttempt {
  const { members, threshold, minimum, colluding } = terms;
  requireMembers(members);
  const signers = quorum(members.length, colluding);
  requireBetween({ code: 'masking-threshold', least: signers, most: members.length, got: threshold });
  requireBetween({
    code: 'masking-minimum',
    least: leastContributors(colluding),
    most: members.length,
    got: minimum,
  });
  return { ...terms, digest: attemptDigest(terms), quorum: signers };
}

function requireBetween({ code, least, most, got }: { code: string; least: number; most: number; got: number }): void {
  if (Number.isSafeInteger(got) && got >= least && got <= most) return;
  throw new WardroundError(code, 'this many sites do not protect, or cannot be reached', {
    expected: `${least} to ${most}`,
    got: String(got),
  });
}

function requireMembers(members: readonly MaskingMember[]): void {
  const keys = new Set(members.map(({ key }) => thumbprint(key)));
  const fits = members.length >= 2 && members.length <= mostMembers && keys.size === members.length;
  if (fits && sortedBy('name')(members)) return;
  throw new WardroundError('masking-members', 'not a roster that can be masked', {
    expected: `2 to ${mostMembers} sites sorted by name, each with a key of its own`,
    got: `${members.length} sites`,
  });
}

function attemptDigest({ members, ...terms }: AttemptTerms): string {
  const { federation, study, session, order, round, attempt, threshold, minimum, colluding } = terms;
  const roster = members.map(({ name, key }) => ({ name, agent: thumbprint(key) }));
  const named = { federation, study, session, order, round, attempt, threshold, minimum, colluding, roster };
  return toHex(labelledSha256(labels.maskAttempt, canonicalJson(named)));
}

/** No set of fewer sites is masked, signed or unmasked. */
export function leastSites({ threshold, minimum }: MaskingAttempt): number {
  return Math.max(threshold, minimum);
}
