// A simulated platform: a certified key, a quoting enclave, and quotes signed by them. It proves nothing about hardware.
import type { Bytes } from '@wardround/protocol/bytes';
import { utf8 } from '@wardround/protocol/bytes';
import type { EcKeyPair } from '../ec-certificates.ts';
import { generateP256 } from './certificates.ts';
import type { PckValues } from './pck-extension.ts';
import type { QeFields, QuoteFields, TdFields } from './quote.ts';
import { encodeQuote, usualHeader, usualQe, usualTd } from './quote.ts';

export interface PlatformParts {
  readonly values: PckValues;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: EcKeyPair;
}

/** What the guest asks for, and, for tests, any other field. */
export type QuoteRequest = Partial<Omit<QuoteFields, 'td' | 'qe'>> & {
  readonly td?: Partial<TdFields>;
  readonly qe?: Partial<QeFields>;
  /** Other keys than the platform's own. */
  readonly pckKey?: EcKeyPair;
};

export class SimulatedPlatform {
  readonly values: PckValues;
  readonly chain: readonly Uint8Array[];
  readonly #key: EcKeyPair;
  readonly #attestation: EcKeyPair = generateP256();

  constructor({ values, chain, key }: PlatformParts) {
    this.values = values;
    this.chain = chain;
    this.#key = key;
  }

  /** A signed quote, version 5 and TD 1.5 unless told otherwise: what a well-kept machine would say, with the requested fields. */
  makeQuote({ td, qe, pckKey, ...header }: QuoteRequest = {}): Bytes {
    const fields: QuoteFields = {
      ...usualHeader,
      pckChain: utf8(this.chain.map(pemOf).join('')),
      ...header,
      td: { ...usualTd, ...td },
      qe: { ...usualQe, ...qe },
    };
    return encodeQuote(fields, { attestation: this.#attestation, pck: (pckKey ?? this.#key).privateKey });
  }
}

/** PEM of one certificate. */
export function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
