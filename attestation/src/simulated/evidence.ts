// Evidence of the simulated platform: the same document, in the same form, as genuine hardware's.
import { fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { reportDataFor } from '../binding.ts';
import type { Endorsement, Evidence } from '../evidence.ts';
import type { SimulatedChip } from './chip.ts';
import type { SimulatedEndorsements } from './files.ts';

export interface SimulatedEvidenceRequest {
  readonly chip: SimulatedChip;
  readonly endorsements: SimulatedEndorsements;
  /** The site's nonce, 32 bytes as hex. */
  readonly nonce: string;
  /** Digest of the session's `SessionOpen`, hex. */
  readonly sessionOpen: string;
  /** Launch measurement to claim, 48 bytes as hex. */
  readonly measurement: string;
}

/** Evidence for one site's nonce, without a GPU. */
export function simulatedEvidence({
  chip,
  endorsements,
  nonce,
  sessionOpen,
  measurement,
}: SimulatedEvidenceRequest): Evidence {
  const binding = { nonce, sessionOpen, gpuEvidence: 'none' } as const;
  const report = chip.makeReport({ reportData: reportDataFor(binding), measurement: fromHex(measurement, 48) });
  return {
    kind: 'Evidence',
    version: 1,
    binding: { ...binding, carriedBy: 'cpu' },
    evidence: [
      { type: 'sevSnp', report: toBase64Url(report) },
      { type: 'none', of: 'gpu' },
    ],
    endorsements: endorsementsOf(endorsements),
  };
}

/** The endorsements as they stand in an Evidence document. */
export function endorsementsOf({ certificates, crls }: SimulatedEndorsements): Endorsement[] {
  return [
    ...certificates.map((der) => ({ type: 'certificate' as const, der })),
    ...crls.map((der) => ({ type: 'crl' as const, der })),
  ];
}
