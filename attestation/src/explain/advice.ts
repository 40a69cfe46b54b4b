// What a person can do about a refusal. By the code, and by its ending where all vendors' refusals of a kind have one cure; first match counts.

const tampered =
  'Stop. These bytes are not what the hardware or its vendor signed, or their parts do not belong together: damaged, mixed up, or an attack. Ask for the evidence again; if it stays so, somebody should look.';
const damaged = 'The file is damaged, or no such evidence. Ask for it again.';
const unknownForm =
  'This version does not know evidence of this form, or it is malformed on purpose. Ask the operator what made it, and look for a newer wardround.';
const current =
  'Get current lists: `wardround collateral fetch`, or `wardround collateral import` from the stick; `wardround collateral status` shows what is out of date.';
const setting =
  'The operator has set the machine up otherwise than your policy wants. Ask for it to be changed; change the policy only if you know what the setting lets the host do.';
const image =
  'Compare the measurement with the release that your people reviewed. If it is that release, add it to the policy; if not, stop and ask the operator.';
const which = 'Ask the operator which machine this is, over a channel that you trust, before you add it to the policy.';
const firmware = 'The operator must update the firmware. Lower the floor only with the vendor’s bulletin in hand.';
const madeForOthers =
  'Stop. This evidence was made for somebody or something else: an old recording, another session, or an attack.';
const devices = 'Compare the plan’s `gpu` and the policy’s with what the operator provides.';

