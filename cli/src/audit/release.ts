// Did the model leave the sites only as the plan says, and is the file at hand the one that was cosigned?
import { decodeSafetensors } from '@wardround/protocol/safetensors';
import { modelDigest } from '@wardround/learning/checkpoint';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { consentsTo } from '../study/released-model.ts';
import { finalReceipt } from '../study/rounds.ts';
import { wrong } from './steps.ts';

/** @throws WardroundError `audit-release-*` */
export function checkReleases(records: StudyRecords): string {
  const releases = records.of('ModelRelease');
  const final = finalReceipt(records);
  const { to, whenSitesAgree } = records.plan.value.release;
  for (const { value } of releases) {
    const where = `the release by ${value.site}`;
    if (final === null || value.model !== final.value.model || value.round !== final.value.round) {
      throw wrong('release-model', 'something other than the final model was released', { where });
    }
    if (!to.some(({ signing }) => signing === value.recipient)) {
      throw wrong('release-recipient', 'the model was released to somebody whom the plan does not name', {
        where,
        got: value.recipient,
      });
    }
    const consents = new Set(consentsTo(records, final, value.recipient).map(({ digest }) => digest));
    const named = value.consents.filter((digest) => consents.has(digest)).length;
    if (named < whenSitesAgree) {
      throw wrong('release-consents', 'the model was released with fewer consents than the plan asks for', {
        where,
        expected: `${whenSitesAgree}`,
        got: `${named}`,
      });
    }
  }
  return releases.length === 0
    ? 'not released'
    : `${releases.length} releases, each with ${whenSitesAgree} consents or more`;
}

/** @param file a safetensors file that is said to be the model @throws WardroundError `audit-model-file`, `safetensors-*` */
export function checkModelFile(records: StudyRecords, file: Uint8Array): string {
  const expected = finalReceipt(records)?.value.model ?? null;
  const got = modelDigest(decodeSafetensors(file).tensors);
  if (got === expected) return `the file is the model ${got.slice(0, 12)} of the last receipt`;
  throw wrong('model-file', 'the file is not the model of the last receipt', {
    expected: expected ?? 'a closed last round',
    got,
  });
}
