// Reads every import of the repository: who imports whom, and what a file's closure contains.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { globSync } from 'node:fs';

export const root = resolve(import.meta.dirname, '../..');

export const rooms = [
  'protocol',
  'attestation',
  'privacy',
  'learning',
  'datasets',
  'relay',
  'command-line',
  'coordinator',
  'site-agent',
  'aggregator-enclave',
  'cli',
] as const;
export type Room = (typeof rooms)[number];

export interface Import {
  /** The importing file, relative to the root. */
  readonly file: string;
  readonly specifier: string;
  /** The imported file relative to the root, where it is one of ours. */
  readonly target: string | null;
}

export function sourceFiles(): string[] {
  return rooms.flatMap((room) => globSync(`${room}/src/**/*.ts`, { cwd: root })).toSorted();
}

export function roomOf(file: string): Room | null {
  return rooms.find((room) => file.startsWith(`${room}/`)) ?? null;
}

/**
 * Static imports, re-exports, dynamic imports, `new URL('./x.ts', import.meta.url)` and `import.meta.resolve`, by their text.
 * Comments are taken out first; a computed dynamic import is reported as specifier `<computed>`.
 */
export function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  const patterns = [
    /(?:^|[\s;}])(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+\s+from\s+)?['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
    /\bnew URL\(\s*['"]([^'"]+\.ts)['"]\s*,\s*import\.meta\.url/g,
    /\bimport\.meta\.resolve\(\s*['"]([^'"]+)['"]/g,
    // A private method may be called that as well.
    /(?<!#)\brequire(?:\.resolve)?\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  const found = patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
  if (/\bimport\(\s*[^'"\s)]/.test(text)) found.push('<computed>');
  return [...new Set(found)].map((specifier) => ({ file, specifier, target: resolveOurs(file, specifier) }));
}

function resolveOurs(file: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(file), specifier));
  const match = /^@wardround\/([^/]+)\/(.+)$/.exec(specifier);
  if (match === null) return null;
  const target = `${match[1]}/src/${match[2]}.ts`;
  return existsSync(join(root, target)) ? target : `${match[1]}/${match[2]}`;
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|[^:'"`])\/\/[^\n]*/g, '$1');
}

/** Every file of ours that the entry reaches, and every package, type-only imports included: an auditor reads types as well. */
export function closureOf(entry: string): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { specifier, target } of importsOf(file)) {
      if (target === null) packages.add(packageOf(specifier));
      else if (target.endsWith('.ts')) queue.push(target);
    }
  }
  return { files: [...files].toSorted(), packages: [...packages].toSorted() };
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