const byCode: readonly (readonly [RegExp, string])[] = [
  [/^attestation-internal$/, 'This is a fault in wardround: please report it, with the evidence if you may share it.'],
  [
    /^policy-waiver-expired$/,
    'A waiver in your policy has ended. Decide again: fix the cause, or renew it with a new reason and day.',
  ],
  [/-milan-refused$/, 'Milan’s root seed is public (arXiv 2605.12990): ask for a Genoa or Turin machine.'],
  [
    /-revoked$|-on-hold$/,
    'Stop. The vendor withdrew this certificate: ask the enclave’s operator for another machine.',
  ],
  [/-debug$|-devtools$/, 'Stop. A machine in debugging mode keeps nothing secret.'],
  [/-migration-agent$/, 'Stop. Whoever has the migration agent can move the guest, with its memory.'],
  [/-root-untrusted$/, 'Stop. No vendor that this version knows signed this. Simulated hardware ends here too.'],
  [/-vendors-mixed$/, 'Stop. Genuine and simulated parts do not make one machine.'],
  [
    /^nvidia-revocation-nonce$/,
    'The answers come out of a mirror and your policy wants them made for this appraisal: the operator must fetch them anew, or `ocsp.nonce` be notRequired.',
  ],
  [
    /^nras-keys-/,
    'The keys of NVIDIA’s attestation service are missing or too old here: `wardround collateral fetch --nvidia-nras-keys` into the mirror, or give --nras-jwks.',
  ],
  [
    /^nras-(?:missing|expired|not-yet-valid|nonce)$/,
    'Your policy wants NVIDIA’s own service to agree, and its answer is missing or of another time: the operator must ask it for this appraisal, or `nras` be notUsed.',
  ],
  [/^nras-/, 'Stop. NVIDIA’s service does not agree, or its answer is not what it signed: ask the operator.'],
  [
    /-crl-(?:expired|too-old|missing|issuer|stale)$|^ocsp-(?:expired|foreign|unsuccessful|unknown)$|-collateral-(?:expired|missing|too-old)$|-revocation-(?:unknown|too-old)$|-evaluation-number$/,
    current,
  ],
  [
    /^tdx-(?:fmspc|pce-id|tcb-no-level|module-unknown|qe-identity)$/,
    'What Intel says here is of another platform, or older than this machine: `wardround collateral fetch --for BUNDLE.json` gets what belongs to it.',
  ],
  [
    /^nvidia-not-measured$|^rim-(?:version|id|chip|mirror-time|ambiguous)$/,
    'The reference manifests of this device’s driver and VBIOS are missing, or are of others: `wardround collateral fetch --for BUNDLE.json` gets what belongs to it.',
  ],
  [
    /-not-yet-valid$|^evidence-from-future$/,
    'Compare this machine’s clock with another: what is not valid yet is usually a clock that is behind.',
  ],
  [/^evidence-too-old$/, 'Ask for fresh evidence.'],
  [
    /-expired$/,
    'Compare this machine’s clock with another. If it is right, a certificate has run out: the operator must get new ones from the vendor.',
  ],
  [
    /-chain-incomplete$|-leaf-missing$|-crl-chain$/,
    'A certificate is missing: give the whole chain, or get it with `wardround collateral fetch`.',
  ],
  [
    /^nvidia-nonce-unknown$|^evidence-nonce$|-nonce$|^evidence-session$|^evidence-binding$|-paths-disagree$/,
    madeForOthers,
  ],
  [/^evidence-gpu-digest$|^nvidia-device-duplicate$|^nvidia-pairing$/, tampered],
  [/^evidence-gpu-|-device-count$|^nvidia-evidence-missing$|^nvidia-switch-refused$/, devices],
  [
    /^evidence-(?:cpu-count|carrier|unjudged|pcr-twice)$/,
    'The bundle does not show one machine in a way that can be judged: the operator’s collector is at fault, or somebody put it together.',
  ],
  [
    /^evidence-second-path-/,
    'Compare the policy’s `secondPath` with what the operator provides: a TPM’s quote beside the processor’s report, or none.',
  ],
  [
    /^evidence-platform-refused$|-product-refused$/,
    'Your policy refuses this sort of machine. Ask for another, or decide about this one and give it rules in the policy.',
  ],
  [/-chip-unknown$|-platform-unknown$|-ueid-unknown$|^evidence-machine$/, which],
  [
    /-measurement-unknown$|-mrtd-unknown$|^tdx-rtmr(?:\d|-unexplained)$|^tdx-(?:config-id|owner|owner-config|service-td)$|^snp-(?:host-data|family-id|image-id|id-key|author-key|vmpl|guest-svn-below-floor)$|^tpm-pcr-(?:value|unexplained)$/,
    image,
  ],
  [
    /^nvidia-measurement(?:-missing)?$/,
    'Stop. The device runs something else than NVIDIA’s manifest says: ask the operator which driver and firmware it has.',
  ],
  [/-below-floor$|^tdx-tcb-refused$|-advisory$|-mitigation-missing$|-tcb-order$/, firmware],
  [
    /-(?:vcek|vlek|architecture|module)-refused$|-provider-unknown$|-(?:model|driver|vbios)-unknown$|-module-signer$|-module-attributes$/,
    'Your policy does not name this key, model, module or version. Decide about it with the vendor’s bulletins in hand, and add it; or ask the operator for one that is named.',
  ],
  [
    /-guest-policy$|-platform-info$|-platform-unknown-bit$|-sept-ve$|-td-attributes(?:-unknown)?$|-xfam$|-protected-pcie$|^nvidia-mode$|-unknown-field$|-firmware-identity-missing$|-secure-boot(?:-unknown)?$|-console(?:-unknown)?$|-ak-(?:origin|strength|weak)$|-pcr-(?:bank|selection)$|-chip-key-masked$|-requested-by-host$/,
    setting,
  ],
  [
    /-size$|-malformed$|-truncated$|-length$|-too-large$|^evidence-invalid$|-(?:quote|report|opaque)-(?:header|trailing|magic|reserved)$|^encoding-/,
    damaged,
  ],
  [
    /-signature$|-(?:tcb|chip)-mismatch$|-binding$|-fwid(?:-extension)?$|-pcr-digest$|-event-log(?:-mismatch)?$|-td-report$|^snp-(?:chain|product|signing-key)$|-chain(?:-ambiguous)?$|-leaf-(?:ambiguous|key|extension)$|^nvidia-device-(?:kind|serial)$|^rim-overlap$|^tdx-(?:signer|attestation-key)$|^ocsp-responder$/,
    tampered,
  ],
  [
    /^(?:xml|event-log|hcl|tdx-quote|tdx-pck|snp-report|nvidia-report|nvidia-opaque|nvidia-device|tpm-quote|tpm-signature|tdx-collateral)-/,
    unknownForm,
  ],
  [/^nvidia-opaque$/, damaged],
];

/** Where nothing better is known. */
export const otherwise = 'Stop, and ask the enclave’s operator; nothing was released.';

/** One sentence or two for people, for the code of a failed step. */
export function adviceFor(code: string): string {
  return byCode.find(([pattern]) => pattern.test(code))?.[1] ?? otherwise;
}
