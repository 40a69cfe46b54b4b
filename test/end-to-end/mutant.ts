// Copies of the checkout, of hard links, in which single files differ: one guard taken out, to show that an attack needs that guard.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Guard } from './hostile/attacks.ts';
import { root, rooms } from '../architecture/imports.ts';

/** @throws Error when the guard's text is not in its file exactly once: then the test would prove nothing */
export function withoutGuard(guard: Guard): { root: string; remove: () => void } {
  const copy = copyOfCheckout();
  try {
    for (let each: Guard | undefined = guard; each !== undefined; each = each.also) replaceOnce(copy, each);
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    throw error;
  }
  return { root: copy, remove: () => rmSync(copy, { recursive: true, force: true }) };
}

/** All that the programs need to run. A file of it must be removed before it is written, or the checkout's own changes too. */
export function copyOfCheckout(): string {
  // Beside the checkout, because hard links do not cross file systems.
  const copy = mkdtempSync(join(dirname(root), '.wardround-copy-'));
  const names = ['node_modules', 'package.json', 'package-lock.json', ...rooms];
  execFileSync('cp', ['-al', ...names.map((name) => join(root, name)), copy]);
  return copy;
}

/** @throws Error when the text is not in the file exactly once */
export function replaceOnce(copy: string, { file, find, replace }: Pick<Guard, 'file' | 'find' | 'replace'>): void {
  const original = readFileSync(join(copy, file), 'utf8');
  if (original.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
  rmSync(join(copy, file));
  writeFileSync(
    join(copy, file),
    original.replace(find, () => replace),
  );
}
