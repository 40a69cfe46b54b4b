// The plans that are run: FLamby's setting with each row's training and strategy, and our best.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { type PlanSource, parsePlanSource } from '@wardround/protocol/plan/source';
import { simulatedPlan } from '../../cli/src/simulate/simulated-plan.ts';
import type { PublishedRow } from './published.ts';

const flamby = readSource('plan.yaml');
const best = readSource('best-plan.yaml');

/** @param seed fixes every batch */
export function planOfRow({ changes, place }: PublishedRow, seed: number): StudyPlan {
  const plan = compiled({ ...flamby, ...changes }, seed);
  return place === 'onePlace' ? inOnePlace(plan) : plan;
}

export function bestPlan(): StudyPlan {
  return compiled(best, null);
}

/** A plan has at least two sites; a model trained on everybody's rows has one. */
function inOnePlace(plan: StudyPlan): StudyPlan {
  const roster = [{ name: pooledName, agent: plan.federation }];
  return { ...plan, sites: { ...plan.sites, roster, minimum: 1, maxShare: '1' } };
}

export const pooledName = 'pooled';

function compiled(source: PlanSource, seed: number | null): StudyPlan {
  return simulatedPlan({ source, roster: source.sites.roster, givenWeights: false, seed });
}

function readSource(name: string): PlanSource {
  return parsePlanSource(parseYaml(readFileSync(join(import.meta.dirname, name), 'utf8')));
}
