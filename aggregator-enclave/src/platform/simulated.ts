// The simulated platform: reports in the genuine format, signed by a chip key in a file. IT PROVES NOTHING about hardware; a site trusts it only
// where its policy names this very vendor's root.
import { fromBase64Url, fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
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
import { parseCrls } from '@wardround/attestation/x509/crl';
import type { Platform } from '../enclave/ports.ts';

/** A vendor made anew, of which only the chip's secret and what is public remain: nobody can certify a second chip. */
export async function foundSimulatedPlatform(
  at: Date,
): Promise<{ secret: ChipSecret; endorsements: SimulatedEndorsements }> {
  const vendor = await createSimulatedVendor({ product: 'Turin', at });
  const chip = await vendor.issueChip();
  return { secret: exportChipSecret(chip), endorsements: await endorse(vendor, chip) };
}

/** Its vendor's list of revoked keys ends then, and nobody can sign a newer one: the vendor's key was not kept. */
export function simulatedUntil({ crls }: SimulatedEndorsements): Date {
  const ends = parseCrls(crls.map(fromBase64Url)).map(({ nextUpdate }) => nextUpdate.getTime());
  return new Date(Math.max(...ends));
}

/**
 * Evidence that every site would refuse (`snp-crl-expired`) is told to the operator, who alone can do something about it.
 *
 * @throws WardroundError `simulated-expired`, `simulated-file-invalid`
 */
export function requireInDate(endorsements: unknown, now: Date): void {
  const until = simulatedUntil(parseSimulatedEndorsements(endorsements));
  if (now <= until) return;
  throw new WardroundError(
    'simulated-expired',
    'this simulated vendor is out of date: every site refuses its evidence',
    {
      expected: `a new directory (\`wardround aggregator init --simulated\`), and its vendor root in each site's policy.yaml; until ${until.toISOString()} this one was good`,
      got: now.toISOString(),
    },
  );
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
