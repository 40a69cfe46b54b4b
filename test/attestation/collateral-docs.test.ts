// docs/collateral.md must say what the code does: every code, every kind of item, the schema of the index.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itemKeySchema } from '@wardround/attestation/collateral/item-key';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/collateral.md'), 'utf8');

describe('docs/collateral.md', () => {
  it('names every code of a mirror, and none that there is not', () => {
    const files = globSync(
      ['attestation/src/collateral/*.ts', 'cli/src/collateral/*.ts', 'cli/src/commands/collateral.ts'],
      {
        cwd: root,
      },
    );
    const texts = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    const used = new Set([...texts.matchAll(/'(collateral-[a-z-]+)'/g)].map((match) => match[1]));
    const named = new Set([...page.matchAll(/`(collateral-[a-z-]+)`/g)].map((match) => match[1]));
    expect(used.size).toBeGreaterThan(12);
    expect([...used].filter((code) => !named.has(code))).toEqual([]);
    // An event of the site agent's log.
    expect([...named].filter((code) => !used.has(code))).toEqual(['collateral-spoiled']);
  });

  it('names every kind of item', () => {
    const kinds = itemKeySchema.options.map((option) => option.shape.kind.value);
    expect(kinds.filter((kind) => !page.includes(`| \`${kind}\` |`))).toEqual([]);
  });
});
