// A plan with what was left out written in: the defaults, in one place beside docs/plan.md's table. Names are not yet bound to keys.
import type { Cohort } from '../documents/cohort.ts';
import type { StudyPlan } from '../documents/study-plan.ts';
import { fillCohort } from './fill-cohort.ts';
import { fillInitialWeights, fillModel, fillStrategy, fillTraining, fillWeighting } from './fill-learning.ts';
import type { PlanSource } from './source.ts';

/** A plan with every value explicit but those that only a federation knows: digests, keys, and a quorum that depends on f. */
export interface UnboundPlan extends Omit<
  StudyPlan,
  'federation' | 'membership' | 'researcher' | 'createdAt' | 'sites' | 'release'
> {
  readonly cohort: Cohort;
  readonly sites: Omit<StudyPlan['sites'], 'roster'> & { readonly roster: readonly string[] };
  readonly release: Omit<StudyPlan['release'], 'to' | 'whenSitesAgree'> & {
    readonly to: readonly string[];
    /** Null where left out: then it is the quorum of the roster. */
    readonly whenSitesAgree: number | null;
  };
}

/** Fills what was left out. @throws PlanInvalidError where a label or a split is of no sort */
export function fillPlan(source: PlanSource): UnboundPlan {
  const { sites, release, attestation, evaluation = {} } = source;
  return {
    kind: 'StudyPlan',
    version: 1,
    title: source.title,
    purpose: source.purpose,
    expires: source.expires,
    predecessor: source.predecessor ?? null,
    cohort: fillCohort(source.cohort, source.model),
    model: fillModel(source.model),
    initialWeights: fillInitialWeights(source),
    training: fillTraining(source.training),
    strategy: fillStrategy(source.strategy),
    rounds: source.rounds,
    weighting: fillWeighting(source),
    encoding: fillEncoding(source),
    sites: {
      roster: sites.roster,
      minimum: sites.minimum,
      maxShare: sites.maxShare,
      deadlineSeconds: sites.deadline ?? 600,
      onShortfall: sites.onShortfall ?? 'wait',
      maxAttempts: sites.maxAttempts ?? 10,
    },
    privacy: fillPrivacy(source.privacy),
    masking: fillMasking(source),
    statistics: source.statistics ?? [],
    evaluation: {
      metrics: evaluation.metrics ?? [],
      minimumCell: evaluation.minimumCell ?? 10,
      everyRounds: evaluation.everyRounds ?? 0,
      perSiteAtEnd: evaluation.perSiteAtEnd ?? false,
    },
    attestation: {
      platforms: attestation.platforms,
      gpu: attestation.gpu ?? 'unused',
      release: attestation.release,
      maxEvidenceAgeSeconds: attestation.maxEvidenceAge ?? 3600,
    },
    release: {
      to: release.to,
      whenSitesAgree: release.whenSitesAgree ?? null,
      consent: fillConsent(release.consent ?? 'oneByOne'),
      formats:
        release.formats ??
        (source.model.kind === 'gradientBoostedTrees' ? ['safetensors', 'onnx'] : ['safetensors', 'tfjs']),
    },
  };
}

function fillEncoding({ encoding = {}, masking }: PlanSource): StudyPlan['encoding'] {
  return {
    update: {
      ring: masking === 'unmasked' ? 'int32' : 'z2pow64',
      stepLog2: encoding.stepLog2 ?? -24,
      normBound: encoding.normBound ?? '100',
    },
    sums: { ring: 'int64', stepLog2: encoding.sumsStepLog2 ?? -24 },
    paddingBytes: encoding.paddingBytes ?? 65_536,
  };
}

/** The noise itself belongs to the accountant of a later version, which refuses to be guessed at here. */
function fillPrivacy(source: PlanSource['privacy']): StudyPlan['privacy'] {
  if (source.mode === 'noDifferentialPrivacy') return source;
  const { mode, clipNorm, epsilon, delta } = source;
  return {
    mode,
    unit: source.unit ?? 'patient',
    adjacency: source.adjacency ?? 'addOrRemoveOne',
    trusts: source.trusts ?? (mode === 'central' ? 'enclave' : 'honestSites'),
    clipNorm,
    epsilon,
    delta,
    accountant: source.accountant ?? 'pld',
    candidates: source.candidates ?? 1,
    noise: [],
  };
}

function fillMasking({ masking, sites }: PlanSource): StudyPlan['masking'] {
  if (masking === 'unmasked') return { mode: 'unmasked' };
  return { mode: 'masked', threshold: masking === 'masked' ? sites.minimum : masking.threshold };
}

function fillConsent(source: NonNullable<PlanSource['release']['consent']>): StudyPlan['release']['consent'] {
  return source === 'oneByOne' ? { method: 'oneByOne' } : { method: 'byApproval', gate: source };
}
