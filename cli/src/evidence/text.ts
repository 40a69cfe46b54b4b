// Attestation results as a checklist that a person can read down: what was checked, how it came out, what the report says.
import type { SnpFields } from '@wardround/attestation/snp/inspect';
import type { Step } from '@wardround/attestation/steps';
import type { VerificationReport } from '@wardround/attestation/verifier';
import type { Inspected } from './kinds.ts';

const mark = { ok: '✔', failed: '✘', 'not-evaluated': '–' } as const;

export function checklist(steps: readonly Step[]): readonly string[] {
  const width = Math.max(...steps.map(({ name }) => name.length));
  return steps.map(({ name, status, reason, code }) => {
    const remark = reason === undefined ? '' : `  ${reason}${code === undefined ? '' : ` [${code}]`}`;
    const unchecked = status === 'not-evaluated' ? '  not checked:' : '';
    return `  ${mark[status]} ${name.padEnd(width)}${unchecked}${remark}`.trimEnd();
  });
}

export function inspectionText({ inspection, says }: Pick<Inspected, 'inspection' | 'says'>): string {
  const { authentic, simulated, steps } = inspection;
  const verdict = authentic
    ? 'AUTHENTIC: genuine hardware signed this. Whether you want that machine and that code is for your policy.'
    : 'NOT AUTHENTIC: do not rely on anything that this evidence says.';
  return [verdict, ...simulatedLines(simulated), '', ...checklist(steps), '', ...says].join('\n');
}

export function verificationText(report: VerificationReport): string {
  const { authentic, accepted, simulated, weaknesses, steps, fields } = report;
  const verdict = accepted
    ? 'ACCEPTED: authentic, and what this policy asks for.'
    : authentic
      ? 'NOT ACCEPTED: authentic, but not what this policy asks for.'
      : 'NOT AUTHENTIC: do not rely on anything that this evidence says.';
  const weak = weaknesses.map(({ name, where, meaning }) => `  ! ${name} (${where}): ${meaning}`);
  const named = weak.length === 0 ? [] : ['', 'weaknesses that this policy names', ...weak];
  return [verdict, ...simulatedLines(simulated), '', ...checklist(steps), ...named, '', ...snpFieldLines(fields)].join(
    '\n',
  );
}

function simulatedLines(simulated: boolean): readonly string[] {
  return simulated ? ['SIMULATED PLATFORM: this proves nothing about hardware.'] : [];
}

export function snpFieldLines(fields: SnpFields | null): readonly string[] {
  if (fields === null) return [];
  const { version, product, policy, vmpl, measurement, reportData, chipId, reportedTcb } = fields;
  const tcb =
    reportedTcb === null
      ? 'unknown'
      : Object.entries(reportedTcb)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ');
  return [
    'the report says',
    `  version      ${version}`,
    `  product      ${product ?? 'unknown'}`,
    `  policy       ${policy}`,
    `  VMPL         ${vmpl}`,
    `  measurement  ${measurement}`,
    `  report data  ${reportData}`,
    `  chip id      ${chipId}`,
    `  reported TCB ${tcb}`,
  ];
}
