// Whether a plan is one that this site may be asked about at all. A person decides; this only keeps nonsense from their desk.
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { hpkeThumbprint } from '@wardround/protocol/hpke-keys';
import { thumbprint } from '@wardround/protocol/keys';
import { unsupported } from '@wardround/protocol/plan/support';
import { leastContributorsOf } from '@wardround/protocol/plan/strategy-problems';
import { quorum } from '@wardround/protocol/quorum';
import { boundingStages } from '@wardround/protocol/schedule';
import { taskOfStage } from '@wardround/learning/rounds/round-task';
import { requireSupportedLearning } from '@wardround/learning/supported';

type Plan = Verified<'StudyPlan'>;

export interface PlanContext {
  readonly site: string;
  /** The view that the plan's `membership` names: its signature was verified with a researcher's key of this view. */
  readonly named: FederationView;
  readonly newest: FederationView;
  readonly now: Date;
}

/**
 * One verb a line; the first that fails is what people are told.
 *
 * @throws WardroundError `plan-federation`, `plan-not-for-us`, `plan-expired`, `plan-researcher`, `plan-roster`, `plan-minimum`,
 * `plan-release`, `plan-recipient`, `plan-unsupported` (naming the field)
 */
export function considerPlan(plan: Plan, context: PlanContext): void {
  requireFederation(plan, context);
  requireAsked(plan, context);
  requireTime(plan, context);
  requireResearcherStill(plan, context);
  requireRoster(plan, context);
  requireMinimum(plan, context);
  requireReleaseRule(plan, context);
  requireRecipients(plan, context);
  requireSupported(plan, context);
}

function requireFederation({ value }: Plan, { named }: PlanContext): void {
  if (value.federation === named.federation && value.membership === named.membership) return;
  throw refuse('plan-federation', 'a plan for another federation', {
    expected: named.federation,
    got: value.federation,
  });
}

function requireAsked({ value }: Plan, { site }: PlanContext): void {
  if (value.sites.roster.some(({ name }) => name === site)) return;
  throw refuse('plan-not-for-us', 'the plan does not ask this site', {});
}

function requireTime({ value }: Plan, { now }: PlanContext): void {
  if (now < new Date(value.expires)) return;
  throw refuse('plan-expired', 'the plan has expired', {
    expected: `a time before ${value.expires}`,
    got: now.toISOString(),
  });
}

function requireResearcherStill({ value, signer }: Plan, { newest }: PlanContext): void {
  const researcher = newest.researchers.find(({ name }) => name === value.researcher);
  if (researcher !== undefined && thumbprint(researcher.signing) === signer) return;
  throw refuse('plan-researcher', 'the researcher is not (or no longer) of this federation', { got: value.researcher });
}

/** Every entry is a member, with the agent key that the federation knows, then and now. */
function requireRoster({ value }: Plan, { named, newest }: PlanContext): void {
  for (const { name, agent } of value.sites.roster) {
    const views = [named, newest].map((view) => view.sites.find((site) => site.name === name));
    const fits = views.every((site) => site !== undefined && thumbprint(site.keys.agent) === agent);
    if (!fits) throw refuse('plan-roster', 'a site of the roster is not a member with that key', { got: name });
  }
}

function requireMinimum({ value }: Plan, { named }: PlanContext): void {
  const least = leastContributorsOf(value.strategy, named.colludingSites);
  const { minimum, roster } = value.sites;
  if (minimum >= least && minimum <= roster.length) return;
  throw refuse('plan-minimum', 'the least number of contributors does not protect, or cannot be reached', {
    expected: `${least} to ${roster.length}`,
    got: String(minimum),
  });
}

function requireReleaseRule({ value }: Plan, { named }: PlanContext): void {
  const needed = quorum(value.sites.roster.length, named.colludingSites);
  const { whenSitesAgree } = value.release;
  if (whenSitesAgree >= needed && whenSitesAgree <= value.sites.roster.length) return;
  throw refuse('plan-release', 'the model would be released with too few consents', {
    expected: `${needed} to ${value.sites.roster.length}`,
    got: String(whenSitesAgree),
  });
}

/** Whoever receives the model is a researcher of the federation, with the keys that were read out over the telephone. */
function requireRecipients({ value }: Plan, { newest }: PlanContext): void {
  for (const { name, signing, receiving } of value.release.to) {
    const researcher = newest.researchers.find((known) => known.name === name);
    const fits =
      researcher !== undefined &&
      thumbprint(researcher.signing) === signing &&
      hpkeThumbprint(researcher.receiving) === hpkeThumbprint(receiving);
    if (!fits)
      throw refuse('plan-recipient', 'a recipient is not a researcher of the federation with these keys', {
        got: name,
      });
  }
}

function requireSupported({ value }: Plan, { named }: PlanContext): void {
  const names = value.sites.roster.map(({ name }) => name);
  const to = value.release.to.map(({ name }) => name);
  const [first] = unsupported({
    ...value,
    sites: { ...value.sites, roster: names },
    release: { ...value.release, to },
  });
  if (first !== undefined) throw unsupportedField(first.path.join('.'), first.got ?? '');
  if (value.encoding.update.ring !== 'int32')
    throw unsupportedField('encoding.update.ring', value.encoding.update.ring);
  if (named.log.mode !== 'unwitnessed') throw unsupportedField('log.mode', named.log.mode);
  try {
    requireSupportedLearning(value);
    // The layout of every sort of round: that its sums fit is proven here, before anybody is asked.
    for (const stage of boundingStages(value)) taskOfStage(value, stage);
  } catch (cause) {
    const where = cause instanceof WardroundError ? cause.where : undefined;
    throw unsupportedField(where ?? 'model', '', cause);
  }
}

function unsupportedField(where: string, got: string, cause?: unknown): WardroundError {
  return new WardroundError('plan-unsupported', 'this version cannot do what the plan asks', {
    where,
    got,
    action: 'stop',
    cause,
  });
}

function refuse(code: string, message: string, detail: { expected?: string; got?: string }): WardroundError {
  return new WardroundError(code, message, { action: 'stop', ...detail });
}
