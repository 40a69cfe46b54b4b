// Which hardware vouches for this enclave: the one that the configuration names, or an error. Never a fallback.
import { WardroundError } from '@wardround/protocol/errors';
import type { Platform } from '../enclave/ports.ts';
import type { PlatformConfig } from '../host/config.ts';
import { readJsonFile, readSecretJson } from '../host/files.ts';
import { requireInDate, simulatedPlatform } from './simulated.ts';

export interface Surroundings {
  readonly measurement: string;
  readonly now: Date;
}

/** @throws WardroundError `platform-unsupported`, `simulated-expired`, `simulated-file-invalid`, `file-*` */
export async function choosePlatform(config: PlatformConfig, { measurement, now }: Surroundings): Promise<Platform> {
  switch (config.kind) {
    case 'simulated': {
      const [secret, endorsements] = [await readSecretJson(config.chip), await readJsonFile(config.vendor)];
      requireInDate(endorsements, now);
      return simulatedPlatform({ secret, endorsements, measurement });
    }
    case 'sevSnp':
      throw unsupported('the collector of SEV-SNP reports from /dev/sev-guest');
    case 'tdx':
      throw unsupported('the collector of TDX quotes from configfs-tsm');
  }
}

function unsupported(absent: string): WardroundError {
  return new WardroundError('platform-unsupported', `this version lacks ${absent}`, {
    where: 'platform.kind',
    expected: 'simulated',
    action: 'stop',
  });
}
