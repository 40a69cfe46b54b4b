// The final model to a researcher: sealed to the recipient that the plan names, once enough people agreed.
import { toBase64Url } from '@wardround/protocol/bytes';
import type { ModelRelease } from '@wardround/protocol/documents/consent';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { SigningKey } from '@wardround/protocol/keys';
import type { BlobRef } from '@wardround/protocol/manifest';
import type { WrappedKey } from '@wardround/protocol/hpke';
import { lastRound } from '@wardround/protocol/schedule';
import { releaseInfo } from '@wardround/protocol/seal-context';
import { sealToMany } from '@wardround/protocol/sealed-stream';
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { ClosedRound } from './chain.ts';
import { refused } from './refusal.ts';

const token = Symbol('sealed release');

export interface ReleaseRequest {
  readonly records: StudyRecords;
  readonly site: string;
  /** The last round, closed. */
  readonly final: ClosedRound;
  /** Thumbprint of the recipient's signing key, as the plan names it. */
  readonly recipient: string;
}

/** People's consents to release this model to this recipient, one of each site, sorted by site. */
export function consentsTo({
  records,
  final,
  recipient,
}: Omit<ReleaseRequest, 'site'>): readonly Verified<'ReleaseConsent'>[] {
  const receipts = new Set(final.receipts.map(({ digest }) => digest));
  const bySite = new Map<string, Verified<'ReleaseConsent'>>();
  for (const consent of records.of('ReleaseConsent')) {
    const { value } = consent;
    if (receipts.has(value.receipt) && value.model === final.model && value.recipient === recipient)
      bySite.set(value.site, consent);
  }
  return [...bySite.values()].toSorted((a, b) => (a.value.site < b.value.site ? -1 : 1));
}

export class SealedRelease {
  readonly #request: ReleaseRequest;
  readonly #consents: readonly Verified<'ReleaseConsent'>[];
  readonly #wrapped: WrappedKey;
  readonly #chunks: AsyncIterable<Uint8Array>;

  private constructor(
    key: symbol,
    parts: {
      request: ReleaseRequest;
      consents: readonly Verified<'ReleaseConsent'>[];
      wrapped: WrappedKey;
      chunks: AsyncIterable<Uint8Array>;
    },
  ) {
    if (key !== token) throw refused('release-not-sealed', 'only the gate seals');
    this.#request = parts.request;
    this.#consents = parts.consents;
    this.#wrapped = parts.wrapped;
    this.#chunks = parts.chunks;
  }

  /** @throws WardroundError `release-recipient`, `release-consents` (too few), `release-not-final` */
  static async seal(request: ReleaseRequest, model: Uint8Array): Promise<SealedRelease> {
    const { plan } = request.records;
    const recipient = plan.value.release.to.find(({ signing }) => signing === request.recipient);
    if (recipient === undefined) throw refused('release-recipient', 'not a recipient of the plan');
    if (request.final.round !== lastRound(plan.value) || !request.final.closed) {
      throw refused('release-not-final', 'the last round is not closed');
    }
    const consents = consentsTo(request);
    if (consents.length < plan.value.release.whenSitesAgree) {
      throw refused('release-consents', 'too few sites agreed to the release', {
        expected: String(plan.value.release.whenSitesAgree),
        got: String(consents.length),
      });
    }
    const info = releaseInfo({ model: request.final.model, recipient: request.recipient, study: plan.digest });
    const { wrappedKeys, chunks } = await sealToMany({ source: [model], recipients: [recipient.receiving], info });
    const [wrapped] = wrappedKeys;
    if (wrapped === undefined) throw refused('release-recipient', 'the recipient has no key');
    return new SealedRelease(token, { request, consents, wrapped, chunks });
  }

  get chunks(): AsyncIterable<Uint8Array> {
    return this.#chunks;
  }

  async document({
    ciphertext,
    agent,
    now,
  }: {
    ciphertext: BlobRef;
    agent: SigningKey;
    now: Date;
  }): Promise<Verified<'ModelRelease'>> {
    const { records, site, final, recipient } = this.#request;
    const value: ModelRelease = {
      kind: 'ModelRelease',
      version: 1,
      federation: records.federation.federation,
      study: records.study,
      site,
      receipt: this.#consents[0]?.value.receipt ?? '',
      model: final.model,
      round: final.round,
      recipient,
      consents: this.#consents.map(({ digest }) => digest).toSorted(),
      ciphertext,
      encapsulation: toBase64Url(this.#wrapped.enc),
      wrappedKey: toBase64Url(this.#wrapped.wrappedKey),
      releasedAt: now.toISOString(),
    };
    return await sign('ModelRelease', value, agent);
  }
}
