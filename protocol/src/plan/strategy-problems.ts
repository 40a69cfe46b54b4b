// What a strategy asks of the rest of the plan: its optimiser, its weighting, its least number of sites, tensors that exist.
import type { Strategy, StudyPlan } from '../documents/study-plan.ts';
import { leastContributors } from '../quorum.ts';
import { nearestWord } from './nearest.ts';
import type { PlanProblem } from './problems.ts';
import { tensorNames } from './tensor-names.ts';

export type StrategyParts = Pick<StudyPlan, 'model' | 'strategy' | 'training' | 'weighting'> & {
  readonly sites: { readonly minimum: number };
};

type SelectingRule = Extract<Strategy, { name: 'selectingRule' }>['rule'];

/** @param colludingSites f of the federation; 0 where it is not known, which leaves only what is wrong in any federation */
export function strategyProblems(plan: StrategyParts, colludingSites: number): readonly PlanProblem[] {
  const { strategy } = plan;
  switch (strategy.name) {
    case 'scaffold':
      return [
        ...weightingProblems(plan),
        ...optimizerProblems(plan, 'SCAFFOLD’s variates are means of plain gradients'),
      ];
    case 'fedNova':
      return optimizerProblems(plan, 'FedNova knows the normalisation of SGD only');
    case 'fedBn':
      return personalProblems(plan, strategy.personal);
    case 'selectingRule':
      return [...weightingProblems(plan), ...ruleProblems(plan, strategy.rule, colludingSites)];
    default:
      return [];
  }
}

/** Strategies that treat all sites alike, by their papers: any other weighting would be ignored, and nothing that was signed is. */
export function isUnweighted(strategy: { readonly name: Strategy['name'] }): boolean {
  return strategy.name === 'scaffold' || strategy.name === 'selectingRule';
}

/**
 * K of a strategy that withstands f hostile sites: f + 2 so that no sum shows one site's update, 2f + 1 where the honest must be a majority
 * (median, trimmed mean: Yin et al. 2018), 2f + 3 for Multi-Krum (Blanchard et al. 2017).
 */
export function leastContributorsOf(strategy: Strategy, colludingSites: number): number {
  const least = leastContributors(colludingSites);
  if (strategy.name !== 'selectingRule') return least;
  const { rule } = strategy;
  switch (rule.kind) {
    case 'coordinateMedian':
      return Math.max(least, 2 * colludingSites + 1);
    case 'trimmedMean':
      return Math.max(least, 2 * Math.max(colludingSites, rule.trim) + 1);
    case 'multiKrum':
      return Math.max(least, 2 * colludingSites + 3);
  }
}

/** The f that Multi-Krum reckons with: as many hostile sites as K can bear, K ≥ 2f + 3. Never fewer than the federation's. */
export function krumHostileSites(minimum: number): number {
  return Math.floor((minimum - 3) / 2);
}

function weightingProblems({ strategy, weighting }: StrategyParts): PlanProblem[] {
  if (weighting === 'equal') return [];
  const message = `${strategy.name} treats all sites alike, whatever their size`;
  return [{ path: ['weighting'], code: 'strategy-weighting', message, expected: 'equal', got: weighting }];
}

function optimizerProblems({ strategy, training }: StrategyParts, message: string): PlanProblem[] {
  if (training.method !== 'gradientDescent') return [];
  const { optimizer } = training;
  const code = 'strategy-optimizer';
  if (optimizer.name !== 'sgd') {
    return [{ path: ['training', 'optimizer'], code, message, expected: 'sgd', got: optimizer.name }];
  }
  if (strategy.name === 'scaffold' && Number(optimizer.momentum) !== 0) {
    return [{ path: ['training', 'momentum'], code, message, expected: '0', got: optimizer.momentum }];
  }
  return [];
}

function personalProblems({ model }: StrategyParts, personal: readonly string[]): PlanProblem[] {
  const known = tensorNames(model);
  const problems = personal.flatMap((name, index): PlanProblem[] => {
    const path = ['strategy', 'personal', index];
    if (personal.indexOf(name) !== index) {
      return [{ path, code: 'personal-twice', message: 'a tensor is listed twice', got: name }];
    }
    return known.includes(name) ? [] : [{ path, ...unknownTensor(name, known) }];
  });
  if (problems.length > 0 || personal.length < known.length) return problems;
  return [
    {
      path: ['strategy', 'personal'],
      code: 'personal-all',
      message: 'every tensor of the model stays at its site, so nothing would be learned together',
      expected: `at most ${known.length - 1} of ${known.join(', ')}`,
      got: personal.join(', '),
    },
  ];
}

function unknownTensor(name: string, known: readonly string[]): Omit<PlanProblem, 'path'> {
  const nearest = nearestWord(name, known);
  const all = known.length === 0 ? 'a model with layers' : `one of ${known.join(', ')}`;
  return {
    code: 'personal-unknown',
    message: 'the model has no such tensor',
    expected: nearest === undefined ? all : `${nearest}? (${all})`,
    got: name,
  };
}

function ruleProblems({ strategy, sites }: StrategyParts, rule: SelectingRule, colludingSites: number): PlanProblem[] {
  const problems: PlanProblem[] = [];
  const least = leastContributorsOf(strategy, colludingSites);
  if (sites.minimum < least) {
    problems.push({
      path: ['sites', 'minimum'],
      code: 'selecting-minimum',
      message: `${rule.kind} withstands hostile sites only among more contributors`,
      expected: `at least ${least}`,
      got: String(sites.minimum),
    });
  }
  if (rule.kind === 'trimmedMean' && rule.trim < colludingSites) {
    problems.push({
      path: ['strategy', 'rule', 'trim'],
      code: 'selecting-trim',
      message: 'fewer values are cut off at each end than the federation has hostile sites to reckon with',
      expected: `at least ${colludingSites}`,
      got: String(rule.trim),
    });
  }
  const most = sites.minimum - Math.max(0, krumHostileSites(sites.minimum));
  if (rule.kind === 'multiKrum' && rule.select > most) {
    problems.push({
      path: ['strategy', 'rule', 'select'],
      code: 'selecting-select',
      message: 'more updates are selected than there are honest sites to be sure of',
      expected: `at most ${most} of ${sites.minimum}`,
      got: String(rule.select),
    });
  }
  return problems;
}
