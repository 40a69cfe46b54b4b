// Which hardware vouches for this enclave: the one that the configuration names, or an error. Never a fallback.
import { WardroundError } from '@wardround/protocol/errors';
import type { Platform } from '../enclave/ports.ts';
import type { PlatformConfig } from '../host/config.ts';
import { readJsonFile, readSecretJson } from '../host/files.ts';
import { simulatedPlatform } from './simulated.ts';

/** @throws WardroundError `platform-unsupported`, `simulated-file-invalid`, `file-*` */
export async function choosePlatform(config: PlatformConfig, measurement: string): Promise<Platform> {
  switch (config.kind) {
    case 'simulated':
      return simulatedPlatform({
        secret: await readSecretJson(config.chip),
        endorsements: await readJsonFile(config.vendor),
        measurement,
      });
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
