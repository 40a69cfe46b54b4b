// `coordinator init`: makes the directory and says what goes to whom.
import { resolve } from 'node:path';
import { type Options, requireText } from '@wardround/command-line/options';
import type { Io } from './command-io.ts';
import { checkConfig, type Config, defaultConfig } from './config.ts';
import { initialise } from './data-directory.ts';

/** @throws WardroundError `usage-invalid`, `config-invalid`, `already-initialised`, `directory-unusable` */
export async function init(options: Options, io: Io): Promise<number> {
  const directory = resolve(requireText(options, 'dir'));
  const config = configOf(options);
  const { invitation, aggregatorToken } = await initialise(directory, config);
  // Port 0 is chosen anew at each start, which tells it.
  const url = config.publicUrl ?? (config.port === 0 ? null : `http://${config.host}:${config.port}`);
  if (options['json'] === true) {
    io.print(JSON.stringify({ directory, url, invitation, aggregatorToken }));
    return 0;
  }
  const address = url ?? '(as `start` says: the port is chosen then)';
  io.print(`Made a coordinator in ${directory}

  To every hospital and researcher that joins, by a channel you trust:
    address     ${address}
    invitation  ${invitation}

  To whoever runs the aggregator:
    address     ${address}
    token       ${aggregatorToken}

  Neither opens anything that is sealed: they say who may speak here. Both are kept in the directory (mode 0600).
  Next: wardround coordinator start --dir ${directory}`);
  return 0;
}

function configOf(options: Options): Config {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const port = text('port');
  return checkConfig(
    {
      ...defaultConfig,
      host: text('host') ?? defaultConfig.host,
      port: port === undefined ? defaultConfig.port : Number(port),
      publicUrl: text('public-url') ?? defaultConfig.publicUrl,
      federation: text('federation') ?? defaultConfig.federation,
    },
    'options',
  );
}
