// VERIFY, the part that both kinds of Azure machine share: the paravisor's claims are the ones that hardware vouches for, and name the vTPM's key.
import type { Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { AkSource } from '../tpm/attestation-key.ts';
import type { GivenPcrs } from '../tpm/pcrs.ts';
import type { TpmAppraisal } from '../tpm/verify.ts';
import { verifyTpmQuote } from '../tpm/verify.ts';
import type { HclClaims } from './claims.ts';
import { parseHclClaims } from './claims.ts';
import type { HclReport } from './hcl-report.ts';

/** A quote of the vTPM; `pcrs`, `nonce` and `eventLog` may be left out by those who only look. */
export interface VtpmQuote {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: GivenPcrs | undefined;
  readonly nonce: Uint8Array | undefined;
  readonly eventLog: Uint8Array | undefined;
}

/** In order; all must be `ok`. They come after the hardware's own steps. */
export const hclSteps = ['hcl-claims', 'hcl-binding', 'hcl-hardware', 'hcl-key'] as const;

export interface HclContext {
  readonly hcl: Outcome<HclReport>;
  /** Requires that REPORT_DATA, as the hardware signed it, is the hash of the claims; throws where it is not, or is not known. */
  readonly bind: (hcl: HclReport) => void;
  /** Holds only when every step of the hardware's authenticity did: else its signature vouches for nothing. */
  readonly hardware: Outcome<void>;
}

export interface HclAppraisal {
  readonly claims: Outcome<HclClaims>;
  /** The vTPM's key, once hardware vouches for it. */
  readonly key: Outcome<AkSource>;
}

export function verifyHclClaims({ hcl, bind, hardware }: HclContext, log: StepLog): HclAppraisal {
  const claims = log.run('hcl-claims', () => parseHclClaims(need(hcl).claims));
  const bound = log.run('hcl-binding', () => bind(need(hcl)));
  const genuine = log.run('hcl-hardware', () => need(hardware));
  const key = log.run('hcl-key', (): AkSource => {
    need(bound);
    need(genuine);
    return { kind: 'attested', publicKey: need(claims).attestationKey };
  });
  return { claims, key };
}

/** The vTPM's quote, by the key that the claims name. Null where no quote was given: then the key vouches for nothing yet. */
export function verifyVtpm(
  quote: VtpmQuote | undefined,
  { key, at }: { key: Outcome<AkSource>; at: Date },
  log: StepLog,
): TpmAppraisal | null {
  if (quote === undefined) return null;
  const { message, ...rest } = quote;
  return verifyTpmQuote({ ...rest, quote: message, key, crls: [], roots: [], at }, log);
}
