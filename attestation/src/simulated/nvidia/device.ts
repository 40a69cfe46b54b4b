// A simulated GPU or NVSwitch: a P-384 key with a chain in the genuine form, and reports signed by it. It proves nothing about hardware.
import type { KeyObject } from 'node:crypto';
import { randomBytes, sign } from 'node:crypto';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromHex } from '@wardround/protocol/bytes';
import type { NvidiaKind } from '../../nvidia/device.ts';
import type { EcKeyPair } from '../ec-certificates.ts';
import type { NvidiaReportFields, OpaqueEntry } from './report.ts';
import { encodeNvidiaReport, gpuOpaque, simulatedMeasurement, switchOpaque } from './report.ts';

export interface SimulatedNvidiaParts {
  readonly kind: NvidiaKind;
  readonly driver: string;
  readonly vbios: string;
  readonly fwid: Uint8Array;
  /** DER, leaf first. */
  readonly certificates: readonly Bytes[];
  readonly key: EcKeyPair;
}

/** What is asked for, and, for tests, any other field. */
export type NvidiaReportRequest = { readonly nonce: string } & Partial<Omit<NvidiaReportFields, 'nonce'>>;

const blocks = { gpu: 64, switch: 31 } as const;

export class SimulatedNvidiaDevice {
  readonly kind: NvidiaKind;
  readonly driver: string;
  readonly vbios: string;
  readonly fwid: Uint8Array;
  readonly certificates: readonly Bytes[];
  readonly #key: EcKeyPair;

  constructor({ kind, driver, vbios, fwid, certificates, key }: SimulatedNvidiaParts) {
    this.kind = kind;
    this.driver = driver;
    this.vbios = vbios;
    this.fwid = fwid;
    this.certificates = certificates;
    this.#key = key;
  }

  /** The private key, for storage apart from everything public. */
  get secretKey(): KeyObject {
    return this.#key.privateKey;
  }

  /** A switch's own identifier, 8 bytes, as its certificate's serial ends. */
  get usualOpaque(): readonly OpaqueEntry[] {
    if (this.kind === 'gpu') return gpuOpaque(this, this.fwid);
    return switchOpaque(this.vbios, this.fwid.slice(0, 8), [this.fwid.slice(8, 16)]);
  }

  /** A signed report for a nonce of 64 hex digits: what a well-kept device would say, with the requested fields. */
  makeReport({ nonce, ...fields }: NvidiaReportRequest): Bytes {
    const usual = {
      responderNonce: randomBytes(32),
      measurements: Array.from({ length: blocks[this.kind] }, (_, index) => simulatedMeasurement(index)),
      opaque: this.usualOpaque,
    };
    return this.signReport(encodeNvidiaReport({ ...usual, ...fields, nonce: fromHex(nonce, 32) }));
  }

  /** Signs whatever the bytes say, and puts the signature after them. */
  signReport(report: Uint8Array): Bytes {
    return concatBytes(report, sign('sha384', report, { key: this.#key.privateKey, dsaEncoding: 'ieee-p1363' }));
  }
}
