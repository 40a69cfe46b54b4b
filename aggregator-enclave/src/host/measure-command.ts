// `aggregator measure`: what a releaser signs and what each site writes into its policy.
import { resolve } from 'node:path';
import type { Options } from '@wardround/command-line/options';
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import type { Tcb } from '@wardround/attestation/snp/tcb';
import { parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { measureProgram, sourceCommit } from '../platform/measure.ts';
import type { Io } from './command-io.ts';
import { readConfig } from './config.ts';
import { readJsonFile } from './files.ts';

/** @throws WardroundError `measure-unreadable`, `config-*`, `file-unreadable` */
export async function measure(options: Options, io: Io): Promise<number> {
  const { measurement, bundle, files } = await measureProgram();
  const machine = typeof options['dir'] === 'string' ? await simulatedMachine(resolve(options['dir'])) : null;
  const commit = await sourceCommit();
  const result = {
    platform: 'sevSnp',
    measurement,
    bundle,
    sourceCommit: commit,
    files: files.length,
    ...(machine ?? { vendorRoot: null }),
  };
  io.print(
    options['json'] === true
      ? JSON.stringify(result)
      : [
          `measurement   ${measurement}`,
          `bundle        ${bundle}   (${files.length} files)`,
          `commit        ${commit ?? 'not a git working tree'}`,
          ...(machine === null
            ? []
            : [
                `vendor root   ${machine.vendorRoot}   SIMULATED: proves nothing about hardware`,
                `chip          ${machine.chipId}`,
                `TCB           ${JSON.stringify(machine.tcb)}`,
              ]),
        ].join('\n'),
  );
  return 0;
}

/** What a site's policy names of a simulated machine; null for genuine hardware, whose owner says it. */
async function simulatedMachine(directory: string): Promise<{ vendorRoot: string; chipId: string; tcb: Tcb } | null> {
  const { platform } = await readConfig(directory);
  if (platform.kind !== 'simulated') return null;
  const { rootSha256, certificates } = parseSimulatedEndorsements(await readJsonFile(platform.vendor));
  const { hardwareId, tcb } = findSnpLeaf(parseCertificates(certificates.map(fromBase64Url)));
  return { vendorRoot: rootSha256, chipId: toHex(hardwareId ?? new Uint8Array()), tcb };
}
