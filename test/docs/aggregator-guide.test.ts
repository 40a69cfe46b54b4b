// docs/aggregator-guide.md: every code in it is one of the source, every refusal of a collector is in it, and its settings are those of the schema.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { platformKinds } from '../../aggregator-enclave/src/host/config.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const page = read('docs/aggregator-guide.md');
const collectors = globSync('aggregator-enclave/src/platform/*.ts', { cwd: root }).map(read).join('\n');
const rest = globSync('{aggregator-enclave,attestation}/src/**/*.ts', { cwd: root }).map(read).join('\n');

const codePattern =
  /'((?:tsm|tpm|gpu|hcl|ccel|quote-service|td-quote|collateral|snp-table|platform|device-file)-[a-z-]+)'/g;
const codesOf = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, code = '']) => code)),
];
/** Of single files, named by `check`; and passed to `tpm-tools-absent` and its siblings, never shown. */
const unseen = ['collateral-expired', 'collateral-unknown'];

describe('docs/aggregator-guide.md', () => {
  const rows = page.split('\n').filter((line) => /^\| `[a-z]+-[a-z-]+`/.test(line));
  const named = rows.flatMap((row) => codesOf(row.split('|')[1] ?? '', /`([a-z]+(?:-[a-z]+)+)`/g));

  it('names every refusal of a collector, once', () => {
    const thrown = codesOf(collectors, codePattern).filter((code) => !unseen.includes(code));
    expect(thrown.length).toBeGreaterThan(35);
    expect(thrown.filter((code) => !named.includes(code))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
  });

  it('names no other', () => {
    expect(named.filter((code) => !rest.includes(`'${code}'`))).toEqual([]);
  });

  it('names every platform', () => {
    for (const kind of platformKinds) expect(page).toContain(`\`${kind}\``);
  });
});
