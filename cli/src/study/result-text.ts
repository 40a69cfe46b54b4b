// A released result in words: one line for each figure, named by where it stands.
import type { ResultValues, StudyResult } from './results.ts';

export function resultLines({ round, task, values }: StudyResult): readonly string[] {
  const title = task === 'evaluation' ? 'all test patients together' : 'all patients together';
  return figuresOf(values, []).map((figure) => `${title}, round ${round}: ${figure}`);
}

function figuresOf(value: ResultValues, path: readonly string[]): readonly string[] {
  if (value === null || typeof value !== 'object') return [`${path.join(' ')} ${value ?? 'not shown'}`.trim()];
  const isRow = Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object');
  if (isRow) return [`${path.join(' ')} ${value.join(', ')}`.trim()];
  return Object.entries(value).flatMap(([name, member]: [string, ResultValues]) => figuresOf(member, [...path, name]));
}
