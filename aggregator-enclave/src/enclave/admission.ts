// The door for contributions: what a header must say before one byte of its ciphertext is fetched. Every site may be hostile.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { equalBytes } from '@wardround/protocol/bytes';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { ContributionRefusalCode } from '@wardround/protocol/refusal-codes';

export type VerifiedContribution = Verified<'Contribution'>;
export type VerifiedOrder = Verified<'RoundOrder'>;

/** What the order and the plan ask of every contribution. */
export interface Expectation {
  readonly order: VerifiedOrder;
  readonly tensors: readonly TensorHeader[];
  /** Bytes of the sealed payload; sizes are padded to the plan's, so every honest one is equal. Null where only an upper bound is known. */
  readonly sealedSize: number | null;
  readonly maxSealedSize: number;
  /** The payload digest that this site must reach again, in a roll-forward; for a checkpoint return the checkpoint's digest. */
  readonly payloadOf: (site: string) => string | null;
}

/** What is known at the moment of the check. */
export interface Moment {
  readonly now: Date;
  /** Digest of the site's approval that holds now; undefined where none does. */
  readonly approvalOf: (site: string) => string | undefined;
  /** Whether this site was admitted to, or refused from, this order before. */
  readonly alreadyHeard: (site: string) => boolean;
}

/** Only {@link admitHeader} makes one: a contribution whose header says what the order asked. Its content is still unknown. */
export class AdmittedHeader {
  readonly contribution: VerifiedContribution;
  readonly site: string;
  /** The approved weight, which is also the order's. */
  readonly weight: number;

  private constructor(contribution: VerifiedContribution) {
    this.contribution = contribution;
    this.site = contribution.value.site;
    this.weight = contribution.value.weight;
  }

  /** @throws WardroundError with a `ContributionRefusalCode` */
  static admit(contribution: VerifiedContribution, expected: Expectation, at: Moment): AdmittedHeader {
    requireHeader(contribution, expected, at);
    return new AdmittedHeader(contribution);
  }
}

/** A contribution that does not enter the sum; the code is what the board is told. */
export function refusal(code: ContributionRefusalCode, message: string, cause?: unknown): WardroundError {
  return new WardroundError(code, message, { action: 'stop', ...(cause === undefined ? {} : { cause }) });
}

function requireHeader({ value }: VerifiedContribution, expected: Expectation, at: Moment): void {
  const { value: order } = expected.order;
  if (value.session !== order.session) throw refusal('contribution-session', 'made for another session');
  if (value.order !== expected.order.digest) throw refusal('contribution-order', 'made for another order');
  const entry = order.roster.find(({ name }) => name === value.site);
  if (entry === undefined) throw refusal('contribution-roster', 'the order does not name this site');
  if (at.alreadyHeard(value.site)) throw refusal('contribution-repeated', 'a second contribution to one order');
  if (value.task !== order.task || value.phase !== order.phase) throw refusal('contribution-task', 'another task');
  if (value.round !== order.round) throw refusal('contribution-round', 'another round');
  if (value.attempt !== order.attempt) throw refusal('contribution-attempt', 'another attempt');
  if (value.base !== order.base.checkpoint) throw refusal('contribution-base', 'another base model');
  if (value.weight !== entry.weight) throw refusal('contribution-weight', 'a weight that was not approved');
  if (value.approval !== at.approvalOf(value.site)) throw refusal('contribution-approval', 'no approval that holds');
  if (!sameTensors(value.tensors, expected.tensors))
    throw refusal('contribution-tensors', 'not the tensors of the plan');
  requirePayload(value.payload, expected.payloadOf(value.site));
  requireSize(value.ciphertext.size, expected);
  if (at.now.toISOString() > order.deadline) throw refusal('contribution-late', 'after the deadline');
}

function requirePayload(payload: string, required: string | null): void {
  if (required !== null && payload !== required) {
    throw refusal('contribution-payload', 'other integers than the cosigned ones');
  }
}

function requireSize(size: number, { sealedSize, maxSealedSize }: Expectation): void {
  if (size > maxSealedSize || (sealedSize !== null && size !== sealedSize)) {
    throw refusal('contribution-size', 'not the size of such a payload');
  }
}

function sameTensors(a: readonly TensorHeader[], b: readonly TensorHeader[]): boolean {
  return equalBytes(canonicalJson(a), canonicalJson(b));
}
