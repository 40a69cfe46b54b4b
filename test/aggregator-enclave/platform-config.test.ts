// A configuration that mixes what proves something with what proves nothing.
import { describe, expect, it } from 'vitest';
import { configText, initialConfig, parseConfig, platformKinds } from '../../aggregator-enclave/src/host/config.ts';

const simulated = { kind: 'simulated', device: 'gpu.json', vendor: 'vendor.json' } as const;

describe('a simulated GPU', () => {
  it.each(platformKinds.filter((kind) => kind !== 'simulated'))('is refused in a genuine machine: %s', (kind) => {
    const text = configText(initialConfig('https://c.example.org', kind, simulated));
    expect(() => parseConfig(text, 'here')).toThrow(
      expect.objectContaining({ code: 'config-invalid', where: 'here: gpu.kind' }),
    );
  });

  it('stands in a simulated one', () => {
    const config = initialConfig('https://c.example.org', 'simulated', simulated);
    expect(parseConfig(configText(config), 'here')).toEqual(config);
  });
});

describe('NVIDIA’s attestation service', () => {
  const withGpu = (gpu: unknown): string =>
    JSON.stringify({ ...initialConfig('https://coordinator.example', 'sevSnp'), gpu });

  it('is asked where its address is named, and not otherwise', () => {
    for (const gpu of [{ kind: 'nvml' }, { kind: 'nvml', nras: 'https://nras.attestation.nvidia.com' }])
      expect(parseConfig(withGpu(gpu), 'here').gpu).toEqual(gpu);
  });

  it.each([
    { kind: 'nvml', nras: 'nvidia' },
    { kind: 'nvml', nras: null },
    { kind: 'simulated', device: 'a', vendor: 'b', nras: 'https://nras.attestation.nvidia.com' },
  ])('is named by an address, beside genuine GPUs: not %j', (gpu) => {
    expect(() => parseConfig(withGpu(gpu), 'here')).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});
