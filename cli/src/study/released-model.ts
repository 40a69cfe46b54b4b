// The released model: found on the board, checked against the cosigned receipt and the sites' consents, opened with the recipient's key.
import { type Bytes, concatBytes, fromBase64Url } from '@wardround/protocol/bytes';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import type { ChunkStore } from '@wardround/protocol/relay-port';
import { decodeSafetensors, type Tensor } from '@wardround/protocol/safetensors';
import { lastRound } from '@wardround/protocol/schedule';
import { releaseInfo } from '@wardround/protocol/seal-context';
import { openFromMany } from '@wardround/protocol/sealed-stream';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { modelDigest } from '@wardround/learning/checkpoint';
import { downloadBlob } from '@wardround/relay/blobs';
import { finalReceipt, roundStates } from './rounds.ts';

export interface ReleasedModel {
  readonly release: Verified<'ModelRelease'>;
  readonly receipt: Verified<'RoundReceipt'>;
  readonly consents: readonly Verified<'ReleaseConsent'>[];
}

const maxModelBytes = 4 * 1024 * 1024 * 1024;

/**
 * A release to this recipient that the plan's rule allows.
 *
 * @param recipient thumbprint of the recipient's signing key
 * @throws WardroundError `study-not-complete`, `release-none`, `release-consents`
 */
export function findRelease(records: StudyRecords, recipient: string): ReleasedModel {
  const receipt = finalReceipt(records);
  if (receipt === null) {
    throw new WardroundError('study-not-complete', 'the last round is not closed yet', {
      expected: `${lastRound(records.plan.value)} rounds`,
      got: String(roundStates(records).filter(({ closed }) => closed !== null).length),
      action: 'retry',
    });
  }
  const releases = records
    .of('ModelRelease')
    .filter(({ value }) => value.recipient === recipient && value.model === receipt.value.model);
  const [release] = releases;
  if (release === undefined) {
    throw new WardroundError('release-none', 'no site has released the model to you yet', {
      expected: `the consent of ${records.plan.value.release.whenSitesAgree} sites`,
      got: `${consentsTo(records, receipt, recipient).length} so far`,
      action: 'retry',
    });
  }
  const consents = consentsTo(records, receipt, recipient);
  if (consents.length < records.plan.value.release.whenSitesAgree) {
    throw new WardroundError('release-consents', 'the model was released without the consents that the plan asks for', {
      expected: String(records.plan.value.release.whenSitesAgree),
      got: String(consents.length),
      action: 'stop',
    });
  }
  return { release, receipt, consents };
}

/** Consents to release this very model to this recipient, one of each site. A round that was rolled forward has several receipts. */
export function consentsTo(
  records: StudyRecords,
  final: Verified<'RoundReceipt'>,
  recipient: string,
): readonly Verified<'ReleaseConsent'>[] {
  const { round, model } = final.value;
  const receipts = new Set(roundStates(records)[round - 1]?.receipts.map(({ digest }) => digest));
  const bySite = new Map(
    records
      .of('ReleaseConsent')
      .filter(({ value }) => value.model === model && value.recipient === recipient && receipts.has(value.receipt))
      .map((consent) => [consent.value.site, consent] as const),
  );
  return [...bySite.values()];
}

/**
 * The model's tensors, as the recipient's key opens them.
 *
 * @throws WardroundError `seal-open`, `model-digest` where it is not the model that the receipt names, `safetensors-*`, `chunk-*`
 */
export async function openRelease(
  { release, receipt }: ReleasedModel,
  { chunks, key, study }: { chunks: ChunkStore; key: HpkePrivateKey; study: string },
): Promise<{ readonly tensors: readonly Tensor[]; readonly file: Bytes }> {
  const { ciphertext, encapsulation, wrappedKey, model, recipient } = release.value;
  if (ciphertext.size > maxModelBytes) {
    throw new WardroundError('model-too-large', 'larger than any model of ours', { got: `${ciphertext.size} bytes` });
  }
  const wrapped = { enc: fromBase64Url(encapsulation), wrappedKey: fromBase64Url(wrappedKey) };
  const info = releaseInfo({ model, recipient, study });
  const parts: Bytes[] = [];
  for await (const part of openFromMany({ source: downloadBlob(chunks, ciphertext), privateKey: key, wrapped, info }))
    parts.push(part);
  const file = concatBytes(...parts);
  const { tensors } = decodeSafetensors(file);
  const got = modelDigest(tensors);
  if (got !== receipt.value.model) {
    throw new WardroundError('model-digest', 'this is not the model whose receipt the sites cosigned', {
      expected: receipt.value.model ?? 'a model',
      got,
      action: 'stop',
    });
  }
  return { tensors, file };
}
