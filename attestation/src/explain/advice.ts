// What a person can do about a refusal. By the end of the code where all vendors' refusals of a kind have one cure; first match counts.

const byEnding: readonly (readonly [RegExp, string])[] = [
  [
    /-crl-(?:expired|too-old|missing|issuer)$|-ocsp-(?:expired|too-old|missing)$|-collateral-(?:expired|missing)$/,
    'Get current lists: `wardround collateral fetch`, or `wardround collateral import` from the stick; `wardround collateral status` shows what is out of date.',
  ],
  [
    /-(?:crl|ocsp|tcb-info|qe-identity)-not-yet-valid$|-not-yet-valid$|^evidence-from-future$/,
    'Compare this machine’s clock with another: what is not valid yet is usually a clock that is behind.',
  ],
  [
    /-revoked$|-on-hold$/,
    'Stop. The vendor withdrew this certificate: ask the enclave’s operator for another machine.',
  ],
  [
    /-measurement-unknown$|-image-unknown$|-mrtd$|-rtmr\d?$|-pcr-mismatch$/,
    'Compare the measurement with the release that your people reviewed. If it is that release, add it to `measurements` in the policy; if not, stop and ask the operator.',
  ],
  [
    /-chip-unknown$|-platform-unknown$|-device-unknown$|^evidence-machine$/,
    'Ask the operator which machine this is, over a channel that you trust, before you add it to the policy.',
  ],
  [
    /-below-floor$|-tcb-status$|-advisory$|-mitigation-missing$/,
    'The operator must update the firmware. Lower the floor only with the vendor’s bulletin in hand.',
  ],
  [
    /^policy-waiver-expired$/,
    'A waiver in your policy has ended. Decide again: fix the cause, or renew it with a new reason and day.',
  ],
  [
    /^evidence-nonce$|-nonce$|^evidence-session$|^evidence-binding$/,
    'Stop. This evidence was made for somebody or something else: an old recording, another session, or an attack.',
  ],
  [/-root-untrusted$/, 'Stop. No vendor that this version knows signed this. Simulated hardware ends here too.'],
  [/-milan-refused$/, 'Milan’s root seed is public (arXiv 2605.12990): ask for a Genoa or Turin machine.'],
  [/^evidence-gpu-|-device-count$/, 'Compare the plan’s `gpu` and the policy’s with what the operator provides.'],
  [/-debug$|-devtools$/, 'Stop. A machine in debugging mode keeps nothing secret.'],
  [/-size$|-malformed$|-format$|^evidence-invalid$/, 'The file is damaged, or no such evidence. Ask for it again.'],
  [/^attestation-internal$/, 'This is a fault in wardround: please report it, with the evidence if you may share it.'],
];

const otherwise = 'Stop, and ask the enclave’s operator; nothing was released.';

/** One sentence or two for people, for the code of a failed step. */
export function adviceFor(code: string): string {
  return byEnding.find(([pattern]) => pattern.test(code))?.[1] ?? otherwise;
}
