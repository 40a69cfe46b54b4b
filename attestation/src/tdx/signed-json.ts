// Intel's signed JSON, `{"tcbInfo":{...},"signature":"..."}`: the signature covers the exact characters of the inner value as they were
// sent, so that they are cut out and never written again.
import { verify } from 'node:crypto';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import type { SignerChain } from './chain.ts';

/** Genuine TCB info has about 5 kB. */
export const collateralLimits = { maxBytes: 262_144, maxDepth: 12, maxValues: 20_000 } as const;

export interface SignedJson {
  /** The parsed inner value. */
  readonly value: unknown;
  readonly signed: Bytes;
  /** r ‖ s. */
  readonly signature: Bytes;
}

/** White space of JSON (RFC 8259), bounded: more is none that Intel sends. */
const space = '[\\x20\\n\\r\\t]{0,32}';
const tail = new RegExp(`,${space}"signature"${space}:${space}"([0-9a-fA-F]{128})"${space}\\}${space}$`);
const maxTail = 512;

/**
 * @param member `tcbInfo` or `enclaveIdentity`
 * @throws WardroundError `tdx-collateral-malformed`
 */
export function readSignedJson(text: Uint8Array, member: 'tcbInfo' | 'enclaveIdentity'): SignedJson {
  if (text.byteLength > collateralLimits.maxBytes) throw malformed(member, `${text.byteLength} bytes`);
  const bytes = copyBytes(text);
  const characters = Buffer.from(bytes).toString('latin1');
  const start = new RegExp(`^${space}\\{${space}"${member}"${space}:${space}`).exec(characters)?.[0].length;
  const end = tail.exec(characters.slice(-maxTail));
  if (start === undefined || end === null) throw malformed(member, `no {"${member}": …, "signature": …}`);
  const signed = bytes.slice(start, characters.length - end[0].length);
  try {
    // One whole JSON value: anything else between the two, a second member for instance, is a syntax error here.
    return {
      value: parseLimitedJson(signed, collateralLimits),
      signed,
      signature: copyBytes(Buffer.from(end[1] ?? '', 'hex')),
    };
  } catch (error) {
    if (!(error instanceof WardroundError)) throw error;
    throw malformed(member, error.message, error);
  }
}

/** @throws WardroundError `tdx-collateral-signature` */
export function requireSignedBy({ signed, signature }: SignedJson, { signer }: SignerChain, what: string): void {
  if (verify('sha256', signed, { key: signer.publicKey, dsaEncoding: 'ieee-p1363' }, signature)) return;
  throw new WardroundError('tdx-collateral-signature', `the signature over the ${what} does not verify`, {
    action: 'stop',
  });
}

export function malformed(what: string, got: string, cause?: unknown): WardroundError {
  return new WardroundError('tdx-collateral-malformed', 'collateral that cannot be read', {
    where: what,
    got,
    ...(cause === undefined ? {} : { cause }),
  });
}
