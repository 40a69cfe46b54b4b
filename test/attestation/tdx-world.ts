// A whole fake Intel with one platform and everything said of it, and a policy as strict as that platform lets it be.
import { toHex } from '@wardround/protocol/bytes';
import type { TdxImage, TdxRules } from '@wardround/attestation/policy/tdx-rules';
import type { QuoteRequest, SimulatedPlatform } from '@wardround/attestation/simulated/intel/platform';
import { usualTd } from '@wardround/attestation/simulated/intel/quote';
import type { IntelKeys, SimulatedIntel } from '@wardround/attestation/simulated/intel/vendor';
import { createSimulatedIntel, generateIntelKeys } from '@wardround/attestation/simulated/intel/vendor';
import { StepLog } from '@wardround/attestation/steps';
import type { Step } from '@wardround/attestation/steps';
import type { TdxCollateral } from '@wardround/attestation/tdx/collateral';
import type { TdxInspection } from '@wardround/attestation/tdx/inspect';
import { inspectTdx } from '@wardround/attestation/tdx/inspect';
import { tdxRoots } from '@wardround/attestation/tdx/roots';
import { validateTdx } from '@wardround/attestation/tdx/validate';
import type { TdxEvidence } from '@wardround/attestation/tdx/verify';
import { verifyTdx } from '@wardround/attestation/tdx/verify';

export const at = new Date('2026-11-23T08:00:00.000Z');
export const dayMs = 86_400_000;
export const daySeconds = 86_400;

export interface TdxWorld {
  readonly keys: IntelKeys;
  readonly vendor: SimulatedIntel;
  readonly platform: SimulatedPlatform;
  readonly collateral: TdxCollateral;
}

export async function makeTdxWorld(): Promise<TdxWorld> {
  const keys = generateIntelKeys();
  const vendor = await createSimulatedIntel(at, keys);
  const platform = await vendor.issuePlatform();
  return { keys, vendor, platform, collateral: await vendor.collateralFor(platform) };
}

export interface Presented {
  readonly quote?: Uint8Array;
  readonly request?: QuoteRequest;
  readonly collateral?: Partial<TdxCollateral>;
  readonly extraCrls?: readonly Uint8Array[];
  readonly eventLog?: Uint8Array;
  readonly at?: Date;
  readonly roots?: readonly string[];
}

function evidenceOf(world: TdxWorld, presented: Presented): TdxEvidence {
  return {
    quote: presented.quote ?? world.platform.makeQuote(presented.request),
    collateral: { ...world.collateral, ...presented.collateral },
    extraCrls: presented.extraCrls ?? [],
    eventLog: presented.eventLog,
    at: presented.at ?? at,
    roots: tdxRoots(presented.roots ?? [world.vendor.rootSha256]),
  };
}

export function inspectIn(world: TdxWorld, presented: Presented = {}): TdxInspection {
  const { roots, ...evidence } = evidenceOf(world, presented);
  return inspectTdx({ ...evidence, trustedRoots: roots });
}

export interface Accepting extends Presented {
  readonly rules?: Partial<TdxRules>;
  readonly images?: readonly Partial<TdxImage>[];
  readonly maxCrlAgeSeconds?: number;
}

/** Every step of verifying and validating. */
export function judge(world: TdxWorld, accepting: Accepting = {}): readonly Step[] {
  const log = new StepLog();
  const evidence = evidenceOf(world, accepting);
  const appraisal = verifyTdx(evidence, log);
  const images = (accepting.images ?? [{}]).map((change) => ({ ...usualImage, ...change }));
  const collateral = { maxCrlAgeSeconds: accepting.maxCrlAgeSeconds ?? daySeconds };
  const rules = { ...rulesFor(world), ...accepting.rules };
  validateTdx(appraisal, { rules, images, collateral, at: evidence.at }, log);
  return log.steps;
}

/** `step: code` of every failed step. */
export function failuresOf(steps: readonly Step[]): readonly string[] {
  return steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

export const usualImage: TdxImage = {
  platform: 'tdx',
  vendor: 'simulated',
  mrtd: toHex(usualTd.mrTd),
  rtmr0: 'a0'.repeat(48),
  rtmr1: 'a1'.repeat(48),
  rtmr2: 'a2'.repeat(48),
  rtmr3: 'unused',
  mrConfigId: 'unused',
  mrOwner: 'unused',
  mrOwnerConfig: 'unused',
  mrServiceTd: 'unused',
};

export function rulesFor({ platform }: Pick<TdxWorld, 'platform'>): TdxRules {
  return {
    tcb: { minimumEvaluationDataNumber: 20, advisories: {} },
    collateral: {
      maxRootCrlAgeSeconds: daySeconds,
      maxTcbInfoAgeSeconds: 2 * daySeconds,
      maxQeIdentityAgeSeconds: 2 * daySeconds,
    },
    platforms: [{ ppid: toHex(platform.values.ppid) }],
    modules: [toHex(usualTd.mrSeam)],
    moduleSigner: 'intel',
    tdAttributes: {
      septVeDisable: 'required',
      migratable: 'refused',
      pks: 'refused',
      keyLocker: 'refused',
      perfmon: 'refused',
      acceptedUnknownBits: [],
    },
    xfam: ['0x602e7'],
  };
}

export function waivedUntil(until: Date): { waived: { reason: string; until: string } } {
  return { waived: { reason: 'a test', until: until.toISOString() } };
}
