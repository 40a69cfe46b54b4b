// docs/attestation.md says what the verifier does: its example is a policy, its steps are the verifier's, no code is missing.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { policyWeaknesses } from '@wardround/attestation/policy/weaknesses';
import { enclaveSteps } from '@wardround/attestation/verifier';
import { docsFolder, schemaFiles } from './schema-files.ts';

const page = readFileSync(join(docsFolder, 'attestation.md'), 'utf8');
const source = resolve(import.meta.dirname, '../../attestation/src');

/** Codes that no reader of evidence meets: each is wrapped into one that stands in the page, or belongs to the simulated vendor's files. */
const internal: ReadonlySet<string> = new Set([
  'certificate-not-issued',
  'crl-signature',
  'clock-invalid',
  'enclave-not-verified',
  'evidence-not-evaluated',
]);

describe('docs/attestation.md', () => {
  it('shows a policy that is accepted and names no weakness', () => {
    const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
    expect(examples).toHaveLength(1);
    expect(policyWeaknesses(parsePolicy(parse(examples[0] ?? '')))).toEqual([]);
  });

  it('lists the verifier’s steps, all of them, in their order', () => {
    const tables = page.slice(page.indexOf('## The steps'), page.indexOf('## The bundle'));
    const rows = tables.split('\n').filter((line) => line.startsWith('| `'));
    const steps = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map((match) => match[1]),
    );
    expect(steps).toEqual(enclaveSteps);
  });

  it('names every code with which evidence can be refused', () => {
    // Collateral has a page of its own; see collateral-docs.test.ts.
    const files = globSync('**/*.ts', { cwd: source }).filter((file) => !/^(?:simulated|collateral)\//.test(file));
    const texts = files.map((file) => readFileSync(join(source, file), 'utf8')).join('\n');
    const thrown = [...texts.matchAll(/(?:new WardroundError\(\s*|code: |code = .*)'([a-z]+-[a-z0-9-]+)'/g)].map(
      (match) => match[1] ?? '',
    );
    const codes = [...new Set(thrown)].filter((code) => !internal.has(code));
    expect(codes.length).toBeGreaterThan(60);
    expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  it('names no code that the verifier does not have', () => {
    const texts = globSync('**/*.ts', { cwd: source })
      .map((file) => readFileSync(join(source, file), 'utf8'))
      .join('\n');
    const named = [...page.matchAll(/`((?:snp|evidence|policy|crl|pem|der|certificate|attestation)-[a-z-]+)`/g)];
    expect([...new Set(named.map((match) => match[1] ?? ''))].filter((code) => !texts.includes(`'${code}'`))).toEqual(
      [],
    );
  });

  it('has the schemas that the verifier uses', async () => {
    for (const { path, text } of await schemaFiles()) {
      expect(readFileSync(path, 'utf8'), `${path}: write it anew with node test/attestation/write-schemas.ts`).toBe(
        text,
      );
    }
  });
});
