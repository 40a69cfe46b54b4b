// `aggregator init`: a directory with the configuration, the coordinator's token, and a simulated chip with its vendor's public half.
import { join, resolve } from 'node:path';
import { type Options, requireText } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';
import { measureProgram } from '../platform/measure.ts';
import { foundSimulatedPlatform, simulatedUntil } from '../platform/simulated.ts';
import type { Io } from './command-io.ts';
import { configFile, configText, initialConfig, parseConfig } from './config.ts';
import { makePrivateDirectory, readText, writeNewFile } from './files.ts';

/** @throws WardroundError `usage-invalid`, `config-invalid`, `platform-unsupported`, `file-exists`, `file-unreadable` */
export async function init(options: Options, io: Io): Promise<number> {
  const directory = resolve(requireText(options, 'dir'));
  const config = initialConfig(requireText(options, 'coordinator'));
  const token = await readToken(options);
  if (options['simulated'] !== true) {
    throw new WardroundError('platform-unsupported', 'this version collects evidence from no genuine hardware yet', {
      expected: '--simulated, which proves nothing about hardware',
      action: 'stop',
    });
  }
  parseConfig(configText(config), '--coordinator');
  await makePrivateDirectory(directory);
  await writeNewFile(join(directory, configFile), configText(config));
  await writeNewFile(join(directory, 'token'), `${token}\n`);
  const { secret, endorsements } = await foundSimulatedPlatform(new Date());
  await writeNewFile(join(directory, 'simulated-chip.json'), `${JSON.stringify(secret)}\n`);
  await writeNewFile(join(directory, 'simulated-vendor.json'), `${JSON.stringify(endorsements)}\n`);
  const { measurement } = await measureProgram();
  const { rootSha256: vendorRoot } = endorsements;
  const until = simulatedUntil(endorsements).toISOString();
  io.print(
    options['json'] === true
      ? JSON.stringify({ directory, platform: 'simulated', vendorRoot, measurement, until })
      : `An aggregator on a SIMULATED platform, in ${directory}. It proves nothing about hardware.
  vendor root   ${vendorRoot}   (simulatedPlatform.roots in each site's policy)
  measurement   ${measurement}
  good until    ${until}   (earlier where a site's policy sets maxCrlAgeSeconds lower); then make a new directory, with a new vendor root`,
  );
  return 0;
}

async function readToken(options: Options): Promise<string> {
  const given = [options['token'], options['token-file']].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new WardroundError('usage-invalid', 'the coordinator’s token is needed, once', {
      expected: '--token TOKEN or --token-file FILE',
    });
  }
  const token = options['token'] ?? (await readText(requireText(options, 'token-file'))).trim();
  if (typeof token === 'string' && /^\S{8,4096}$/.test(token)) return token;
  throw new WardroundError('usage-invalid', 'not a token', { expected: 'what `wardround coordinator init` printed' });
}
