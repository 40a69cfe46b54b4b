// What this site keeps for itself from round to round (control variates, personal layers): made of patients' data as the integers are, never
// sent, and its own only where a cosigned receipt counts the very integers that it came with.
import { labelledSha256, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { labels } from '@wardround/protocol/labels';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '@wardround/protocol/safetensors';
import type { PayloadName } from './files.ts';
import type { StoredKept, StoredPayload } from './state.ts';
import type { Study } from './study.ts';

/** Durable when this returns, and nobody's state until a receipt counts the payload. */
export async function keepWithPayload(
  { ports, digest }: Study,
  stored: StoredPayload,
  kept: readonly Tensor[],
): Promise<void> {
  const bytes = kept.length === 0 ? null : encodeSafetensors(kept);
  if (bytes !== null) await ports.files.writeKept(digest, stored, bytes);
  ports.state.keepKept({ ...stored, state: bytes === null ? null : stateDigest(bytes) });
}

/**
 * This site's state at the beginning of a round: of the newest round before it whose closed receipt counts integers of this site, what was
 * kept with them. What was made in attempts that nobody counted is passed over. Empty at the study's start.
 *
 * @throws WardroundError `kept-state-lost` where the disk has another state than was kept
 */
export async function keptState(study: Study, round: number): Promise<readonly Tensor[]> {
  const counted = countedState(study, round);
  if (counted?.state === undefined || counted.state === null) return [];
  const bytes = await study.ports.files.readKept(study.digest, counted);
  if (bytes !== null && stateDigest(bytes) === counted.state) return decodeSafetensors(bytes).tensors;
  throw new WardroundError('kept-state-lost', "this site's own state on disk is not the one that was kept", {
    action: 'stop',
  });
}

/**
 * The newest cosigned round may still be rolled forward from its integers; what is older never is. Of the states only the counted one and
 * those of this round can still be asked for. Whatever else lies there, half-written files of a process that was killed too, is removed.
 */
export async function removeOld(study: Study, round: number): Promise<void> {
  const { ports, digest } = study;
  const counted = countedState(study, round);
  const isNeeded = ({ round: of, attempt }: PayloadName): boolean =>
    of >= round || (of === counted?.round && attempt === counted.attempt);
  await ports.files.removePayloadFiles(digest, {
    isPayloadNeeded: ({ round: of }) => of >= round - 1,
    isKeptNeeded: isNeeded,
  });
  for (const stored of ports.state.kept(digest)) if (!isNeeded(stored)) ports.state.forgetKept(stored);
}

/** Of closed rounds only: what this site alone cosigned may still be tried again. */
function countedState(study: Study, round: number): StoredKept | undefined {
  const stored = new Map(study.ports.state.kept(study.digest).map((kept) => [`${kept.round} ${kept.payload}`, kept]));
  const counted = study
    .chain()
    .filter((closed) => closed.closed && closed.round < round)
    .flatMap(({ receipts, round: of }) =>
      receipts
        .flatMap(({ value }) => value.contributors)
        .filter((contributor) => contributor.site === study.site)
        .flatMap(({ payload }) => stored.get(`${of} ${payload}`) ?? []),
    );
  return counted.at(-1);
}

function stateDigest(bytes: Uint8Array): string {
  return toHex(labelledSha256(labels.keptState, bytes));
}
