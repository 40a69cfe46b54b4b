// docs/audit.md lists exactly what its two closures contain. `npm run audit:list` writes it anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditEntries, withComputedSections } from './audit-list.ts';
import { closureOf, root } from './imports.ts';

describe('docs/audit.md', () => {
  it('lists exactly the two closures', () => {
    const page = readFileSync(join(root, 'docs/audit.md'), 'utf8');
    expect(page).toBe(withComputedSections(page));
  });

  it("finds no socket in what can see one hospital's update, and no TensorFlow", () => {
    const { packages, files } = closureOf(auditEntries.enclave);
    expect(
      packages.filter((name) =>
        /^node:(?:fs|net|http|https|dgram|dns|tls|child_process)|socket\.io|undici|^@tensorflow/.test(name),
      ),
    ).toEqual([]);
    expect(files.filter((file) => file.startsWith('aggregator-enclave/src/host/'))).toEqual([]);
  });

  it('finds no network in the vault', () => {
    const { packages } = closureOf(auditEntries.site);
    expect(
      packages.filter((name) =>
        /^node:(?:http|https|http2|tls|dns|child_process|worker_threads)|socket\.io|undici/.test(name),
      ),
    ).toEqual([]);
  });
});
