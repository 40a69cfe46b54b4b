// The sorts of evidence that `evidence inspect` knows, each in a file of its own.
import { WardroundError } from '@wardround/protocol/errors';
import type { Step } from '@wardround/attestation/steps';
import { inspectAzureSnpFile, inspectAzureTdxFile } from './inspect-azure.ts';
import { inspectNvidiaFiles } from './inspect-nvidia.ts';
import { inspectSnpFiles } from './inspect-snp.ts';
import { inspectTdxFiles } from './inspect-tdx.ts';
import { inspectTpmFiles } from './inspect-tpm.ts';
import type { Accepts, Inputs } from './options.ts';

/** What every inspection says, whatever the hardware; `fields` differ. */
export interface Inspection {
  readonly kind: string;
  readonly authentic: boolean;
  readonly simulated: boolean;
  readonly steps: readonly Step[];
}

export interface Inspected {
  /** Printed as it is with `--json`. */
  readonly inspection: Inspection;
  /** For people: what the evidence says, one line a field. */
  readonly says: readonly string[];
  /** Codes of bytes that are no such evidence at all: exit 2, not a verdict. */
  readonly unreadable: ReadonlySet<string>;
}

export interface InspectKind {
  readonly accepts: Accepts;
  readonly inspect: (inputs: Inputs, at: Date) => Promise<Inspected>;
}

const kinds: ReadonlyMap<string, InspectKind> = new Map([
  ['snp', inspectSnpFiles],
  ['tdx', inspectTdxFiles],
  ['nvidia', inspectNvidiaFiles],
  ['tpm', inspectTpmFiles],
  ['azure-snp', inspectAzureSnpFile],
  ['azure-tdx', inspectAzureTdxFile],
]);

export const kindNames: readonly string[] = [...kinds.keys()];

/** @throws WardroundError `evidence-kind` */
export function kindOf(name: string): InspectKind {
  const kind = kinds.get(name);
  if (kind !== undefined) return kind;
  throw new WardroundError('evidence-kind', 'this version does not know that sort of evidence', {
    expected: kindNames.join(', '),
    got: name,
    where: '--kind',
  });
}
