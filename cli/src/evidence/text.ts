// Attestation results as a checklist that a person can read down: what was checked, how it came out, what the report says.
import type { AppraisalRecord, Replayed } from '@wardround/attestation/appraisal-record';
import type { SnpFields } from '@wardround/attestation/snp/inspect';
import { adviceFor } from '@wardround/attestation/explain/advice';
import { meaningOf } from '@wardround/attestation/explain/meanings';
import type { Step } from '@wardround/attestation/steps';
import type { VerificationReport } from '@wardround/attestation/verifier';
import { printable } from '../output.ts';
import { nvidiaFieldLines } from './inspect-nvidia.ts';
import { tdxFieldLines } from './inspect-tdx.ts';
import { tpmFieldLines } from './inspect-tpm.ts';
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
  const { simulated, steps } = inspection;
  return asText([
    verdictOf(inspection),
    ...unmadeCount(steps),
    ...simulatedLines(simulated),
    '',
    ...checklist(steps),
    '',
    ...says,
  ]);
}

const notAuthentic = 'NOT AUTHENTIC: do not rely on anything that this evidence says.';

/** A bare key's signature may hold, and be anybody's: only a chain of trust that was walked makes it hardware's. */
function verdictOf({ authentic, steps }: Inspected['inspection']): string {
  if (!authentic) return notAuthentic;
  return steps.every(({ name, status }) => name !== 'ak-chain' || status === 'ok')
    ? 'AUTHENTIC: genuine hardware signed this. Whether you want that machine and that code is for your policy.'
    : 'SIGNED BY THIS KEY, AND NO MORE: nothing here shows that the key is a TPM’s. Anybody can make such a key.';
}

function unmadeCount(steps: readonly Step[]): readonly string[] {
  const unmade = steps.filter(({ status }) => status === 'not-evaluated').length;
  return unmade === 0
    ? []
    : [`${unmade} of ${steps.length} checks were NOT made (marked – below): what they would have found is not known.`];
}

/** Names in evidence are whatever their writer wished: a line stays one line, and nothing in it steers a terminal or the order of reading. */
function asText(lines: readonly string[]): string {
  return lines.map((line) => line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, '\uFFFD')).join('\n');
}

/** What was decided, what failed and what to do about it, what was checked, what was not, and what no check covers. */
export function verificationText(report: VerificationReport): string {
  const { authentic, accepted, simulated, weaknesses, steps, fields, devices, tpm } = report;
  const verdict = accepted
    ? 'ACCEPTED: authentic, and what this policy asks for.'
    : authentic
      ? 'NOT ACCEPTED: authentic, but not what this policy asks for.'
      : notAuthentic;
  return asText([
    verdict,
    ...simulatedLines(simulated),
    ...section('failed, and what to do', failureLines(steps)),
    ...section('not evaluated', unmadeLines(steps)),
    ...section('checked', checkedLines(steps)),
    ...section(
      'weaknesses that this policy names',
      weaknesses.map(({ name, where, meaning }) => `  ! ${name} (${where}): ${meaning}`),
    ),
    ...section(
      'not covered, whatever the verdict',
      report.notCovered.map(({ sentence }) => `  · ${sentence}`),
    ),
    '',
    ...hardwareLines(fields),
    ...(tpm === null ? [] : ['', ...tpmFieldLines(tpm)]),
    ...devices.flatMap((device) => ['', ...nvidiaFieldLines(device)]),
  ]);
}

/** What was recorded, what comes out now, and where they differ. */
export function replayText({ at, outcome, program }: AppraisalRecord, { report, differing, steps }: Replayed): string {
  const same = differing.length === 0 && steps.length === 0;
  const word = ({ authentic, accepted }: Pick<VerificationReport, 'authentic' | 'accepted'>): string =>
    accepted ? 'ACCEPTED' : authentic ? 'NOT ACCEPTED' : 'NOT AUTHENTIC';
  const of = (step: Replayed['steps'][number]['recorded']): string =>
    step === null ? 'no such step' : `${step.status}${step.code === undefined ? '' : ` [${step.code}]`}`;
  return [
    same
      ? 'THE SAME OUTCOME as recorded, step by step.'
      : 'ANOTHER OUTCOME than recorded: the record was edited, or this version judges otherwise.',
    `  judged as of  ${at}`,
    `  recorded      ${word(outcome)}, by ${printable(program)}`,
    `  now           ${word(report)}`,
    ...section(
      'differing',
      differing.map((member) => `  ${member}`),
    ),
    ...section(
      'steps that came out otherwise',
      steps.map(
        ({ name, recorded, replayed }) => `  ${printable(name)}: recorded ${of(recorded)}, now ${of(replayed)}`,
      ),
    ),
    '',
    verificationText(report),
  ].join('\n');
}

function section(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines];
}

function failureLines(steps: readonly Step[]): readonly string[] {
  return steps
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, reason, code }) => [
      `  ${mark.failed} ${name}: ${reason ?? ''} [${code ?? ''}]`,
      `      should be: ${meaningOf(name) ?? name}`,
      `      what to do: ${adviceFor(code ?? '')}`,
    ]);
}

function unmadeLines(steps: readonly Step[]): readonly string[] {
  return steps
    .filter(({ status }) => status === 'not-evaluated')
    .map(({ name, reason }) => `  ${mark['not-evaluated']} ${name}: ${reason ?? ''}`);
}

function checkedLines(steps: readonly Step[]): readonly string[] {
  const made = steps.filter(({ status }) => status === 'ok');
  const width = Math.max(0, ...made.map(({ name }) => name.length));
  return made.map(({ name, reason }) => {
    const remark = reason === undefined ? '' : ` (${reason})`;
    return `  ${mark.ok} ${name.padEnd(width)}  ${meaningOf(name) ?? ''}${remark}`.trimEnd();
  });
}

function hardwareLines(fields: VerificationReport['fields']): readonly string[] {
  if (fields === null) return [];
  return 'chipId' in fields ? snpFieldLines(fields) : tdxFieldLines(fields);
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
