// Collateral in one JSON file, as the tools around Intel's service write it: texts as they were signed, lists in hex, chains in PEM.
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, utf8 } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import type { TdxCollateral } from './collateral.ts';

const limits = { maxBytes: 2 * 1024 * 1024, maxDepth: 4, maxValues: 64 } as const;
const text = z.string().min(1).optional();

const collateralFileSchema = z.strictObject({
  tcb_info: text,
  tcb_info_signature: text,
  tcb_info_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: text,
  qe_identity_issuer_chain: text,
  pck_crl: text,
  pck_crl_issuer_chain: text,
  root_ca_crl: text,
  /** Read over: the chain that counts is the one in the quote. */
  pck_certificate_chain: text,
});

/**
 * What is absent in the file was not given. What is there and spoiled is not judged here: its step fails.
 * @throws WardroundError `tdx-collateral-file` where this is no such file at all
 */
export function readCollateralFile(bytes: Uint8Array): TdxCollateral {
  const file = parseFile(bytes);
  return {
    tcbInfo: signedBody('tcbInfo', file.tcb_info, file.tcb_info_signature),
    tcbInfoIssuerChain: chain(file.tcb_info_issuer_chain),
    qeIdentity: signedBody('enclaveIdentity', file.qe_identity, file.qe_identity_signature),
    qeIdentityIssuerChain: chain(file.qe_identity_issuer_chain),
    pckCrl: list(file.pck_crl),
    pckCrlIssuerChain: chain(file.pck_crl_issuer_chain),
    rootCrl: list(file.root_ca_crl),
  };
}

function parseFile(bytes: Uint8Array): z.infer<typeof collateralFileSchema> {
  try {
    return collateralFileSchema.parse(parseLimitedJson(bytes, limits));
  } catch (cause) {
    const got = cause instanceof z.ZodError ? (cause.issues[0]?.message ?? 'another shape') : String(cause);
    throw new WardroundError('tdx-collateral-file', 'not a file of TDX collateral', {
      got,
      expected: Object.keys(collateralFileSchema.shape).join(', '),
      cause,
    });
  }
}

/** Put back into the form in which Intel's service sent it; the signed characters stay as they are. */
function signedBody(member: string, inner: string | undefined, signature: string | undefined): Bytes | undefined {
  if (inner === undefined && signature === undefined) return undefined;
  return utf8(`{"${member}":${inner ?? ''},"signature":"${signature ?? ''}"}`);
}

function chain(pem: string | undefined): readonly Bytes[] {
  return pem === undefined ? [] : [utf8(pem)];
}

/** DER in hex, or PEM. */
function list(value: string | undefined): Bytes | undefined {
  if (value === undefined) return undefined;
  return /^(?:[0-9a-fA-F]{2})+$/.test(value) ? copyBytes(Buffer.from(value, 'hex')) : utf8(value);
}
