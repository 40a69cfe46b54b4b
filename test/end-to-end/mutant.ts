// The whole program with one guard taken out: a second checkout of hard links in which one file differs. To show that an attack needs that guard.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Guard } from './hostile/attacks.ts';
import { root, rooms } from '../architecture/imports.ts';

/** @throws Error when the guard's text is not in its file exactly once: then the test would prove nothing */
export function withoutGuard(guard: Guard): { root: string; remove: () => void } {
  const original = readFileSync(join(root, guard.file), 'utf8');
  if (original.split(guard.find).length !== 2)
    throw new Error(`${guard.file} does not hold exactly once: ${guard.find}`);
  // Beside the checkout, because hard links do not cross file systems.
  const copy = mkdtempSync(join(dirname(root), '.wardround-mutant-'));
  execFileSync('cp', [
    '-al',
    ...['node_modules', 'package.json', 'package-lock.json', ...rooms].map((name) => join(root, name)),
    copy,
  ]);
  rmSync(join(copy, guard.file));
  writeFileSync(join(copy, guard.file), original.replace(guard.find, guard.replace));
  return { root: copy, remove: () => rmSync(copy, { recursive: true, force: true }) };
}
