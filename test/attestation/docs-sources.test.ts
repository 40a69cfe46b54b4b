// docs/attestation.md says of every step where it comes from, which files make it and which tests attack it: held to what exists.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { azureSnpSteps } from '@wardround/attestation/azure/verify-snp';
import { azureTdxSteps } from '@wardround/attestation/azure/verify-tdx';
import { nvidiaFleetSteps } from '@wardround/attestation/nvidia/fleet';
import { nvidiaValidationSteps } from '@wardround/attestation/nvidia/validate';
import { nvidiaAuthenticitySteps } from '@wardround/attestation/nvidia/verify';
import { tdxValidationSteps } from '@wardround/attestation/tdx/validate';
import { tdxAuthenticitySteps, tdxCollateralSteps, tdxEventLogStep } from '@wardround/attestation/tdx/verify';
import { tpmValidationSteps } from '@wardround/attestation/tpm/validate';
import { enclaveSteps } from '@wardround/attestation/verifier';
import { docsFolder } from './schema-files.ts';

const page = readFileSync(join(docsFolder, 'attestation.md'), 'utf8');
const section = page.slice(page.indexOf('## Where each check comes from'), page.indexOf('## What is not covered'));
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').slice(1, -1));
const named = (cell: string | undefined): readonly string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

describe('where each check comes from', () => {
  it('is said of every step, and of none that does not exist', () => {
    const steps = new Set<string>([
      ...enclaveSteps,
      ...azureSnpSteps,
      ...azureTdxSteps,
      ...tdxAuthenticitySteps,
      ...tdxCollateralSteps,
      tdxEventLogStep,
      ...tdxValidationSteps,
      ...tpmValidationSteps,
      ...nvidiaAuthenticitySteps,
      ...nvidiaValidationSteps,
      ...nvidiaFleetSteps,
    ]);
    const told = new Set(rows.flatMap(([cell]) => named(cell)));
    expect([...steps].filter((step) => !told.has(step))).toEqual([]);
    // Those that no exported list names, because they are not always made.
    const meanings = readFileSync(resolve(import.meta.dirname, '../../attestation/src/explain/meanings.ts'), 'utf8');
    expect([...told].filter((step) => !steps.has(step) && !meanings.includes(step))).toEqual([]);
  });

  it('names a specification, and files and tests that exist', () => {
    expect(rows.length).toBeGreaterThan(35);
    for (const [, specification, files, tests] of rows) {
      expect((specification ?? '').trim().length).toBeGreaterThan(5);
      const source = resolve(import.meta.dirname, '../../attestation/src');
      for (const file of named(files)) expect(existsSync(join(source, file)), file).toBe(true);
      for (const test of named(tests)) expect(existsSync(join(import.meta.dirname, test)), test).toBe(true);
      expect(named(files).length * named(tests).length).toBeGreaterThan(0);
    }
  });
});
