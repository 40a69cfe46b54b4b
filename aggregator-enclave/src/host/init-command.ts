// `aggregator init`: a directory with the configuration and the coordinator's token; for a simulated platform also a chip and its vendor's public
// half.
import { join, resolve } from 'node:path';
import { type Options, requireText } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';
import { measureProgram } from '../platform/measure.ts';
import { foundSimulatedGpu } from '../platform/simulated-gpu.ts';
import { foundSimulatedPlatform, simulatedUntil } from '../platform/simulated.ts';
import type { Io } from './command-io.ts';
import {
  type Config,
  configFile,
  configText,
  initialConfig,
  parseConfig,
  type PlatformKind,
  platformKinds,
} from './config.ts';
import { makePrivateDirectory, readText, writeNewFile } from './files.ts';

/** @throws WardroundError `usage-invalid`, `config-invalid`, `file-exists`, `file-unreadable` */
export async function init(options: Options, io: Io): Promise<number> {
  const directory = resolve(requireText(options, 'dir'));
  const kind = platformKind(options);
  const gpu = gpuNamed(options, kind);
  const config = initialConfig(requireText(options, 'coordinator'), kind, gpu);
  const token = await readToken(options);
  parseConfig(configText(config), '--coordinator');
  await makePrivateDirectory(directory);
  await writeNewFile(join(directory, configFile), configText(config));
  await writeNewFile(join(directory, 'token'), `${token}\n`);
  const founded =
    kind === 'simulated' ? await foundSimulated(directory, gpu !== 'none') : foundGenuine(directory, kind);
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

const simulatedGpuFiles = { device: 'simulated-gpu.json', vendor: 'simulated-gpu-vendor.json' } as const;

/** A simulated GPU stands only in a simulated machine: genuine hardware has genuine ones, or none. */
function gpuNamed(options: Options, kind: PlatformKind): Config['gpu'] {
  if (options['simulated-gpu'] !== true) return 'none';
  if (kind === 'simulated') return { kind: 'simulated', ...simulatedGpuFiles };
  throw new WardroundError('usage-invalid', 'a simulated GPU in a machine that is not', {
    expected: '--simulated-gpu with --simulated alone',
  });
}

async function foundSimulated(directory: string, withGpu: boolean): Promise<Founded> {
  const now = new Date();
  const { secret, endorsements } = await foundSimulatedPlatform(now);
  await writeNewFile(join(directory, 'simulated-chip.json'), `${JSON.stringify(secret)}\n`);
  await writeNewFile(join(directory, 'simulated-vendor.json'), `${JSON.stringify(endorsements)}\n`);
  const { measurement } = await measureProgram();
  const { rootSha256: vendorRoot } = endorsements;
  const end = simulatedUntil(endorsements);
  const until = end.toISOString();
  const gpu = withGpu ? await foundSimulatedGpu(now, end) : null;
  if (gpu !== null) {
    await writeNewFile(join(directory, simulatedGpuFiles.device), `${JSON.stringify(gpu.secret)}\n`);
    await writeNewFile(join(directory, simulatedGpuFiles.vendor), `${JSON.stringify(gpu.endorsements)}\n`);
  }
  return {
    result: {
      directory,
      platform: 'simulated',
      vendorRoot,
      measurement,
      until,
      ...(gpu === null ? {} : { gpuVendorRoot: gpu.endorsements.rootSha256 }),
    },
    text: `An aggregator on a SIMULATED platform, in ${directory}. It proves nothing about hardware.
  vendor root   ${vendorRoot}   (simulatedPlatform.roots in each site's policy)
  measurement   ${measurement}${gpu === null ? '' : `\n  GPU vendor    ${gpu.endorsements.rootSha256}   (there as well)`}
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
