// `aggregator measure`: what a releaser signs and what each site writes into its policy.
import { resolve } from 'node:path';
import { parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { measureProgram, sourceCommit } from '../platform/measure.ts';
import type { Io, Options } from './command-io.ts';
import { readConfig } from './config.ts';
import { readJsonFile } from './files.ts';

/** @throws WardroundError `measure-unreadable`, `config-*`, `file-unreadable` */
export async function measure(options: Options, io: Io): Promise<number> {
  const { measurement, bundle, files } = await measureProgram();
  const vendorRoot = typeof options['dir'] === 'string' ? await vendorRootOf(resolve(options['dir'])) : null;
  const commit = await sourceCommit();
  const result = { platform: 'sevSnp', measurement, bundle, sourceCommit: commit, vendorRoot, files: files.length };
  io.print(
    options['json'] === true
      ? JSON.stringify(result)
      : [
          `measurement   ${measurement}`,
          `bundle        ${bundle}   (${files.length} files)`,
          `commit        ${commit ?? 'not a git working tree'}`,
          ...(vendorRoot === null ? [] : [`vendor root   ${vendorRoot}   SIMULATED`]),
        ].join('\n'),
  );
  return 0;
}

async function vendorRootOf(directory: string): Promise<string | null> {
  const { platform } = await readConfig(directory);
  if (platform.kind !== 'simulated') return null;
  return parseSimulatedEndorsements(await readJsonFile(platform.vendor)).rootSha256;
}
