// Whether a plan for trees can be carried out, asked by those who must not believe the researcher's compiler.
import { WardroundError } from '@wardround/protocol/errors';
import { pathText } from '@wardround/protocol/plan/problems';
import { type TreesParts, treesProblems } from '@wardround/protocol/plan/trees-semantics';

/** @throws WardroundError the first of `treesProblems` by its code (`trees-*`) */
export function requireTreesPlan(plan: TreesParts): void {
  const [problem] = treesProblems(plan);
  if (problem === undefined) return;
  const { code, message, path, expected, got } = problem;
  throw new WardroundError(code, message, {
    where: pathText(path),
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  });
}
