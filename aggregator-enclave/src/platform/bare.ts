// Confidential VMs whose REPORT_DATA is ours: AMD SEV-SNP and Intel TDX, asked through configfs-tsm.
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { parseSnpReport } from '@wardround/attestation/snp/report';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import type { Endorsement } from '@wardround/attestation/evidence';
import type { Platform } from '../enclave/ports.ts';
import { readCcel } from './ccel.ts';
import { type TsmSettings, tsmCollector } from './configfs-tsm.ts';
import type { Hardware } from './hardware.ts';
import { parseSnpCertificateTable } from './snp-certificate-table.ts';

/** Read anew for each bundle: an administrator refreshes them while the enclave runs. */
export type ReadEndorsements = () => Promise<readonly Endorsement[]>;

type Attested = Awaited<ReturnType<Platform['attest']>> & { readonly measurement: string };

/**
 * Asks for a first report at once, which tells the measurement and that this machine answers.
 * @throws WardroundError those of `tsmCollector` and `parseSnpReport`, `tsm-report-other`, `tsm-privilege-level`
 */
export async function sevSnpPlatform(
  { files, tsmRoot: root }: Hardware,
  { privilegeLevel, collateral }: { privilegeLevel: number | null; collateral: ReadEndorsements },
): Promise<Platform> {
  const settings: TsmSettings = { files, root, provider: 'sev_guest', privilegeLevel };
  const ask = tsmCollector(settings);
  return await begin('sevSnp', async (reportData) => {
    const { report, auxiliary } = await ask(reportData);
    const parsed = parseSnpReport(report);
    requireAnswer(parsed.reportData, reportData);
    requirePrivilegeLevel(parsed.vmpl, privilegeLevel);
    return {
      items: [{ type: 'sevSnp', report: toBase64Url(report) }],
      endorsements: [...parseSnpCertificateTable(auxiliary), ...(await collateral())],
      measurement: toHex(parsed.measurement),
    };
  });
}

/** @throws WardroundError those of `tsmCollector`, `parseTdxQuote` and `readCcel`, `tsm-report-other` */
export async function tdxPlatform(
  { files, tsmRoot: root, acpiTables }: Hardware,
  { collateral }: { collateral: ReadEndorsements },
): Promise<Platform> {
  const ask = tsmCollector({ files, root, provider: 'tdx_guest', privilegeLevel: null });
  return await begin('tdx', async (reportData) => {
    const { report: quote } = await ask(reportData);
    const { td } = parseTdxQuote(quote);
    requireAnswer(td.reportData, reportData);
    const log = await readCcel(files, acpiTables);
    return {
      items: [{ type: 'tdx', quote: toBase64Url(quote), eventLog: log === 'none' ? 'none' : toBase64Url(log) }],
      endorsements: await collateral(),
      measurement: toHex(td.mrTd),
    };
  });
}

async function begin(kind: Platform['kind'], ask: (reportData: Bytes) => Promise<Attested>): Promise<Platform> {
  const { measurement } = await ask(new Uint8Array(64));
  return {
    kind,
    measurement,
    attest: async (reportData) => {
      const { items, endorsements } = await ask(reportData);
      return { items, endorsements };
    },
  };
}

/** A driver that answers an older question would make every site refuse; it is said here, where it can be mended. */
function requireAnswer(got: Bytes, asked: Bytes): void {
  if (equalBytes(got, asked)) return;
  throw new WardroundError('tsm-report-other', 'the hardware’s report answers another question', { action: 'retry' });
}

function requirePrivilegeLevel(got: number, asked: number | null): void {
  if (asked === null || got === asked) return;
  throw new WardroundError('tsm-privilege-level', 'the hardware reported for another privilege level', {
    expected: String(asked),
    got: String(got),
    action: 'stop',
  });
}
