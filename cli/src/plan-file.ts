// A plan's YAML file, read and compiled, with the line of every mistake.
import type { FederationView } from '@wardround/protocol/federation-view';
import { compilePlan, compileUnresolved, type UnresolvedPlan } from '@wardround/protocol/plan/compile';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { pathText, PlanInvalidError } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import type { PlanSource } from '@wardround/protocol/plan/source';
import { printable } from './output.ts';
import type { YamlFile } from './yaml-file.ts';

/** Whom a plan is compiled for: the federation as its records make it, and the researcher who will sign. */
export interface Signatory {
  readonly federation: FederationView;
  readonly researcher: string;
}

/** @throws PlanInvalidError */
export function compileFile(file: YamlFile, { federation, researcher }: Signatory, now: Date): StudyPlan {
  return compilePlan({ source: sourceOf(file), federation, researcher, now });
}

/** @throws PlanInvalidError */
export function compileFileOffline(file: YamlFile, now: Date): UnresolvedPlan {
  return compileUnresolved({ source: sourceOf(file), now });
}

/** @throws PlanInvalidError */
export function sourceOf(file: YamlFile): PlanSource {
  return parsePlanSource(file.value);
}

/** Every mistake of a plan, with its line: as a document. */
export function planProblems(file: YamlFile, { problems }: PlanInvalidError): readonly unknown[] {
  return problems.map((problem) => ({ ...problem, path: pathText(problem.path), line: file.lineOf(problem.path) }));
}

/** Every mistake of a plan, with its line: as a compiler would print it. */
export function planProblemsText(file: YamlFile, { problems }: PlanInvalidError): string {
  const blocks = problems.map((problem) => {
    const lines = [
      `${file.path}:${file.lineOf(problem.path)}  ${pathText(problem.path)}`,
      `    ${printable(problem.message)}`,
    ];
    if (problem.expected !== undefined) lines.push(`    expected  ${printable(problem.expected)}`);
    if (problem.got !== undefined) lines.push(`    got       ${printable(problem.got)}`);
    return [...lines, `    [${problem.code}]`].join('\n');
  });
  const count = problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`;
  return `${blocks.join('\n')}\n${count}; nothing was signed or sent`;
}
