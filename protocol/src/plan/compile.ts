// A plan compiled: every value explicit, the names bound to the federation's keys. What comes out is what is shown, signed and carried out.
import { type StudyPlan, studyPlanSchema } from '../documents/study-plan.ts';
import type { FederationView } from '../federation-view.ts';
import { parseDocument } from '../jws.ts';
import { thumbprint } from '../keys.ts';
import { quorum } from '../quorum.ts';
import { PlanInvalidError, type PlanProblem } from './problems.ts';
import { contradictions } from './semantics.ts';
import type { PlanSource } from './source.ts';
import { unsupported } from './support.ts';
import { fillPlan, type UnboundPlan } from './unbound-plan.ts';

export interface CompileInput {
  readonly source: PlanSource;
  readonly federation: FederationView;
  /** Name of the researcher who signs. */
  readonly researcher: string;
  readonly now: Date;
  /** Digest of the plan that this one amends; the source may name it as well. */
  readonly predecessor?: string;
}

/**
 * The StudyPlan that this researcher would sign in this federation now. The caller still owes: the signature.
 *
 * @throws PlanInvalidError (`plan-invalid`) with every mistake of meaning, each by its path in the source
 */
export function compilePlan({ source, federation, researcher, now, predecessor }: CompileInput): StudyPlan {
  const plan = fillPlan(source);
  requireNone([
    ...contradictions(plan, { colludingSites: federation.colludingSites, now }),
    ...unknownParties(plan, federation, researcher),
    ...unsupported(plan),
  ]);
  const bound = bind(plan, { federation, researcher, now });
  const value: StudyPlan = predecessor === undefined ? bound : { ...bound, predecessor };
  return parseDocument({ kind: 'StudyPlan', schema: studyPlanSchema, value });
}

export interface UnresolvedStudyPlan extends Omit<UnboundPlan, 'sites' | 'release'> {
  readonly federation: null;
  readonly membership: null;
  readonly researcher: null;
  readonly createdAt: string;
  readonly sites: Omit<UnboundPlan['sites'], 'roster'> & {
    readonly roster: readonly { readonly name: string; readonly agent: null }[];
  };
  readonly release: Omit<UnboundPlan['release'], 'to'> & {
    readonly to: readonly { readonly name: string; readonly signing: null; readonly receiving: null }[];
  };
}

/** A plan as far as it can be compiled with no federation at hand: what only a federation knows is null, and listed. */
export interface UnresolvedPlan {
  readonly plan: UnresolvedStudyPlan;
  readonly unresolved: readonly string[];
}

/** @throws PlanInvalidError as {@link compilePlan}, as far as that can be judged without a federation (f taken as 0) */
export function compileUnresolved({
  source,
  now,
}: {
  readonly source: PlanSource;
  readonly now: Date;
}): UnresolvedPlan {
  const plan = fillPlan(source);
  requireNone([...contradictions(plan, { colludingSites: 0, now }), ...unsupported(plan)]);
  const roster = plan.sites.roster.toSorted().map((name) => ({ name, agent: null }));
  const to = plan.release.to.map((name) => ({ name, signing: null, receiving: null }));
  const unresolved = [
    'federation',
    'membership',
    'researcher',
    'sites.roster[].agent',
    'release.to[].signing',
    'release.to[].receiving',
  ];
  return {
    plan: {
      ...plan,
      federation: null,
      membership: null,
      researcher: null,
      createdAt: now.toISOString(),
      sites: { ...plan.sites, roster },
      release: { ...plan.release, to },
    },
    unresolved: plan.release.whenSitesAgree === null ? [...unresolved, 'release.whenSitesAgree'] : unresolved,
  };
}

function requireNone(problems: readonly PlanProblem[]): void {
  if (problems.length > 0) throw new PlanInvalidError(problems);
}

function unknownParties(plan: UnboundPlan, federation: FederationView, researcher: string): PlanProblem[] {
  const sites = federation.sites.map((site) => site.name);
  const researchers = federation.researchers.map((member) => member.name);
  const unknown = (names: readonly string[], known: readonly string[], place: readonly string[]): PlanProblem[] =>
    names.flatMap((name, index) =>
      known.includes(name)
        ? []
        : [
            {
              path: [...place, index],
              code: `${place[0] === 'sites' ? 'roster' : 'recipient'}-unknown`,
              message: 'not a member of this federation',
              expected: `one of ${known.join(', ')}`,
              got: name,
            },
          ],
    );
  return [
    ...unknown(plan.sites.roster, sites, ['sites', 'roster']),
    ...unknown(plan.release.to, researchers, ['release', 'to']),
    ...(researchers.includes(researcher)
      ? []
      : [
          {
            path: [],
            code: 'researcher-unknown',
            message: 'the signer is not a researcher of this federation',
            expected: `one of ${researchers.join(', ')}`,
            got: researcher,
          },
        ]),
  ];
}

function bind(
  plan: UnboundPlan,
  { federation, researcher, now }: { federation: FederationView; researcher: string; now: Date },
): StudyPlan {
  const roster = federation.sites
    .filter((site) => plan.sites.roster.includes(site.name))
    .map((site) => ({ name: site.name, agent: thumbprint(site.keys.agent) }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const to = plan.release.to.flatMap((name) =>
    federation.researchers
      .filter((member) => member.name === name)
      .map((member) => ({ name, signing: thumbprint(member.signing), receiving: member.receiving })),
  );
  const whenSitesAgree = plan.release.whenSitesAgree ?? quorum(roster.length, federation.colludingSites);
  return {
    ...plan,
    federation: federation.federation,
    membership: federation.membership,
    researcher,
    createdAt: now.toISOString(),
    sites: { ...plan.sites, roster },
    release: { ...plan.release, to, whenSitesAgree },
  };
}
