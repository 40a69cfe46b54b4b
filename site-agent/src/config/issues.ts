// A settings file's mistakes, for the person who made them: each by its path, with what was expected and what was probably meant.
import * as z from 'zod';
import { nearestName } from './nearest.ts';

export interface Mistake {
  /** Path in the file, `$` for its top. */
  readonly path: string;
  readonly message: string;
}

/** @param knownAt the names that are known at a path of the schema, for suggestions */
export function mistakesOf(
  error: z.core.$ZodError,
  knownAt: (path: readonly PropertyKey[]) => readonly string[],
): Mistake[] {
  return error.issues.flatMap((issue) => mistakesOfIssue(issue, [], knownAt));
}

/** One line for each mistake. */
export function describeMistakes(mistakes: readonly Mistake[]): string {
  return mistakes.map(({ path, message }) => `${path}: ${message}`).join('; ');
}

function mistakesOfIssue(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[],
  knownAt: (path: readonly PropertyKey[]) => readonly string[],
): Mistake[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: printPath([...path, key]), message: unknownKey(key, knownAt(path)) }));
  }
  if (issue.code === 'invalid_union') {
    const nested = issue.errors.flatMap((branch) => branch.flatMap((inner) => mistakesOfIssue(inner, path, knownAt)));
    const deepest = nested.toSorted((a, b) => b.path.length - a.path.length)[0];
    return [deepest ?? { path: printPath(path), message: issue.message }];
  }
  return [{ path: printPath(path), message: issue.message }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  const expected = known.length === 0 ? 'no setting of this name' : `one of ${known.join(', ')}`;
  return nearest === undefined ? `unknown setting; expected ${expected}` : `unknown setting; did you mean ${nearest}?`;
}

function printPath(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '$' : path.map(String).join('.');
}
