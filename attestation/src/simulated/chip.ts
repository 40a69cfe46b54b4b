// A simulated chip: a P-384 key with a certificate in the genuine format, and reports signed by it. It proves nothing about hardware.
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import type { SnpKeyKind } from '../snp/leaf.ts';
import type { SnpProduct } from '../snp/product.ts';
import { snpSignedBytes } from '../snp/report.ts';
import type { Tcb } from '../snp/tcb.ts';
import type { ReportFields } from './report.ts';
import { encodeReport, placeSignature, usualFields } from './report.ts';

export interface ChipKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function generateChipKey(): ChipKey {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' });
}

export interface ChipParts {
  readonly product: SnpProduct;
  readonly kind: SnpKeyKind;
  /** 64 bytes as reports carry it; all zero for a provider's key. */
  readonly chipId: Uint8Array;
  readonly tcb: Tcb;
  readonly key: ChipKey;
  /** DER of the leaf certificate. */
  readonly certificate: Bytes;
}

/** What the guest asks for, and, for tests, any other field. */
export type ReportRequest = Pick<ReportFields, 'reportData' | 'measurement'> & Partial<ReportFields>;

export class SimulatedChip {
  readonly product: SnpProduct;
  readonly kind: SnpKeyKind;
  readonly chipId: Uint8Array;
  readonly tcb: Tcb;
  readonly certificate: Bytes;
  readonly #key: ChipKey;

  constructor({ product, kind, chipId, tcb, key, certificate }: ChipParts) {
    this.product = product;
    this.kind = kind;
    this.chipId = chipId;
    this.tcb = tcb;
    this.certificate = certificate;
    this.#key = key;
  }

  /** The private key, for storage apart from everything public. */
  get secretKey(): KeyObject {
    return this.#key.privateKey;
  }

  /** A signed report of 1184 bytes: what a well-kept machine would say, with the requested fields. */
  makeReport(request: ReportRequest): Bytes {
    const usual = usualFields(this.product, { chipId: this.chipId, tcb: this.tcb, vlek: this.kind === 'VLEK' });
    return this.signReport(encodeReport({ ...usual, ...request }, this.product));
  }

  /** Signs whatever the bytes say. */
  signReport(report: Bytes): Bytes {
    const signed = new Uint8Array(report);
    const signature = sign('sha384', signed.subarray(0, snpSignedBytes), {
      key: this.#key.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    placeSignature(signed, signature);
    return signed;
  }
}
