// Azure's confidential VMs: a paravisor owns REPORT_DATA and puts the vTPM's key into it; the vTPM's quote carries our binding instead.
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes, toBase64Url, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { HclPlatform } from '@wardround/attestation/azure/hcl-report';
import { qualifyingDataFor } from '@wardround/attestation/binding';
import type { EvidenceItem } from '@wardround/attestation/evidence';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import type { Platform } from '../enclave/ports.ts';
import type { ReadEndorsements } from './bare.ts';
import { askQuoteService } from './azure-quote-service.ts';
import { type ParavisorReport, readParavisorReport } from './hcl-report.ts';
import { type Hardware, tpmSettings } from './hardware.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { azure, Tpm, tpmQuoteItem } from './tpm2-tools.ts';

export interface AzureSettings {
  readonly tcti: string;
  /** `fresh` has the paravisor make a new report for each bundle; `asBooted` hands on the one that it made at boot. */
  readonly userData: 'fresh' | 'asBooted';
  readonly collateral: ReadEndorsements;
}

const looks = 40;
const pauseMilliseconds = 250;

/** @throws WardroundError those of `Tpm` and `readParavisorReport`, `hcl-report-stale` */
export async function azureSnpPlatform(hardware: Hardware, settings: AzureSettings): Promise<Platform> {
  return await begin(hardware, { ...settings, kind: 'azureSnpVtpm', quoteOf: async () => await Promise.resolve([]) });
}

/**
 * @param settings `quoteService`: whether the enclave may speak to Azure's link-local quoting service, without which there is no quote
 * @throws WardroundError as {@link azureSnpPlatform}, `quote-service-none`, those of `askQuoteService`, those of `parseTdxQuote`, `td-quote-other`
 */
export async function azureTdxPlatform(
  hardware: Hardware,
  settings: AzureSettings & { readonly quoteService: 'azureImds' | 'none' },
): Promise<Platform> {
  if (settings.quoteService === 'none') {
    throw new WardroundError(
      'quote-service-none',
      'on Azure only its quoting service turns a TD’s report into a quote',
      {
        where: 'platform.quoteService',
        expected: 'azureImds, which lets this enclave connect to 169.254.169.254 beside the coordinator',
      },
    );
  }
  return await begin(hardware, {
    ...settings,
    kind: 'azureTdxVtpm',
    quoteOf: async (report) => [await tdQuote(hardware, report)],
  });
}

async function begin(
  hardware: Hardware,
  {
    kind,
    quoteOf,
    ...settings
  }: AzureSettings & {
    readonly kind: 'azureSnpVtpm' | 'azureTdxVtpm';
    readonly quoteOf: (report: ParavisorReport) => Promise<readonly EvidenceItem[]>;
  },
): Promise<Platform> {
  const tpm = new Tpm(tpmSettings(hardware, { tcti: settings.tcti, attestationKey: azure.attestationKey }));
  const on: HclPlatform = kind === 'azureSnpVtpm' ? 'snp' : 'tdx';
  const exclusively = oneAtATime();
  const attest: Platform['attest'] = async (reportData) =>
    await exclusively(async () => {
      const report = await readReport(tpm, { on, reportData, hardware, userData: settings.userData });
      const quote = await tpm.quote(qualifyingDataFor(reportData));
      const eventLog = await tpm.eventLog();
      const item = tpmQuoteItem(quote, { hclReport: report.bytes, bank: 'sha256', eventLog });
      return { items: [...(await quoteOf(report)), item], endorsements: await settings.collateral() };
    });
  const { measurement } = readParavisorReport(await tpm.readNv(azure.hclReport), on);
  const { pcrs } = await tpm.quote(new Uint8Array(32));
  await attest(new Uint8Array(64));
  return { kind, measurement, registers: { bank: 'sha256', values: pcrs.map(({ value }) => value) }, attest };
}

interface ReportRequest {
  readonly on: HclPlatform;
  readonly reportData: Bytes;
  readonly hardware: Hardware;
  readonly userData: AzureSettings['userData'];
}

/** The paravisor makes its next report some time after the user data were written. The quote carries the binding in either case. */
async function readReport(tpm: Tpm, { on, reportData, hardware, userData }: ReportRequest): Promise<ParavisorReport> {
  if (userData === 'asBooted') return readParavisorReport(await tpm.readNv(azure.hclReport), on);
  await tpm.writeUserData(reportData);
  for (let look = 0; look < looks; look += 1) {
    const report = readParavisorReport(await tpm.readNv(azure.hclReport), on);
    if (report.userData === toHex(reportData)) return report;
    await hardware.pause(pauseMilliseconds);
  }
  throw new WardroundError('hcl-report-stale', 'the paravisor made no new report', {
    where: `NV index ${azure.userData}`,
    expected: 'a report over the data that were written, or userData: asBooted',
    action: 'retry',
  });
}

async function tdQuote(
  { quoteService, timeoutMilliseconds }: Hardware,
  { hardwareReport: tdReport }: ParavisorReport,
): Promise<EvidenceItem> {
  const quote = await askQuoteService(quoteService, { tdReport, timeoutMilliseconds });
  // REPORTDATA of a TDREPORT: REPORTMACSTRUCT @128 (Intel TDX Module ABI).
  if (!equalBytes(parseTdxQuote(quote).td.reportData, tdReport.subarray(128, 192))) {
    throw new WardroundError('td-quote-other', 'the quote is of another TD’s report', { action: 'retry' });
  }
  return { type: 'tdx', quote: toBase64Url(quote), eventLog: 'none' };
}
