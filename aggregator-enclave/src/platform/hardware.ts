// Where a machine's evidence comes from. One set of places for genuine machines; tests bring their own.
import type { TpmSettings } from './tpm2-tools.ts';
import { acpiTables } from './ccel.ts';
import { tsmRoot } from './configfs-tsm.ts';
import { azureQuoteService } from './azure-quote-service.ts';
import { type DeviceFiles, deviceFiles } from './device-files.ts';
import { nvmlLibrary } from './nvml-library.ts';
import { tpmEventLog } from './tpm2-tools.ts';

export interface Hardware {
  readonly files: DeviceFiles;
  readonly tsmRoot: string;
  readonly acpiTables: string;
  readonly nvmlLibrary: string;
  readonly tpmEventLog: string;
  readonly quoteService: string;
  /** Decides which of the collateral is sent along; sites decide by their own. */
  readonly now: () => Date;
  /** For a TPM's programs, and for the quoting service. */
  readonly timeoutMilliseconds: number;
  /** Between two looks at the paravisor's report. */
  readonly pause: (milliseconds: number) => Promise<void>;
}

export const systemHardware: Hardware = {
  files: deviceFiles,
  tsmRoot,
  acpiTables,
  nvmlLibrary,
  tpmEventLog,
  quoteService: azureQuoteService,
  now: () => new Date(),
  timeoutMilliseconds: 30_000,
  pause: async (milliseconds) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  },
};

/** A TPM's settings on this hardware. */
export function tpmSettings(
  { files, tpmEventLog: eventLog, timeoutMilliseconds }: Hardware,
  { tcti, attestationKey }: Pick<TpmSettings, 'tcti' | 'attestationKey'>,
): TpmSettings {
  return { files, tcti, attestationKey, bank: 'sha256', eventLog, timeoutMilliseconds };
}
