// What a machine has for evidence, for its administrator: each source looked at for itself, then the configured ones asked as `start` would.
import { randomBytes } from 'node:crypto';
import { copyBytes } from '@wardround/protocol/bytes';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { Platform } from '../enclave/ports.ts';
import { maxEventLogBytes, readCcel } from './ccel.ts';
import { choosePlatform, type Machine, type PlatformSettings } from './choose.ts';
import { readCollateral } from './collateral.ts';
import { tsmProvider } from './configfs-tsm.ts';
import { type Hardware, tpmSettings } from './hardware.ts';
import { gpuState, nvmlCollector } from './nvml.ts';
import { azure, Tpm } from './tpm2-tools.ts';

export interface Finding {
  readonly what: string;
  /** `absent` says that it is not there or not usable; whether it is needed, the last lines say. */
  readonly status: 'present' | 'absent';
  /** For people. */
  readonly detail: string;
  /** Of the refusal; null where it is present. */
  readonly code: string | null;
}

export interface Survey {
  readonly findings: readonly Finding[];
  /** The configured platform, and its GPUs where it has any, gave evidence. */
  readonly canAttest: boolean;
}

const defaultTcti = 'device:/dev/tpmrm0';

/** @param settings null where nothing is configured: then nothing can attest */
export async function surveyMachine(settings: PlatformSettings | null, machine: Machine): Promise<Survey> {
  const { hardware } = machine;
  const present = [
    await find('configfs-tsm', async () => await describeTsm(hardware)),
    await find('event log (CCEL)', async () => await describeCcel(hardware)),
    await find('NVIDIA GPUs', async () => await describeGpus(hardware)),
    await find('TPM', async () => await describeTpm(hardware, settings)),
    await find('collateral', async () => await describeCollateral(hardware, settings)),
  ];
  const configured = await askConfigured(settings, machine);
  return {
    findings: [...present, ...configured],
    canAttest: configured.every(({ status }) => status === 'present'),
  };
}

async function askConfigured(settings: PlatformSettings | null, machine: Machine): Promise<readonly Finding[]> {
  let platform: Platform | null = null;
  const cpu = await find(`platform ${settings?.platform.kind ?? ''}`.trim(), async () => {
    if (settings === null) throw nothingConfigured();
    platform = await choosePlatform(settings, machine);
    return await describeEvidence(platform);
  });
  const gpu = settings?.gpu ?? 'none';
  if (gpu === 'none') return [cpu];
  return [cpu, await find('GPU evidence', async () => await describeGpuEvidence(gpu.kind))];

  /** NVIDIA's are asked also where the processor refused, so that one look finds both mistakes. */
  async function describeGpuEvidence(kind: string): Promise<string> {
    const collector = kind === 'nvml' ? nvmlCollector(machine.hardware.nvmlLibrary) : platform?.gpu;
    if (collector === undefined) {
      throw new WardroundError('platform-none', 'not asked, because the processor’s platform gave no evidence');
    }
    const items = await collector.attest(copyBytes(randomBytes(32)));
    return `${items.length} reports over a fresh nonce`;
  }
}

async function describeEvidence(platform: Platform): Promise<string> {
  const { items, endorsements } = await platform.attest(copyBytes(randomBytes(64)));
  const kinds = items.map(({ type }) => type).join(', ');
  const sent = endorsements.length === 0 ? 'NO endorsements: sites need certificates of their own' : '';
  return `${kinds} over fresh data, measurement ${platform.measurement}; ${sent || `${endorsements.length} endorsements`}`;
}

async function describeTsm({ files, tsmRoot: root }: Hardware): Promise<string> {
  return `provider ${await tsmProvider({ files, root })}`;
}

async function describeCcel({ files, acpiTables }: Hardware): Promise<string> {
  const log = await readCcel(files, acpiTables);
  if (log !== 'none') return `${log.byteLength} bytes of at most ${maxEventLogBytes}`;
  throw new WardroundError('ccel-absent', 'the firmware offers no log (only a TD has one)');
}

async function describeGpus({ nvmlLibrary }: Hardware): Promise<string> {
  const { devices, driver } = await gpuState(nvmlLibrary);
  return `${devices} in confidential-computing mode, driver ${driver}`;
}

async function describeTpm(hardware: Hardware, settings: PlatformSettings | null): Promise<string> {
  const platform = settings?.platform;
  const tcti = platform?.kind === 'azureSnp' || platform?.kind === 'azureTdx' ? platform.tcti : defaultTcti;
  const tpm = new Tpm(tpmSettings(hardware, { tcti, attestationKey: azure.attestationKey }));
  const report = await tpm.readNv(azure.hclReport);
  return `with Azure's paravisor report (${report.byteLength} bytes)`;
}

async function describeCollateral(hardware: Hardware, settings: PlatformSettings | null): Promise<string> {
  const directory = settings?.collateral ?? null;
  if (directory === null) {
    throw new WardroundError('collateral-none', 'no directory is configured; sites then need mirrors of their own');
  }
  const { endorsements, unread } = await readCollateral(hardware, directory);
  const passed = unread.slice(0, 3).map(({ path, code }) => `${path} (${code})`);
  return `${endorsements.length} items${unread.length === 0 ? '' : `; passed over ${unread.length}: ${passed.join(', ')}`}`;
}

function nothingConfigured(): WardroundError {
  return new WardroundError('platform-none', 'no platform is configured', {
    expected: '--dir, with a directory made by `wardround aggregator init --platform KIND`',
  });
}

async function find(what: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, status: 'present', detail: await look(), code: null };
  } catch (error) {
    const { code, message } = describeError(error);
    return { what, status: 'absent', detail: message, code };
  }
}
