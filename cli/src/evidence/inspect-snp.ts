// `evidence inspect --kind snp`: an AMD SEV-SNP report with its certificates.
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import type { InspectKind } from './kinds.ts';
import { snpFieldLines } from './text.ts';

/** Codes of bytes that are no report, certificate or list at all; whatever can be read and says something wrong gets a verdict. */
const unreadable: ReadonlySet<string> = new Set([
  'snp-report-size',
  'pem-malformed',
  'pem-too-large',
  'der-malformed',
  'certificate-malformed',
  'crl-malformed',
]);

export const inspectSnpFiles: InspectKind = {
  accepts: { needs: ['report', 'cert'], takes: ['chain', 'crl'], file: 'none' },
  inspect: async (inputs, at) => {
    const [report, certificates, chain, crls] = await Promise.all([
      inputs.bytes('report'),
      inputs.all('cert'),
      inputs.all('chain'),
      inputs.all('crl'),
    ]);
    const inspection = inspectSnp({
      report,
      certificates: [...certificates, ...chain],
      crls,
      at,
      trustedRoots: amdRoots,
    });
    return { inspection, says: snpFieldLines(inspection.fields), unreadable };
  },
};
