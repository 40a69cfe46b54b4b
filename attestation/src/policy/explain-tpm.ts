// The rules for TPM quotes in plain sentences.
import { waivedSentence } from './explain-words.ts';
import type { PcrRule, TpmRules } from './tpm-rules.ts';
import { isWaiver } from './waiver.ts';

export function explainTpm(rules: TpmRules): readonly string[] {
  return [origin(rules), strength(rules), ...images(rules), ...machine(rules)];
}

function origin({ attestationKey: { origin: accepted } }: TpmRules): string {
  if (accepted === 'attested') return 'The TPM’s key must be named by the processor’s own evidence.';
  const { revocation } = accepted.certificate;
  const revoked = isWaiver(revocation)
    ? `whether it is revoked is not asked: ${waivedSentence(revocation)}`
    : 'and must not be revoked.';
  return `The TPM’s key must have a certificate under a pinned root, ${revoked}`;
}

function strength({ attestationKey: { rsa, ec } }: TpmRules): string {
  const rsaText =
    rsa === 'refused' ? 'RSA keys are refused' : `RSA keys of ${rsa.minimumBits} bits or more are accepted`;
  const ecText = ec === 'refused' ? 'elliptic curves are refused' : `keys on ${ec.curves.join(' and ')} are accepted`;
  return `${rsaText}; ${ecText}.`;
}

function images({ bank, images: accepted }: TpmRules): readonly string[] {
  return accepted.map(({ pcrs }, index) => {
    const registers = Object.entries(pcrs).map(([number, rule]) => `PCR${number} ${registerText(rule)}`);
    return `Image ${index + 1} (bank ${bank}; exactly these registers are quoted): ${registers.join('; ')}.`;
  });
}

function registerText(rule: PcrRule): string {
  if (isWaiver(rule)) return `may be anything, ${waivedSentence(rule).replace(/\.$/, '')}`;
  if (rule === 'unextended') return 'was never extended';
  return rule === 'replayed' ? 'holds whatever its event log explains' : `is ${rule}`;
}

function machine({ secureBoot, consoleDisabled }: TpmRules): readonly string[] {
  return [
    isWaiver(secureBoot)
      ? `Secure Boot may be off: ${waivedSentence(secureBoot)}`
      : 'Secure Boot must be on, by what is attested or logged.',
    isWaiver(consoleDisabled)
      ? `The host may have a console: ${waivedSentence(consoleDisabled)}`
      : 'The host may have no console, and that must be attested.',
  ];
}
