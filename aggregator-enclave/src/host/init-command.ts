// `aggregator init`: a directory with the configuration and the coordinator's token; for a simulated platform also a chip and its vendor's public
// half.
import { join, resolve } from 'node:path';
import { type Options, requireText } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';
import { measureProgram } from '../platform/measure.ts';
import { foundSimulatedPlatform, simulatedUntil } from '../platform/simulated.ts';
import type { Io } from './command-io.ts';
import { configFile, configText, initialConfig, parseConfig, type PlatformKind, platformKinds } from './config.ts';
import { makePrivateDirectory, readText, writeNewFile } from './files.ts';

/** @throws WardroundError `usage-invalid`, `config-invalid`, `file-exists`, `file-unreadable` */
export async function init(options: Options, io: Io): Promise<number> {
  const directory = resolve(requireText(options, 'dir'));
  const kind = platformKind(options);
  const config = initialConfig(requireText(options, 'coordinator'), kind);
  const token = await readToken(options);
  parseConfig(configText(config), '--coordinator');
  await makePrivateDirectory(directory);
  await writeNewFile(join(directory, configFile), configText(config));
  await writeNewFile(join(directory, 'token'), `${token}\n`);
  const founded = kind === 'simulated' ? await foundSimulated(directory) : foundGenuine(directory, kind);
  io.print(options['json'] === true ? JSON.stringify(founded.result) : founded.text);
  return 0;
}

interface Founded {
  readonly result: Readonly<Record<string, string>>;
  readonly text: string;
}

function foundGenuine(directory: string, platform: PlatformKind): Founded {
  return {
    result: { directory, platform },
    text: `An aggregator for ${platform}, in ${directory}.
Next: look through aggregator.yaml (gpu, collateral), then: wardround aggregator check --dir ${directory}`,
  };
}

async function foundSimulated(directory: string): Promise<Founded> {
  const { secret, endorsements } = await foundSimulatedPlatform(new Date());
  await writeNewFile(join(directory, 'simulated-chip.json'), `${JSON.stringify(secret)}\n`);
  await writeNewFile(join(directory, 'simulated-vendor.json'), `${JSON.stringify(endorsements)}\n`);
  const { measurement } = await measureProgram();
  const { rootSha256: vendorRoot } = endorsements;
  const until = simulatedUntil(endorsements).toISOString();
  return {
    result: { directory, platform: 'simulated', vendorRoot, measurement, until },
    text: `An aggregator on a SIMULATED platform, in ${directory}. It proves nothing about hardware.
  vendor root   ${vendorRoot}   (simulatedPlatform.roots in each site's policy)
  measurement   ${measurement}
  good until    ${until}   (earlier where a site's policy sets maxCrlAgeSeconds lower); then make a new directory, with a new vendor root`,
  };
}

/** Named by a person, once: nothing is detected, and nothing is simulated because something is missing. */
function platformKind(options: Options): PlatformKind {
  const named = options['platform'];
  const given = [...(options['simulated'] === true ? ['simulated'] : []), ...(named === undefined ? [] : [named])];
  const [kind, ...more] = platformKinds.filter((known) => given.includes(known));
  if (kind !== undefined && more.length === 0 && given.length === 1) return kind;
  throw new WardroundError('usage-invalid', 'the hardware that vouches for this enclave is named once', {
    expected: `--platform ${platformKinds.join('|')}, or --simulated, which proves nothing about hardware`,
    got: given.length === 0 ? 'none' : given.join(', '),
  });
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
