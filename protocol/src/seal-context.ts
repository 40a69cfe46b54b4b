// What each sealed thing belongs to: the one place where sender and recipient find the same HPKE `info`. Anything else does not open.
import { sha256, toHex } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { sealInfo } from './hpke.ts';
import { type Label, labels } from './labels.ts';

/** A contribution of one site to one order's round key. @param order digest of the RoundOrder */
export function contributionInfo({ order, site }: { order: string; site: string }): Bytes {
  return infoOf(labels.contributionSeal, { order, site });
}

/** A checkpoint that a site hands back to an order's round key. @param order digest of the RoundOrder whose task is `checkpointReturn` */
export function checkpointReturnInfo({ order, site }: { order: string; site: string }): Bytes {
  return infoOf(labels.returnSeal, { order, site });
}

/** A round's checkpoint to all sites of a study: one ciphertext, its key wrapped for each under this same info. */
export function sealedModelInfo(names: { receipt: string; session: string; study: string }): Bytes {
  const { receipt, session, study } = names;
  return infoOf(labels.modelSeal, { receipt, session, study });
}

/** A released model to one recipient. @param recipient thumbprint of the recipient's signing key, as in the plan */
export function releaseInfo({ model, recipient, study }: { model: string; recipient: string; study: string }): Bytes {
  return infoOf(labels.releaseSeal, { model, recipient, study });
}

/** label ‖ 00 ‖ SHA-256(canonical JSON of the names). */
function infoOf(label: Label, names: Readonly<Record<string, string>>): Bytes {
  return sealInfo(label, toHex(sha256(canonicalJson(names))));
}
