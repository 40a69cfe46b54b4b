// The two manifests of a device, driver's and VBIOS's, each taken through the same steps.
import { WardroundError } from '@wardround/protocol/errors';
import type { Outcome, StepLog } from '../../steps.ts';
import { NotEvaluated, need } from '../../steps.ts';
import type { NvidiaChain } from '../chain.ts';
import { requireValidAt } from '../chain.ts';
import type { NvidiaDevice } from '../device.ts';
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

/**
 * Which manifest is to be checked as the driver's and which as the VBIOS's: by the form of the version that it claims, and of several
 * the one that claims the report's. What is chosen here is proved afterwards, on signed content alone.
 * @throws WardroundError `rim-ambiguous`
 */
export function chooseManifests(opened: readonly OpenedRim[], { opaque }: NvidiaReport): ChosenManifests {
  const choose = (role: ManifestRole, version: string | undefined): OpenedRim | undefined => {
    const candidates = opened.filter(({ unverified }) => roleOf(unverified.version) === role);
    const matching = candidates.filter(({ unverified }) => unverified.version === version);
    const distinct = new Set(matching.map(({ signature }) => signature.document.text));
    if (distinct.size > 1) {
      throw new WardroundError('rim-ambiguous', `more than one ${role} manifest of the report’s version`, {
        got: version ?? '',
      });
    }
    return matching[0] ?? candidates[0];
  };
  return { driver: choose('driver', opaque.driverVersion), vbios: choose('vbios', opaque.vbiosVersion) };
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
