// A site's policy that wants a GPU, for tests in which which GPU does not matter.
import type { NvidiaRules } from '@wardround/attestation/policy/nvidia-rules';
import type { Policy } from '@wardround/attestation/policy/policy';

export const someGpuRules: NvidiaRules = {
  gpus: {
    count: 1,
    architectures: { hopper: 'accepted', blackwell: 'refused' },
    models: ['GH100 A01 GSP BROM'],
    ueids: ['1'],
    driver: { minimum: '570.124.03', allowed: ['570.124.03'] },
    vbios: { allowed: ['96.00.9F.00.01'] },
    mode: { featureFlags: [0], missingFeatureFlag: 'refused', protectedPcie: 'refused' },
    missingFirmwareIdentity: 'refused',
    acceptedUnknownFields: [],
  },
  switches: 'none',
  rimValidity: 'now',
  ocsp: { maxAgeSeconds: 86_400, nonce: 'notRequired', deviceLeaf: 'required' },
  nras: 'notUsed',
};

export function wantingGpu(policy: Policy, rules: NvidiaRules = someGpuRules): Policy {
  const machines = { waived: { reason: 'tried here', until: '2030-01-01T00:00:00.000Z' } };
  return { ...policy, gpu: { nvidia: rules }, machines };
}
