// `wardround audit verify`: everything that was signed, proved again offline.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parsePolicy, type Policy } from '@wardround/attestation/policy/policy';
import { auditStudy, type StudyAudit } from '../audit/audit-study.ts';
import type { AuditStep } from '../audit/steps.ts';
import { ExitCode } from '../exit-code.ts';
import { createOutput, printable } from '../output.ts';
import { modelFolder, policiesFolder, readExport, readPolicies } from '../study/record-export.ts';
import { parseYaml, readYamlFile } from '../yaml-file.ts';
import { type Json, jsonOption } from './options.ts';

interface VerifyOptions extends Json {
  readonly policy?: string;
  readonly soFar?: true;
}

export function addAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('prove again, offline, everything that was signed')
    .command('verify')
    .description('check an export: signatures, evidence at the time it was used, receipts, cosignatures, releases')
    .argument(
      '<dir>',
      'the export (`wardround study status ID --export DIR`), with the policies of the hospitals in DIR/policies/SITE.yaml',
    )
    .option('--policy <file>', 'judge the evidence for every hospital by this policy instead')
    .option('--so-far', 'accept a study that still goes on')
    .addOption(jsonOption())
    .action(verifyDirectory);
}

async function verifyDirectory(directory: string, { policy, soFar, json }: VerifyOptions): Promise<void> {
  const audits = await auditDirectory(directory, { policyFile: policy, soFar: soFar === true });
  const holds = audits.length > 0 && audits.every((audit) => audit.holds);
  createOutput(json === true).result({ directory, holds, studies: audits }, () => auditText(directory, audits, holds));
  if (!holds) throw new ExitCode(1);
}

/** Audits every study of an export. @throws WardroundError `export-unreadable`, `federation-file`, `policy-invalid` */
export async function auditDirectory(
  directory: string,
  { policyFile, soFar }: { policyFile: string | undefined; soFar: boolean },
): Promise<readonly StudyAudit[]> {
  const { federation, studies } = await readExport(directory);
  const modelFile = await readFile(join(directory, modelFolder, 'model.safetensors')).catch(() => null);
  const policies = await policiesFor(directory, policyFile);
  const audits: StudyAudit[] = [];
  for (const [study, jwsList] of studies)
    audits.push(await auditStudy({ study, federation, jwsList, policies, modelFile, soFar }));
  return audits;
}

/** A policy for every site name: the hospitals' own, or the auditor's for all. */
async function policiesFor(directory: string, policyFile: string | undefined): Promise<ReadonlyMap<string, Policy>> {
  if (policyFile !== undefined) return new EveryName(parsePolicy((await readYamlFile(policyFile)).value));
  const texts = await readPolicies(directory);
  return new Map(
    [...texts].map(([site, text]) => [
      site,
      parsePolicy(parseYaml(text, join(directory, policiesFolder, `${site}.yaml`)).value),
    ]),
  );
}

class EveryName extends Map<string, Policy> {
  readonly #policy: Policy;

  constructor(policy: Policy) {
    super();
    this.#policy = policy;
  }

  override get(): Policy {
    return this.#policy;
  }
}

const mark = { ok: '✔', failed: '✘', 'not-evaluated': '–' } as const;

export function auditText(directory: string, audits: readonly StudyAudit[], holds: boolean): string {
  const first = audits.flatMap(({ steps }) => steps).find(({ status }) => status === 'failed');
  const verdict = holds
    ? `EVERYTHING HOLDS in ${directory}.`
    : first === undefined
      ? `${directory} holds no study.`
      : `DOES NOT HOLD: ${first.name}: ${printable(first.detail)} [${first.code ?? ''}]`;
  const lines = audits.flatMap(({ study, steps }) => ['', `study ${study}`, ...steps.map(stepLine)]);
  const said = 'This proves what was signed, not that a hospital’s data were true.';
  return [verdict, ...lines, '', said].join('\n');
}

function stepLine({ name, status, detail, code }: AuditStep): string {
  return `  ${mark[status]} ${name.padEnd(14)} ${printable(detail)}${code === undefined ? '' : ` [${code}]`}`;
}
