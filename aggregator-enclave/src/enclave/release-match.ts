// Which of a release's measurements is this machine's. It decides what the enclave claims to be; sites believe their own check of the evidence only.
import type { EnclaveRelease } from '@wardround/protocol/documents/federation';
import type { Platform } from './ports.ts';

type ReleaseMeasurement = EnclaveRelease['measurements'][number];

/** RTMRs of a TD are left to the sites: they go on changing while the machine boots. */
export function isMeasurementOf(entry: ReleaseMeasurement, { kind, measurement, registers }: Platform): boolean {
  switch (entry.platform) {
    case 'sevSnp':
      return kind === 'sevSnp' && entry.measurement === measurement;
    case 'tdx':
      return kind === 'tdx' && entry.mrtd === measurement;
    case 'vtpm':
      return (
        registers !== undefined &&
        registers.bank === entry.bank &&
        entry.pcrs.every(({ index, value }) => registers.values[index] === value)
      );
  }
}
