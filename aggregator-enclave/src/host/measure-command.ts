// `aggregator measure`: what a releaser signs and what each site writes into its policy.
import { resolve } from 'node:path';
import type { Options } from '@wardround/command-line/options';
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import type { Tcb } from '@wardround/attestation/snp/tcb';
import { parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { parseNvidiaEndorsements } from '@wardround/attestation/simulated/nvidia/files';
import { simulatedGpu } from '../platform/simulated-gpu.ts';
import { measureProgram, sourceCommit } from '../platform/measure.ts';
import type { Io } from './command-io.ts';
import { readConfig } from './config.ts';
import { readJsonFile, readSecretJson } from './files.ts';

/** @throws WardroundError `measure-unreadable`, `config-*`, `file-unreadable` */
export async function measure(options: Options, io: Io): Promise<number> {
  const { measurement, bundle, files } = await measureProgram();
  const directory = typeof options['dir'] === 'string' ? resolve(options['dir']) : null;
  const machine = directory === null ? null : await simulatedMachine(directory);
  const gpu = directory === null ? null : await simulatedDevice(directory);
  const commit = await sourceCommit();
  const result = {
    platform: 'sevSnp',
    measurement,
    bundle,
    sourceCommit: commit,
    files: files.length,
    ...(machine ?? { vendorRoot: null }),
    ...(gpu === null ? {} : { gpu }),
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
          ...(gpu === null
            ? []
            : [
                `GPU           ${gpu.model}, UEID ${gpu.ueid}, driver ${gpu.driver}, VBIOS ${gpu.vbios}`,
                `GPU vendor    ${gpu.vendorRoot}   SIMULATED: proves nothing about hardware`,
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

interface SimulatedDevice {
  readonly vendorRoot: string;
  readonly ueid: string;
  readonly model: string;
  readonly driver: string;
  readonly vbios: string;
}

/** What a site's policy names of a simulated GPU; null where there is none. */
async function simulatedDevice(directory: string): Promise<SimulatedDevice | null> {
  const { gpu } = await readConfig(directory);
  if (gpu === 'none' || gpu.kind !== 'simulated') return null;
  const endorsements = await readJsonFile(gpu.vendor);
  const { rootSha256: vendorRoot } = parseNvidiaEndorsements(endorsements);
  const { fields } = simulatedGpu({ secret: await readSecretJson(gpu.device), endorsements });
  const { ueid, hwModel, driverVersion, vbiosVersion } = fields;
  return { vendorRoot, ueid: ueid ?? '', model: hwModel ?? '', driver: driverVersion ?? '', vbios: vbiosVersion };
}
