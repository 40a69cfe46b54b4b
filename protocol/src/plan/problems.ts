// What is wrong with a plan, every mistake at once, each named by its path in the researcher's own YAML.
import type * as z from 'zod';
import { WardroundError } from '../errors.ts';

export interface PlanProblem {
  /** Path in the plan as it was written, such as `sites.minimum`. */
  readonly path: readonly (string | number)[];
  /** Stable, kebab-case. `unsupported-*`: a good plan, but not for this version. */
  readonly code: string;
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
}

/** Carries every problem; its own fields are the first one's. */
export class PlanInvalidError extends WardroundError {
  readonly problems: readonly PlanProblem[];

  constructor(problems: readonly PlanProblem[]) {
    const [first] = problems;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    super('plan-invalid', `the plan cannot be accepted: ${first?.message ?? 'unknown problem'}${more}`, {
      where: first === undefined ? '$' : pathText(first.path),
      ...(first?.expected === undefined ? {} : { expected: first.expected }),
      ...(first?.got === undefined ? {} : { got: first.got }),
    });
    this.problems = problems;
  }
}

/** `sites.roster[1]`; `$` for the whole plan. */
export function pathText(path: readonly (string | number)[]): string {
  if (path.length === 0) return '$';
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${part}`))
    .join('');
}

/** The problems that a schema found, with what stands at each place. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], value: unknown): readonly PlanProblem[] {
  return issues.flatMap((issue) => describeIssue(issue, [], value));
}

function describeIssue(issue: z.core.$ZodIssue, base: readonly (string | number)[], root: unknown): PlanProblem[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  if (issue.code === 'unrecognized_keys') {
    const lines = issue.message.split('\n');
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      code: 'unknown-key',
      message: `there is no key "${key}" here`,
      expected: lines[index] ?? 'no such key',
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return deepestBranch(issue.errors, path, root);
  const got = shownAt(root, path);
  const missing = got === undefined;
  return [
    {
      path,
      code: missing ? 'missing-key' : 'wrong-value',
      message: missing ? 'this must be written' : 'not what belongs here',
      expected: issue.message.replace(/^expected /, ''),
      ...(missing ? {} : { got }),
    },
  ];
}

/** Of a union's branches the one that got furthest says what is wrong; where none got anywhere, all that would do are named. */
function deepestBranch(
  branches: readonly (readonly z.core.$ZodIssue[])[],
  path: readonly (string | number)[],
  root: unknown,
): PlanProblem[] {
  const described = branches.map((branch) => branch.flatMap((issue) => describeIssue(issue, path, root)));
  const depth = (problems: readonly PlanProblem[]): number =>
    Math.max(0, ...problems.map((problem) => problem.path.length));
  const furthest = described.toSorted((left, right) => depth(right) - depth(left))[0] ?? [];
  if (depth(furthest) > path.length) return furthest;
  const expected = [...new Set(described.flatMap((problems) => problems.map((problem) => problem.expected ?? '')))];
  return furthest.slice(0, 1).map((problem) => ({ ...problem, expected: expected.join(', or ') }));
}

function shownAt(root: unknown, path: readonly (string | number)[]): string | undefined {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  if (value === undefined) return undefined;
  return value === null ? 'nothing' : JSON.stringify(value);
}
