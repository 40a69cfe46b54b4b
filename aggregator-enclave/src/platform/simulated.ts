// The simulated platform: reports in the genuine format, signed by a chip key in a file. IT PROVES NOTHING about hardware; a site trusts it only
// where its policy names this very vendor's root.
import { fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { endorsementsOf } from '@wardround/attestation/simulated/evidence';
import {
  type ChipSecret,
  endorse,
  exportChipSecret,
  importChipSecret,
  parseSimulatedEndorsements,
  type SimulatedEndorsements,
} from '@wardround/attestation/simulated/files';
import { createSimulatedVendor } from '@wardround/attestation/simulated/vendor';
import type { Platform } from '../enclave/ports.ts';

/** A vendor made anew, of which only the chip's secret and what is public remain: nobody can certify a second chip. */
export async function foundSimulatedPlatform(
  at: Date,
): Promise<{ secret: ChipSecret; endorsements: SimulatedEndorsements }> {
  const vendor = await createSimulatedVendor({ product: 'Turin', at });
  const chip = await vendor.issueChip();
  return { secret: exportChipSecret(chip), endorsements: await endorse(vendor, chip) };
}

/** @throws WardroundError `simulated-file-invalid` */
export function simulatedPlatform(files: { secret: unknown; endorsements: unknown; measurement: string }): Platform {
  const chip = importChipSecret(files.secret);
  const endorsements = endorsementsOf(parseSimulatedEndorsements(files.endorsements));
  const { measurement } = files;
  return {
    kind: 'sevSnp',
    measurement,
    attest: async (reportData) => {
      const report = chip.makeReport({ reportData, measurement: fromHex(measurement, 48) });
      return await Promise.resolve({ items: [{ type: 'sevSnp', report: toBase64Url(report) }], endorsements });
    },
  };
}
