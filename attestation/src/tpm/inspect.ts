// What a quote says, in JSON, and whether it is authentic: for people and programs that only want to look.
import { toHex } from '@wardround/protocol/bytes';
import type { Bank } from '../event-log/algorithms.ts';
import { eventTypeName } from '../event-log/event-types.ts';
import type { Step } from '../steps.ts';
import { StepLog } from '../steps.ts';
import type { AkAlgorithm, AkOrigin, AttestationKey } from './attestation-key.ts';
import type { TpmQuote } from './attest.ts';
import type { GivenPcrs } from './pcrs.ts';
import type { TpmRoot } from './roots.ts';
import type { ProvenLog, TpmAppraisal } from './verify.ts';
import { verifyTpmQuote } from './verify.ts';

/** Bytes are lower-case hex, 64-bit integers `0x` hex. */
export interface TpmFields {
  readonly extraData: string;
  readonly qualifiedSigner: string;
  readonly clock: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly safe: boolean;
  readonly firmwareVersion: string;
  readonly selections: readonly { readonly algorithm: string; readonly pcrs: readonly number[] }[];
  readonly pcrDigest: string;
  readonly bank: Bank | null;
  /** By register; null until their digest was recomputed. */
  readonly pcrs: Readonly<Record<string, string>> | null;
  readonly signature: { readonly scheme: string; readonly hash: Bank } | null;
  readonly attestationKey: AkFields | null;
  readonly eventLog: EventLogFields | null;
}

export interface AkFields {
  readonly algorithm: AkAlgorithm;
  readonly fingerprint: string;
  readonly origin: AkOrigin;
  readonly root: string | null;
}

export interface EventLogFields {
  readonly events: number;
  /** Of those that were extended. */
  readonly authenticatedEvents: number;
  readonly registers: readonly number[];
  /** What the log says and its digests prove. */
  readonly proven: readonly { readonly register: number; readonly type: string; readonly text: string }[];
}

export interface TpmInspection {
  readonly kind: 'tpm';
  readonly authentic: boolean;
  readonly simulated: false;
  readonly steps: readonly Step[];
  /** Null when the bytes are no quote. */
  readonly fields: TpmFields | null;
}

export interface TpmInspectionInput {
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  /** A public key or a certificate, PEM or DER. */
  readonly key: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly pcrs: GivenPcrs | undefined;
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
  readonly at: Date;
  readonly trustedRoots: readonly TpmRoot[];
}

/**
 * Judges authenticity alone. A bare key makes a quote authentic to that key: whose it is, is then `not-evaluated`. Never throws for what the
 * evidence holds.
 */
export function inspectTpm({ key, certificates, trustedRoots, ...rest }: TpmInspectionInput): TpmInspection {
  const log = new StepLog();
  const source = { name: 'ak-key', held: true, value: { kind: 'given', key, certificates } } as const;
  const appraisal = verifyTpmQuote({ ...rest, key: source, roots: trustedRoots }, log);
  return {
    kind: 'tpm',
    authentic: appraisal.authentic,
    simulated: false,
    steps: log.steps,
    fields: describeTpm(appraisal),
  };
}

export function describeTpm({ quote, key, chain, signature, pcrs, eventLog }: TpmAppraisal): TpmFields | null {
  if (!quote.held) return null;
  const root = chain.held ? (chain.value?.root.name ?? null) : null;
  return {
    ...describeQuote(quote.value),
    bank: pcrs.held ? pcrs.value.bank : null,
    pcrs: pcrs.held ? Object.fromEntries([...pcrs.value.values].map(([index, value]) => [index, toHex(value)])) : null,
    signature: signature.held ? { scheme: signature.value.scheme, hash: signature.value.hash } : null,
    attestationKey: key.held ? describeKey(key.value, root) : null,
    eventLog: eventLog.held ? describeLog(eventLog.value) : null,
  };
}

type QuoteFields = Omit<TpmFields, 'bank' | 'pcrs' | 'signature' | 'attestationKey' | 'eventLog'>;

function describeQuote(quote: TpmQuote): QuoteFields {
  return {
    extraData: toHex(quote.extraData),
    qualifiedSigner: toHex(quote.qualifiedSigner),
    clock: `0x${quote.clock.toString(16)}`,
    resetCount: quote.resetCount,
    restartCount: quote.restartCount,
    safe: quote.safe,
    firmwareVersion: `0x${quote.firmwareVersion.toString(16)}`,
    selections: quote.selections.map(({ algorithm, pcrs }) => {
      return { algorithm: `0x${algorithm.toString(16).padStart(4, '0')}`, pcrs };
    }),
    pcrDigest: toHex(quote.pcrDigest),
  };
}

function describeKey({ algorithm, fingerprint, origin }: AttestationKey, root: string | null): AkFields {
  return { algorithm, fingerprint, origin, root };
}

const longestText = 256;

function describeLog({ replay, registers }: ProvenLog): EventLogFields {
  const extended = replay.events.filter((event) => event.extended);
  return {
    events: replay.events.length,
    authenticatedEvents: extended.filter(({ dataAuthenticated }) => dataAuthenticated).length,
    registers: [...registers].toSorted((left, right) => left - right),
    proven: extended
      .filter((event) => registers.has(event.register))
      .flatMap(({ register, type, authenticated }) => {
        const text = authenticated === undefined ? undefined : printable(authenticated);
        return text === undefined ? [] : [{ register, type: eventTypeName(type), text }];
      }),
  };
}

/** Short printable ASCII only: what a boot loader ran, what firmware did. */
function printable(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  return text.length > 0 && text.length <= longestText && /^[\u0020-\u007e]+$/.test(text) ? text : undefined;
}
