// VALIDATE: is this TPM's key one that the site believes, and do its registers hold what the site accepts?
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import type { PcrImage, PcrRule, TpmRules } from '../policy/tpm-rules.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { AttestationKey } from './attestation-key.ts';
import type { QuotedPcrs } from './pcrs.ts';
import { requireLoggedSecureBoot } from './secure-boot.ts';
import type { ProvenLog, TpmAppraisal } from './verify.ts';

/** The steps of this file, in order; every one must be `ok`, and so must `tpmAuthenticitySteps`. */
export const tpmValidationSteps = [
  'tpm-fresh',
  'ak-origin',
  'ak-strength',
  'pcr-selection',
  'pcr-image',
  'secure-boot',
  'console',
] as const;

/** What attested configuration says of the machine, where there is such a thing (Azure's runtime claims). */
export interface AttestedConfiguration {
  readonly secureBoot: boolean;
  readonly consoleEnabled: boolean;
  readonly tpmEnabled: boolean;
}

export interface TpmValidationContext {
  readonly rules: TpmRules;
  readonly at: Date;
  /** Undefined where no paravisor speaks of the machine; an outcome that did not hold where one should have. */
  readonly configuration: Outcome<AttestedConfiguration> | undefined;
}

/** Makes every step of the policy in `log`. Steps whose ground did not hold are `not-evaluated`. */
export function validateTpm(appraisal: TpmAppraisal, context: TpmValidationContext, log: StepLog): void {
  const { rules, at, configuration } = context;
  const { key, pcrs, eventLog } = appraisal;
  log.run('tpm-fresh', () => need(appraisal.nonce));
  log.run('ak-origin', (note) => requireOrigin(appraisal, rules, { at, note }));
  log.run('ak-strength', () => requireStrength(need(key), rules));
  const candidates = log.run('pcr-selection', () => requireSelection(need(pcrs), rules));
  log.run('pcr-image', (note) => requireImage(need(candidates), { pcrs: need(pcrs), eventLog, at, note }));
  log.run('secure-boot', (note) => {
    if (isWaiver(rules.secureBoot)) requireWaiverCurrent(rules.secureBoot, at, note);
    else if (configuration === undefined) requireLoggedSecureBoot(need(eventLog));
    else requireConfiguredSecureBoot(need(configuration));
  });
  log.run('console', (note) => {
    if (isWaiver(rules.consoleDisabled)) requireWaiverCurrent(rules.consoleDisabled, at, note);
    else requireNoConsole(configuration);
  });
}

interface Moment {
  readonly at: Date;
  readonly note: Note;
}

/** A key that nobody vouches for, or another voucher than the policy's, is refused. */
function requireOrigin({ key, chain, revocation }: TpmAppraisal, rules: TpmRules, { at, note }: Moment): void {
  const { origin } = need(key);
  const { origin: accepted } = rules.attestationKey;
  const expected = accepted === 'attested' ? 'attested' : 'certificate';
  if (origin !== expected) {
    throw new WardroundError('tpm-ak-origin', 'the policy does not believe an attestation key of this origin', {
      expected,
      got: origin,
      action: 'stop',
    });
  }
  need(chain);
  if (accepted === 'attested') return;
  if (isWaiver(accepted.certificate.revocation)) requireWaiverCurrent(accepted.certificate.revocation, at, note);
  else need(revocation);
}

function requireStrength({ algorithm }: AttestationKey, { attestationKey: { rsa, ec } }: TpmRules): void {
  const [accepted, got] =
    algorithm.type === 'rsa'
      ? [rsa !== 'refused' && algorithm.bits >= rsa.minimumBits, `RSA-${algorithm.bits}`]
      : [ec !== 'refused' && ec.curves.includes(algorithm.curve), algorithm.curve];
  if (!accepted)
    throw new WardroundError('tpm-ak-strength', 'the policy does not accept attestation keys of this sort', { got });
}

/** Images whose registers are exactly those that were quoted, in the policy's bank. */
function requireSelection({ bank, indexes }: QuotedPcrs, rules: TpmRules): readonly PcrImage[] {
  if (bank !== rules.bank)
    throw new WardroundError('tpm-pcr-bank', 'the quote is over another bank', { expected: rules.bank, got: bank });
  const quoted = indexes.join(', ');
  const candidates = rules.images.filter(({ pcrs }) => registersOf(pcrs) === quoted);
  if (candidates.length > 0) return candidates;
  throw new WardroundError('tpm-pcr-selection', 'the quote selects other registers than any accepted image', {
    expected: [...new Set(rules.images.map(({ pcrs }) => registersOf(pcrs)))].join('; or '),
    got: quoted,
  });
}

function registersOf(pcrs: PcrImage['pcrs']): string {
  return Object.keys(pcrs)
    .map(Number)
    .toSorted((left, right) => left - right)
    .join(', ');
}

interface ImageSubject extends Moment {
  readonly pcrs: QuotedPcrs;
  readonly eventLog: Outcome<ProvenLog>;
}

/** One image as a whole: never the kernel of one and the initial file system of another. */
function requireImage(candidates: readonly PcrImage[], subject: ImageSubject): void {
  let furthest: Refusal | undefined;
  for (const image of candidates) {
    const waivers: string[] = [];
    const refusal = firstRefusal(image, { ...subject, note: (text) => waivers.push(text) });
    if (refusal === undefined) {
      if (waivers.length > 0) subject.note(waivers.join('; '));
      return;
    }
    if (furthest === undefined || refusal.index > furthest.index) furthest = refusal;
  }
  throw furthest?.error ?? new WardroundError('tpm-pcr-selection', 'no accepted image');
}

interface Refusal {
  readonly index: number;
  readonly error: WardroundError;
}

/** Registers in ascending order, so that the image which got furthest says what is wrong. */
function firstRefusal({ pcrs }: PcrImage, subject: ImageSubject): Refusal | undefined {
  for (const [text, rule] of Object.entries(pcrs)) {
    const index = Number(text);
    try {
      requireRegister(index, rule, { ...subject, note: (reason) => subject.note(`PCR ${index} ${reason}`) });
    } catch (error) {
      if (error instanceof WardroundError) return { index, error };
      throw error;
    }
  }
  return undefined;
}

function requireRegister(index: number, rule: PcrRule, { pcrs, eventLog, at, note }: ImageSubject): void {
  if (isWaiver(rule)) return requireWaiverCurrent(rule, at, note);
  if (rule === 'replayed') {
    if (eventLog.held && eventLog.value.registers.has(index)) return;
    throw new WardroundError('tpm-pcr-unexplained', 'no event log explains this register', { where: `PCR ${index}` });
  }
  const got = toHex(pcrs.values.get(index) ?? new Uint8Array());
  if (rule === 'unextended' ? /^0+$/.test(got) : rule === got) return;
  throw new WardroundError('tpm-pcr-value', 'a register does not hold what the policy accepts', {
    where: `PCR ${index}`,
    expected: rule,
    got,
    action: 'stop',
  });
}

function requireConfiguredSecureBoot({ secureBoot }: AttestedConfiguration): void {
  if (!secureBoot)
    throw new WardroundError('tpm-secure-boot', 'the machine is configured without Secure Boot', { action: 'stop' });
}

function requireNoConsole(configuration: Outcome<AttestedConfiguration> | undefined): void {
  if (configuration === undefined) {
    throw new WardroundError('tpm-console-unknown', 'nothing attests that the machine has no console', {
      expected: 'an attested configuration, or a waiver',
    });
  }
  if (need(configuration).consoleEnabled)
    throw new WardroundError('tpm-console', 'the host may open a console of the machine', { action: 'stop' });
}
