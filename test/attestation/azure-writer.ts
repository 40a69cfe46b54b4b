// An Azure confidential VM on the simulated vendor's chip: HCL report, runtime claims and vTPM quote, with anything in them wrong.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, sha256, sha384, utf8 } from '@wardround/protocol/bytes';
import type { SimulatedChip } from '@wardround/attestation/simulated/chip';
import type { KeyPair } from './tpm-writer.ts';
import { quoteOf, rsaKey, signatureOf } from './tpm-writer.ts';

const u32 = (value: number): Bytes => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

export function jwkOf({ publicKey }: KeyPair, kid = 'HCLAkPub'): Record<string, unknown> {
  const { n, e } = publicKey.export({ format: 'jwk' });
  return { kid, key_ops: ['sign'], kty: 'RSA', e, n };
}

export const configuration = {
  'console-enabled': false,
  'secure-boot': true,
  'tpm-enabled': true,
  vmUniqueId: '911B0EF8-9DBA-48B0-B275-4E4DF2D39252',
};

export function claimsOf(changed: Readonly<Record<string, unknown>> = {}): Bytes {
  const claims = { keys: [jwkOf(rsaKey), jwkOf(rsaKey, 'HCLEkPub')], 'vm-configuration': configuration, ...changed };
  return utf8(JSON.stringify(claims));
}

export interface HclParts {
  readonly magic?: string;
  readonly version?: number;
  readonly size?: number;
  readonly request?: number;
  readonly status?: number;
  readonly reserved?: Uint8Array;
  readonly hardwareReport?: Uint8Array;
  readonly dataSize?: number;
  readonly requestVersion?: number;
  readonly reportType?: number;
  readonly hashType?: number;
  readonly claims?: Uint8Array;
  readonly claimSize?: number;
  readonly tail?: Uint8Array;
}

export function hclOf(parts: HclParts): Bytes {
  const claims = parts.claims ?? claimsOf();
  const slot = new Uint8Array(1184);
  slot.set(parts.hardwareReport ?? slot);
  return concatBytes(
    utf8(parts.magic ?? 'HCLA'),
    u32(parts.version ?? 2),
    u32(parts.size ?? 1236 + claims.byteLength),
    u32(parts.request ?? 2),
    u32(parts.status ?? 0),
    parts.reserved ?? new Uint8Array(12),
    slot,
    u32(parts.dataSize ?? 20 + claims.byteLength),
    u32(parts.requestVersion ?? 1),
    u32(parts.reportType ?? 2),
    u32(parts.hashType ?? 1),
    u32(parts.claimSize ?? claims.byteLength),
    claims,
    parts.tail ?? new Uint8Array(64),
  );
}

/** A report of the chip over these claims. */
export function snpReportOver(chip: SimulatedChip, claims: Uint8Array, reportData?: Uint8Array): Bytes {
  const bound = new Uint8Array(64);
  bound.set(reportData ?? sha256(claims));
  return chip.makeReport({ reportData: bound, measurement: new Uint8Array(48).fill(0xc0) });
}

/** A TDREPORT that says nothing but whose it is and what it is bound to. */
export function tdReportOver(claims: Uint8Array): Bytes {
  const report = new Uint8Array(1024);
  report[0] = 0x81;
  report.set(sha384(report.subarray(256, 495)), 32);
  report.set(sha384(report.subarray(512)), 80);
  report.set(sha256(claims), 128);
  return report;
}

export function vtpmQuote(key: KeyPair = rsaKey): { readonly message: Bytes; readonly signature: Bytes } {
  const message = quoteOf();
  return { message, signature: signatureOf(message, key, 'plain') };
}
