// The two manifests of a device, driver's and VBIOS's, each taken through the same steps.
import { WardroundError } from '@wardround/protocol/errors';
import type { Outcome, StepLog } from '../../steps.ts';
import { NotEvaluated, need } from '../../steps.ts';
import type { NvidiaChain } from '../chain.ts';
import { requireValidAt } from '../chain.ts';
import type { NvidiaDevice, RimIds } from '../device.ts';
import type { NvidiaReport } from '../report.ts';
import type { ChainRevocation } from '../revocation.ts';
import type { NvidiaRoots } from '../roots.ts';
import { requireManifestOf, requireMeasurements } from './compare.ts';
import type { RimManifest } from './manifest.ts';
import type { OpenedRim, RimValidity } from './verify.ts';
import { judgedAt, verifyRimChain, verifyRimSignature } from './verify.ts';

export type ManifestRole = 'driver' | 'vbios';

export interface ManifestAppraisal {
  readonly role: ManifestRole;
  readonly manifest: Outcome<RimManifest>;
  readonly chain: Outcome<NvidiaChain>;
  /** The instant for which the signer's validity was judged. */
  readonly judgedAt: Outcome<Date>;
  readonly version: Outcome<void>;
  /** How many measurements were compared. */
  readonly measurements: Outcome<number>;
  readonly revocation: Outcome<ChainRevocation>;
}

export type ChosenManifests = Readonly<Record<ManifestRole, OpenedRim | undefined>>;

/** What a choice among manifests looks at. */
export interface ChoiceContext {
  readonly report: NvidiaReport;
  /** Ids that belong to the device, where it is known. */
  readonly ids: RimIds | undefined;
  readonly evidence: ManifestContext['evidence'];
}

/**
 * Which manifest is to be checked as the driver's and which as the VBIOS's: by the form of the version that it claims; of several, those
 * that claim the report's, and of these those that were fetched under the right name. NVIDIA signs a manifest anew when its signer expires: of
 * several with the same contents one that holds is taken. What is chosen here is proved afterwards, on signed content alone.
 * @throws WardroundError `rim-ambiguous` where contents differ
 */
export function chooseManifests(opened: readonly OpenedRim[], context: ChoiceContext): ChosenManifests {
  const { opaque } = context.report;
  return {
    driver: choose(
      opened,
      { role: 'driver', version: opaque.driverVersion, id: context.ids?.driver },
      context.evidence,
    ),
    vbios: choose(opened, { role: 'vbios', version: opaque.vbiosVersion, id: context.ids?.vbios }, context.evidence),
  };
}

interface Wanted {
  readonly role: ManifestRole;
  readonly version: string | undefined;
  readonly id: string | undefined;
}

function choose(
  opened: readonly OpenedRim[],
  { role, version, id }: Wanted,
  evidence: ChoiceContext['evidence'],
): OpenedRim | undefined {
  const ofRole = opened.filter(({ unverified }) => roleOf(unverified.version) === role);
  const matching = ofRole.filter(({ unverified }) => unverified.version === version);
  const named = matching.filter(({ input }) => input.id !== undefined && input.id === id);
  const candidates = named.length > 0 ? named : matching;
  if (new Set(candidates.map(contentsOf)).size > 1) {
    throw new WardroundError('rim-ambiguous', `different ${role} manifests of the report’s version`, {
      got: version ?? '',
    });
  }
  return candidates.find((rim) => holds(rim, evidence)) ?? candidates[0] ?? ofRole[0];
}

function contentsOf({ unverified: { chip, edition, version, measurements } }: OpenedRim): string {
  return JSON.stringify([chip, edition, version, measurements]);
}

/** Only to choose by: what is chosen makes every step, and says why it fails. */
function holds(rim: OpenedRim, { roots, rimValidity, at }: ChoiceContext['evidence']): boolean {
  try {
    requireValidAt(verifyRimChain(rim, roots.rim), judgedAt(rim.input, rimValidity, at));
    verifyRimSignature(rim);
    return true;
  } catch {
    return false;
  }
}

function roleOf(version: string): ManifestRole {
  return /^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/.test(version) ? 'vbios' : 'driver';
}

export interface ManifestContext {
  readonly role: ManifestRole;
  readonly expectedId: string | undefined;
  readonly chosen: Outcome<ChosenManifests>;
  readonly report: Outcome<NvidiaReport>;
  readonly device: Outcome<NvidiaDevice>;
  readonly evidence: { readonly roots: NvidiaRoots; readonly rimValidity: RimValidity; readonly at: Date };
}

/** Makes the steps of one manifest, all but its revocation, in `log`. */
export function appraiseManifest(context: ManifestContext, log: StepLog): ManifestAppraisal {
  const { role, expectedId, chosen, report, device, evidence } = context;
  const opened = (): OpenedRim => {
    const rim = need(chosen)[role];
    if (rim === undefined) throw new NotEvaluated(`no ${role} manifest given`);
    return rim;
  };
  const manifest = log.run(`${role}-rim-signature`, () => verifyRimSignature(opened()));
  const chain = log.run(`${role}-rim-chain`, () => verifyRimChain(opened(), evidence.roots.rim));
  const judged = log.run(`${role}-rim-validity`, (note) => {
    const at = judgedAt(opened().input, evidence.rimValidity, evidence.at);
    requireValidAt(need(chain), at);
    if (evidence.rimValidity === 'whenMirrored') note(`judged at ${at.toISOString()}, when it was mirrored`);
    return at;
  });
  const version = log.run(`${role}-rim-version`, () => {
    const { id } = opened().input;
    requireManifestOf(need(manifest), need(device), { opaque: need(report).opaque, role, id, expectedId });
  });
  const measurements = log.run(`${role}-measurements`, (note) => {
    need(version);
    return requireMeasurements(need(manifest), need(report), note);
  });
  return { role, manifest, chain, judgedAt: judged, version, measurements, revocation: notJudged };
}

/** Until the OCSP answers were looked at. */
const notJudged = { name: 'revocation', held: false } as const;
