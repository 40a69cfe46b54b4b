// Evidence of the simulated platform: the same document, in the same form, as genuine hardware's.
import { fromHex, toBase64Url } from '@wardround/protocol/bytes';
import { reportDataFor } from '../binding.ts';
import type { Endorsement, Evidence, EvidenceItem } from '../evidence.ts';
import { gpuEvidenceDigest, gpuNonceFor } from '../nvidia/binding.ts';
import type { SimulatedChip } from './chip.ts';
import type { SimulatedEndorsements } from './files.ts';
import type { SimulatedNvidiaDevice } from './nvidia/device.ts';
import type { NvidiaEndorsements } from './nvidia/files.ts';

export interface SimulatedEvidenceRequest {
  readonly chip: SimulatedChip;
  readonly endorsements: SimulatedEndorsements;
  /** The site's nonce, 32 bytes as hex. */
  readonly nonce: string;
  /** Digest of the session's `SessionOpen`, hex. */
  readonly sessionOpen: string;
  /** Launch measurement to claim, 48 bytes as hex. */
  readonly measurement: string;
  /** Left out for a machine without one. */
  readonly gpu?: { readonly device: SimulatedNvidiaDevice; readonly endorsements: NvidiaEndorsements };
}

/** Evidence for one site's nonce. */
export function simulatedEvidence({
  chip,
  endorsements,
  nonce,
  sessionOpen,
  measurement,
  gpu,
}: SimulatedEvidenceRequest): Evidence {
  const devices = gpu === undefined ? [] : [gpuItem(gpu.device, nonce)];
  const binding = { nonce, sessionOpen, gpuEvidence: gpu === undefined ? 'none' : gpuEvidenceDigest(devices) };
  const report = chip.makeReport({ reportData: reportDataFor(binding), measurement: fromHex(measurement, 48) });
  return {
    kind: 'Evidence',
    version: 1,
    binding: { ...binding, carriedBy: 'cpu' },
    evidence: [
      { type: 'sevSnp', report: toBase64Url(report) },
      ...(gpu === undefined ? [{ type: 'none' as const, of: 'gpu' as const }] : devices),
    ],
    endorsements: [...endorsementsOf(endorsements), ...(gpu === undefined ? [] : gpuEndorsementsOf(gpu.endorsements))],
  };
}

/** A device's evidence for one site's nonce. */
export function gpuItem(device: SimulatedNvidiaDevice, nonce: string): EvidenceItem {
  const report = toBase64Url(device.makeReport({ nonce: gpuNonceFor(nonce) }));
  return { type: 'nvidiaGpu', report, certificates: device.certificates.map(toBase64Url) };
}

/** What is known of a simulated GPU, as it stands in an Evidence document. */
export function gpuEndorsementsOf({ rims, ocsp }: NvidiaEndorsements): Endorsement[] {
  return [
    ...rims.map(({ id, xml }) => ({ type: 'rim' as const, id, xml })),
    ...ocsp.map((response) => ({ type: 'ocsp' as const, response })),
  ];
}

/** The endorsements as they stand in an Evidence document. */
export function endorsementsOf({ certificates, crls }: SimulatedEndorsements): Endorsement[] {
  return [
    ...certificates.map((der) => ({ type: 'certificate' as const, der })),
    ...crls.map((der) => ({ type: 'crl' as const, der })),
  ];
}
