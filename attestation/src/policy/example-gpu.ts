// The part of a commented policy that says which GPUs a site accepts.

export interface ExampleGpu {
  /** Devices, by UEID. */
  readonly ueids: readonly string[];
  readonly architecture: 'hopper' | 'blackwell';
  readonly model: string;
  readonly driver: string;
  readonly vbios: string;
}

/** YAML lines; `processors` are the machines that may hold exactly these devices. */
export function gpuLines(gpu: ExampleGpu | undefined, processors: readonly string[]): readonly string[] {
  if (gpu === undefined) {
    return ['gpu: unused', '# With GPUs: which processor and devices are one machine.', 'machines: processorAlone'];
  }
  const { ueids, architecture, model, driver, vbios } = gpu;
  const devices = ueids.map((ueid) => `"${ueid}"`).join(', ');
  return [
    '# GPUs are required. Every measurement must be as NVIDIA’s signed manifests of that driver and VBIOS say.',
    'gpu:',
    '  nvidia:',
    '    gpus:',
    `      count: ${ueids.length}`,
    `      architectures: { hopper: ${accepted(architecture === 'hopper')}, blackwell: ${accepted(architecture === 'blackwell')} }`,
    `      models: ["${model}"]`,
    '      # The devices: a genuine GPU elsewhere could answer for this machine.',
    `      ueids: [${devices}]`,
    `      driver: { minimum: "${driver}", allowed: ["${driver}"] }`,
    `      vbios: { allowed: ["${vbios}"] }`,
    '      mode:',
    '        # As reports say it; 2 is protected PCIe. Of 0 and 1 NVIDIA’s sources disagree on which is a single GPU.',
    '        featureFlags: [0]',
    '        missingFeatureFlag: refused',
    '        protectedPcie: refused',
    '      # A report that is not bound to the firmware of its key.',
    '      missingFirmwareIdentity: refused',
    '      # Fields of the report whose meaning is not known.',
    '      acceptedUnknownFields: []',
    '    switches: none',
    '    # When the signer of a manifest must be valid: now, or whenMirrored (needs a mirror of your own).',
    '    rimValidity: now',
    '    # NVIDIA revokes by OCSP alone. A genuine device’s own certificate has no answer: waive deviceLeaf there.',
    '    ocsp: { maxAgeSeconds: 7776000, nonce: notRequired, deviceLeaf: required }',
    '    # NVIDIA’s remote attestation service as a second opinion.',
    '    nras: notUsed',
    '# Which processor and devices are one machine.',
    'machines:',
    ...processors.map((processor) => `  - { processor: "${processor}", devices: [${devices}] }`),
  ];
}

function accepted(is: boolean): string {
  return is ? 'accepted' : 'refused';
}
