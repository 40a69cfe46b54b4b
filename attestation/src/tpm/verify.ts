// VERIFY: did this TPM quote these registers, for this nonce, with a key that is a TPM's? What they should hold is judged in `validate`.
import { WardroundError } from '@wardround/protocol/errors';
import { equalBytes, toHex } from '@wardround/protocol/bytes';
import { requireInstant } from '../clock.ts';
import { parseEventLog } from '../event-log/event-log.ts';
import type { Replay } from '../event-log/replay.ts';
import { replayEventLog } from '../event-log/replay.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { NotEvaluated, allOk, failedSteps, need } from '../steps.ts';
import { parseCrls } from '../x509/crl.ts';
import type { AkChain } from './ak-chain.ts';
import { requireAkChainValidAt, requireAkNotRevoked, verifyAkChain } from './ak-chain.ts';
import type { AkSource, AttestationKey } from './attestation-key.ts';
import { readAttestationKey } from './attestation-key.ts';
import type { TpmQuote } from './attest.ts';
import { parseTpmQuote } from './attest.ts';
import type { GivenPcrs, QuotedPcrs } from './pcrs.ts';
import { matchPcrs, requireOneBank, requirePcrDigest, requireReplayed } from './pcrs.ts';
import type { TpmRoot } from './roots.ts';
import type { TpmSignature } from './signature.ts';
import { parseTpmSignature, requireTpmSignature } from './signature.ts';

export interface TpmEvidence {
  /** TPMS_ATTEST, as it was signed. */
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
  /** An `attested` key counts only when the evidence that names it was verified: that is the caller's to show by an outcome that held. */
  readonly key: Outcome<AkSource>;
  readonly pcrs: GivenPcrs | undefined;
  /** The qualifying data that this verifier asked for. */
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
  readonly crls: readonly Uint8Array[];
  readonly roots: readonly TpmRoot[];
  readonly at: Date;
}

/** A log that led to the quoted registers, and which of them it speaks of. */
export interface ProvenLog {
  readonly replay: Replay;
  readonly registers: ReadonlySet<number>;
}

/** What each step proved. `authentic` is the verdict; the rest is for those who judge what the quote says. */
export interface TpmAppraisal {
  readonly authentic: boolean;
  readonly quote: Outcome<TpmQuote>;
  readonly key: Outcome<AttestationKey>;
  /** Null where hardware attested to the key: there is no chain then. */
  readonly chain: Outcome<AkChain | null>;
  readonly revocation: Outcome<void>;
  readonly signature: Outcome<TpmSignature>;
  readonly nonce: Outcome<void>;
  readonly pcrs: Outcome<QuotedPcrs>;
  readonly eventLog: Outcome<ProvenLog>;
}

/** In order. The first list must be `ok`; of the second, what was not given is `not-evaluated`, and nothing may fail. */
export const tpmAuthenticitySteps = ['tpm-quote', 'ak-key', 'tpm-signature', 'pcr-bank'] as const;
export const tpmGivenSteps = [
  'ak-chain',
  'ak-validity',
  'ak-revocation',
  'tpm-nonce',
  'pcr-values',
  'pcr-event-log',
] as const;

/** Every step of `verifyTpmQuote`, in the order in which they are made. */
export const tpmSteps = [
  'tpm-quote',
  'ak-key',
  'ak-chain',
  'ak-validity',
  'ak-revocation',
  'tpm-signature',
  'tpm-nonce',
  'pcr-bank',
  'pcr-values',
  'pcr-event-log',
] as const;

/**
 * Makes every step in `log`. Never throws for what the evidence holds: each refusal is a step.
 * @throws WardroundError `clock-invalid`
 */
export function verifyTpmQuote(evidence: TpmEvidence, log: StepLog): TpmAppraisal {
  const at = requireInstant(evidence.at);
  const before = log.steps.length;
  const quote = log.run('tpm-quote', () => parseTpmQuote(evidence.quote));
  const key = log.run('ak-key', () => readAttestationKey(need(evidence.key)));
  const chain = log.run('ak-chain', (note) => akChain(need(key), evidence.roots, note));
  log.run('ak-validity', (note) => withChain(need(chain), note, (links) => requireAkChainValidAt(links, at)));
  const revocation = log.run('ak-revocation', (note) =>
    withChain(need(chain), note, (links) => requireAkNotRevoked(links, parseCrls(evidence.crls), at)),
  );
  const signature = log.run('tpm-signature', () => signatureOf(need(quote), need(key), evidence.signature));
  const nonce = log.run('tpm-nonce', () => requireNonce(need(quote), evidence.nonce));
  const selected = log.run('pcr-bank', () => requireOneBank(need(quote)));
  const pcrs = log.run('pcr-values', () => {
    const values = matchPcrs(need(selected), given(evidence.pcrs, 'no register values given'));
    requirePcrDigest(need(quote), need(signature), values);
    return values;
  });
  const eventLog = log.run('pcr-event-log', (note) =>
    proveLog(given(evidence.eventLog, 'no event log given'), need(pcrs), note),
  );
  const steps = log.steps.slice(before);
  const authentic = allOk(steps, tpmAuthenticitySteps) && failedSteps(steps).length === 0;
  return { authentic, quote, key, chain, revocation, signature, nonce, pcrs, eventLog };
}

function given<T>(value: T | undefined, reason: string): T {
  if (value === undefined) throw new NotEvaluated(reason);
  return value;
}

const attestedNote = 'the key is attested by hardware';

function akChain(key: AttestationKey, roots: readonly TpmRoot[], note: Note): AkChain | null {
  if (key.origin !== 'attested') return verifyAkChain(key, roots);
  note(attestedNote);
  return null;
}

function withChain(chain: AkChain | null, note: Note, check: (chain: AkChain) => void): void {
  if (chain === null) note(attestedNote);
  else check(chain);
}

function signatureOf({ signed }: TpmQuote, key: AttestationKey, bytes: Uint8Array): TpmSignature {
  const signature = parseTpmSignature(bytes, key);
  requireTpmSignature(signed, signature, key);
  return signature;
}

function requireNonce({ extraData }: TpmQuote, nonce: Uint8Array | undefined): void {
  const expected = given(nonce, 'no nonce given');
  if (expected.byteLength > 0 && equalBytes(expected, extraData)) return;
  throw new WardroundError('tpm-quote-nonce', 'the quote answers another nonce', {
    expected: toHex(expected),
    got: toHex(extraData),
  });
}

function proveLog(bytes: Uint8Array, pcrs: QuotedPcrs, note: Note): ProvenLog {
  const replay = replayEventLog(parseEventLog(bytes, 'pcr'), pcrs.bank);
  const registers = requireReplayed(pcrs, replay);
  const silent = pcrs.indexes.filter((index) => !registers.has(index));
  if (silent.length > 0) note(`the log says nothing about PCR ${silent.join(', ')}`);
  return { replay, registers };
}
