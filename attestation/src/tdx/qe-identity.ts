// Intel's identity of the TD quoting enclave, and whether the enclave that vouched for the attestation key is that one (PCS API v4, "TD QE identity").
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import { head, hexBytes, simpleLevels, wideSecurityVersion } from './collateral-schema.ts';
import { levelReached } from './levels.ts';
import type { QeReport } from './qe-report.ts';
import { malformed } from './signed-json.ts';
import { masked } from './tcb-info.ts';
import type { MatchedLevel } from './tcb-status.ts';

const qeIdentitySchema = z.object({
  id: z.literal('TD_QE'),
  version: z.literal(2),
  ...head,
  miscselect: hexBytes(4),
  miscselectMask: hexBytes(4),
  attributes: hexBytes(16),
  attributesMask: hexBytes(16),
  mrsigner: hexBytes(32),
  isvprodid: wideSecurityVersion,
  tcbLevels: simpleLevels,
});
export type QeIdentity = z.infer<typeof qeIdentitySchema>;

/** @throws WardroundError `tdx-collateral-malformed`, naming the path of the first mistake */
export function readQeIdentity(value: unknown): QeIdentity {
  const result = qeIdentitySchema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const got = first === undefined ? 'another shape' : `${first.path.map(String).join('.')}: ${first.message}`;
  throw malformed('enclaveIdentity', got);
}

/**
 * The enclave is Intel's quoting enclave; where it stands among its levels.
 * @throws WardroundError `tdx-qe-identity`, `tdx-tcb-no-level`
 */
export function qeLevel(identity: QeIdentity, qe: QeReport): MatchedLevel {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');
  const { miscselectMask, attributesMask } = identity;
  requireSame('miscselect', masked(bytes(identity.miscselect), miscselectMask), masked(qe.miscSelect, miscselectMask));
  requireSame('attributes', masked(bytes(identity.attributes), attributesMask), masked(qe.attributes, attributesMask));
  requireSame('mrsigner', identity.mrsigner, toHex(qe.mrSigner));
  requireSame('isvprodid', String(identity.isvprodid), String(qe.isvProdId));
  const levels = identity.tcbLevels.map((level) => ({ level, key: [level.tcb.isvsvn] }));
  return levelReached(levels, [qe.isvSvn], 'quoting enclave');
}

function requireSame(where: string, expected: string, got: string): void {
  if (expected === got) return;
  throw new WardroundError('tdx-qe-identity', 'another enclave than Intel’s quoting enclave', {
    where,
    expected,
    got,
    action: 'stop',
  });
}
