// The rules for NVIDIA GPUs and switches in plain sentences.
import { duration, listOrWaiver, waivedSentence } from './explain-words.ts';
import type { GpuRules, NvidiaRules, SwitchRules } from './nvidia-rules.ts';

export function explainNvidia(rules: NvidiaRules): readonly string[] {
  return [...gpus(rules.gpus), ...switches(rules.switches), manifests(rules), revocation(rules), nras(rules)];
}

function gpus(rules: GpuRules): readonly string[] {
  const { count, architectures, models, ueids, driver, vbios, mode } = rules;
  const flags = mode.featureFlags.map((flag) => (flag === 2 ? '2 (protected PCIe)' : String(flag))).join(' or ');
  return [
    `Exactly ${count === 1 ? 'one GPU' : `${count} GPUs`}, each another device: Hopper ${architectures.hopper}, Blackwell ${architectures.blackwell}.`,
    listOrWaiver(models, { listed: 'Only these models', waived: 'ANY model' }),
    listOrWaiver(ueids, {
      listed: 'Only these GPUs',
      waived: 'ANY GPU, so that one elsewhere can answer for this machine,',
    }),
    `The driver must be ${driver.minimum} or newer.`,
    listOrWaiver(driver.allowed, { listed: 'Only these drivers', waived: 'ANY driver' }),
    listOrWaiver(vbios.allowed, { listed: 'Only these VBIOS versions', waived: 'ANY VBIOS version' }),
    `The GPU’s feature flag must be ${flags}; a report without one is ${missing(mode.missingFeatureFlag)} Protected PCIe is ${mode.protectedPcie}.`,
    ...identity(rules.missingFirmwareIdentity, 'GPU', rules.acceptedUnknownFields),
  ];
}

function switches(rules: 'none' | SwitchRules): readonly string[] {
  if (rules === 'none') return ['Switches are refused.'];
  return [
    `Exactly ${rules.count === 1 ? 'one switch' : `${rules.count} switches`}, and GPUs and switches must name each other.`,
    listOrWaiver(rules.models, { listed: 'Only these models of switch', waived: 'ANY model of switch' }),
    listOrWaiver(rules.ueids, { listed: 'Only these switches', waived: 'ANY switch' }),
    listOrWaiver(rules.vbios.allowed, { listed: 'Only these switch firmwares', waived: 'ANY switch firmware' }),
    ...identity(rules.missingFirmwareIdentity, 'switch', rules.acceptedUnknownFields),
  ];
}

type Missing = GpuRules['missingFirmwareIdentity'] | SwitchRules['missingFirmwareIdentity'];

function missing(rule: Missing): string {
  if (rule === 'refused') return 'refused.';
  const drivers = 'drivers' in rule ? ` of drivers ${rule.drivers.join(', ')}` : '';
  return `accepted${drivers}, ${waivedSentence(rule)}`;
}

function identity(rule: Missing, what: string, acceptedUnknownFields: readonly number[]): readonly string[] {
  const unknown =
    acceptedUnknownFields.length === 0
      ? 'Fields that nobody has explained are refused.'
      : `Accepted although nobody has explained them: fields of type ${acceptedUnknownFields.join(', ')}.`;
  return [`A ${what}’s report that is not bound to the firmware of its key is ${missing(rule)} ${unknown}`];
}

function manifests({ rimValidity }: NvidiaRules): string {
  const when = rimValidity === 'now' ? 'now' : 'when your mirror fetched it';
  return `Every measurement must be as NVIDIA’s signed manifests of that driver and VBIOS say; a manifest’s signer must be valid ${when}.`;
}

function revocation({ ocsp: { maxAgeSeconds, nonce, deviceLeaf } }: NvidiaRules): string {
  const fresh = nonce === 'required' ? 'made for this very appraisal' : `no older than ${duration(maxAgeSeconds)}`;
  const age = nonce === 'required' ? ` and no older than ${duration(maxAgeSeconds)}` : '';
  const leaf =
    deviceLeaf === 'required'
      ? 'the one that a device makes itself included.'
      : 'but for the one that a device makes itself: that its factory identity is good will do.';
  return `NVIDIA must say of every certificate that it is good, in answers ${fresh}${age}, ${leaf}`;
}

function nras({ nras: rule }: NvidiaRules): string {
  if (rule === 'notUsed') return 'NVIDIA’s remote attestation service is not asked.';
  const { keys, maxKeysAgeSeconds } = rule.required;
  const trusted =
    keys === 'mirrored'
      ? 'the keys that your own mirror has of it, which nothing signs: whoever can write the mirror can add one'
      : `only these keys: ${keys.join(', ')}`;
  return `NVIDIA’s remote attestation service must agree about every device, under ${trusted}, shown by the service within ${duration(maxKeysAgeSeconds)}.`;
}
