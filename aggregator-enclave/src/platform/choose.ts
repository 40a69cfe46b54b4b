// Which hardware vouches for this enclave: the one that the configuration names, or an error. Never a fallback.
import type { Endorsement } from '@wardround/attestation/evidence';
import { WardroundError } from '@wardround/protocol/errors';
import type { GpuCollector, Platform } from '../enclave/ports.ts';
import type { Config } from '../host/config.ts';
import { readJsonFile, readSecretJson } from '../host/files.ts';
import { azureSnpPlatform, azureTdxPlatform } from './azure.ts';
import { type ReadEndorsements, sevSnpPlatform, tdxPlatform } from './bare.ts';
import { type CollateralType, readCollateral } from './collateral.ts';
import type { Hardware } from './hardware.ts';
import { withNras } from './nras.ts';
import { nvmlCollector } from './nvml.ts';
import { simulatedGpu } from './simulated-gpu.ts';
import { requireInDate, simulatedPlatform } from './simulated.ts';

export type PlatformSettings = Pick<Config, 'platform' | 'gpu' | 'collateral'> & Partial<Pick<Config, 'proxy'>>;

export interface Machine {
  /** Hex, of the program: what the simulated platform calls its measurement. */
  readonly measurement: string;
  /** Decides whether a simulated vendor is out of date, and nothing of genuine hardware. */
  readonly now: Date;
  readonly hardware: Hardware;
}

/** Evidence holds 128 endorsements and 1,500,000 bytes; the rest is left to reports, logs and certificates. */
const maxEndorsements = 112;
const maxEndorsementCharacters = 900_000;

/**
 * Asks the named hardware once, so that what cannot give evidence does not start.
 * @throws WardroundError `simulated-expired`, `simulated-file-invalid`, `file-*`, and those of the collectors: `tsm-*`, `tpm-*`, `hcl-*`, `td-quote-*`,
 * `quote-service-*`, `gpu-*`, `collateral-*`
 */
export async function choosePlatform(settings: PlatformSettings, machine: Machine): Promise<Platform> {
  const platform = await chooseCpu(settings, machine);
  const gpu = await chooseGpu(settings, machine.hardware);
  return gpu === null ? platform : withGpu(platform, gpu);
}

/** The GPUs' evidence hangs on the processor's; what the vendor of simulated ones says of them goes with it. */
function withGpu(platform: Platform, gpu: GpuCollector & { readonly endorsements?: readonly Endorsement[] }): Platform {
  const { endorsements: more = [] } = gpu;
  return {
    ...platform,
    gpu,
    attest: async (reportData) => {
      const { items, endorsements } = await platform.attest(reportData);
      return { items, endorsements: [...endorsements, ...more] };
    },
  };
}

async function chooseCpu(settings: PlatformSettings, { measurement, now, hardware }: Machine): Promise<Platform> {
  const { platform } = settings;
  switch (platform.kind) {
    case 'simulated': {
      const [secret, endorsements] = [await readSecretJson(platform.chip), await readJsonFile(platform.vendor)];
      requireInDate(endorsements, now);
      return simulatedPlatform({ secret, endorsements, measurement });
    }
    case 'sevSnp':
      return await sevSnpPlatform(hardware, {
        privilegeLevel: platform.privilegeLevel,
        collateral: collateralFor(settings, { hardware, types: ['certificate', 'crl'] }),
      });
    case 'tdx':
      return await tdxPlatform(hardware, {
        collateral: collateralFor(settings, { hardware, types: ['tdxCollateral'] }),
      });
    case 'azureSnp':
      return await azureSnpPlatform(hardware, {
        ...platform,
        collateral: collateralFor(settings, { hardware, types: ['certificate', 'crl'] }),
      });
    case 'azureTdx':
      return await azureTdxPlatform(hardware, {
        ...platform,
        collateral: collateralFor(settings, { hardware, types: ['tdxCollateral'] }),
      });
  }
}

async function chooseGpu(
  { gpu, proxy = null }: PlatformSettings,
  { nvmlLibrary, timeoutMilliseconds }: Hardware,
): Promise<GpuCollector | null> {
  if (gpu === 'none') return null;
  if (gpu.kind === 'nvml') {
    const collector = nvmlCollector(nvmlLibrary);
    return gpu.nras === undefined ? collector : withNras(collector, { url: gpu.nras, proxy, timeoutMilliseconds });
  }
  return simulatedGpu({ secret: await readSecretJson(gpu.device), endorsements: await readJsonFile(gpu.vendor) });
}

/** What goes with this machine's evidence, and nothing else of the directory: sites refuse bundles with what they cannot appraise. */
function collateralFor(
  { gpu, collateral }: PlatformSettings,
  { hardware, types }: { hardware: Hardware; types: readonly CollateralType[] },
): ReadEndorsements {
  const wanted: ReadonlySet<CollateralType> = new Set([
    ...types,
    ...(gpu === 'none' ? [] : (['rim', 'ocsp'] as const)),
  ]);
  return async () => {
    const { endorsements } = await readCollateral(hardware, collateral);
    const sent = endorsements.filter(({ type }) => wanted.has(type));
    const characters = JSON.stringify(sent).length;
    if (sent.length <= maxEndorsements && characters <= maxEndorsementCharacters) return sent;
    throw new WardroundError('collateral-too-much', 'more collateral than fits into evidence', {
      where: collateral ?? 'collateral',
      expected: `at most ${maxEndorsements} items and ${maxEndorsementCharacters} characters, of this machine only`,
      got: `${sent.length} items, ${characters} characters`,
    });
  };
}
