// The audit of one study, in the order in which the study went. One verb a line: what is listed here is what `audit verify` proves.
import { lastRound } from '@wardround/protocol/schedule';
import { type AuditContext, type AuditInput, openAudit } from './context.ts';
import { checkEvidence } from './evidence.ts';
import { checkModelFile, checkReleases } from './release.ts';
import { checkResults } from './results.ts';
import { checkChain, checkContributions, checkCosignatures, checkSealedModels } from './rounds.ts';
import { checkSessions } from './sessions.ts';
import { type AuditStep, notEvaluated, step, wrong } from './steps.ts';

export interface StudyAudit {
  readonly study: string;
  readonly holds: boolean;
  /** Receipts that a quorum cosigned and that everything else bears out; 0 where anything does not hold. */
  readonly receiptsVerified: number;
  readonly steps: readonly AuditStep[];
}

export interface AuditRequest extends AuditInput {
  /** A safetensors file that is said to be the released model. */
  readonly modelFile: Uint8Array | null;
  /** Whether a study that still goes on may pass. */
  readonly soFar: boolean;
}

const names = [
  'sessions',
  'evidence',
  'chain',
  'contributions',
  'cosignatures',
  'sealed-models',
  'results',
  'complete',
  'releases',
  'model-file',
] as const;

/** Never throws for what the records hold: each refusal is a step. Pure: no file, no network, no clock. */
export async function auditStudy(request: AuditRequest): Promise<StudyAudit> {
  let context: AuditContext | null = null;
  const opened = await step('records', async () => {
    context = await openAudit(request);
    return describeRecords(context, request);
  });
  const steps =
    context === null
      ? names.map((name) => notEvaluated(name, 'the records do not verify'))
      : await auditContext(context, request);
  const all = [opened, ...steps];
  const holds = all.every(({ status }) => status === 'ok');
  return {
    study: request.study,
    holds,
    receiptsVerified: holds && context !== null ? closedRounds(context) : 0,
    steps: all,
  };
}

async function auditContext(context: AuditContext, { modelFile, soFar }: AuditRequest): Promise<readonly AuditStep[]> {
  const { records } = context;
  const checks: Readonly<Record<(typeof names)[number], () => string>> = {
    sessions: () => checkSessions(context),
    evidence: () => checkEvidence(context),
    chain: () => checkChain(context),
    contributions: () => checkContributions(context),
    cosignatures: () => checkCosignatures(context),
    'sealed-models': () => checkSealedModels(context),
    results: () => checkResults(context),
    complete: () => checkComplete(context, soFar),
    releases: () => checkReleases(records),
    'model-file': () => (modelFile === null ? 'no model file here' : checkModelFile(records, modelFile)),
  };
  const steps: AuditStep[] = [];
  for (const name of names) steps.push(await step(name, checks[name]));
  return steps;
}

function checkComplete(context: AuditContext, soFar: boolean): string {
  const planned = lastRound(context.records.plan.value);
  const closed = closedRounds(context);
  const stop = context.records.of('StudyStop').at(-1);
  if (closed === planned) return `all ${planned} rounds are closed`;
  if (stop !== undefined) return `stopped after ${closed} of ${planned} rounds [${stop.value.code}]`;
  if (soFar) return `${closed} of ${planned} rounds so far`;
  throw wrong('incomplete', 'the last round is not closed; say --so-far to audit a study that still goes on', {
    expected: `${planned} rounds`,
    got: `${closed}`,
  });
}

function closedRounds({ rounds }: AuditContext): number {
  return rounds.filter(({ closed }) => closed !== null).length;
}

function describeRecords({ federation }: AuditContext, { jwsList, federation: file }: AuditRequest): string {
  const sites = federation.sites.map(({ name }) => name).join(', ');
  return `${file.records.length + jwsList.length} records, every signature; federation ${federation.name} of ${sites}, f = ${federation.colludingSites}`;
}
