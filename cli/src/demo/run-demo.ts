// The demo from start to end: founding, a study, its model, the table, the audit, the attacks. Returns what `--json` prints.
import { join } from 'node:path';
import { releasedFigures } from '../study/released-figures.ts';
import { answer, audited, withResults } from './answers.ts';
import type { AttackResult } from './attacks/attack.ts';
import { tryAttacks } from './attacks/try-attacks.ts';
import { found, siteDir, type Stage } from './founding.ts';
import { untilResults } from './site-files.ts';
import { type Ran, runStudy } from './study.ts';

export interface DemoOptions {
  readonly real: boolean;
  readonly rounds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface DemoResult {
  readonly data: 'synthetic' | 'real';
  readonly rounds: number;
  readonly sites: readonly SiteRow[];
  /** Of all hospitals' test patients together, as the last round released it. */
  readonly pooled: readonly PooledMetric[];
  /** Of training rounds; those of statistics and evaluation are counted apart. */
  readonly receiptsVerified: number;
  readonly resultReceiptsVerified: number;
  readonly attacks: readonly AttackResult[];
  readonly seconds: number;
  readonly directory: string;
  readonly study: string;
}

export interface PooledMetric {
  readonly metric: string;
  readonly value: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
}

export interface SiteRow {
  readonly name: string;
  /** Patients whose rows trained the model. */
  readonly patients: number;
  readonly localAccuracy: number | null;
  readonly federatedAccuracy: number | null;
  /** Of training. */
  readonly roundsContributed: number;
}

export async function runDemo(stage: Stage, { real, rounds, seed, signal }: DemoOptions): Promise<DemoResult> {
  const { story, directory } = stage;
  const founded = await found(stage);
  const ran = await runStudy(stage, founded, { rounds, seed, signal });
  const document = await stage.crew.run(['study', 'status', ran.study, '--dir', 'researcher']);
  const sites = await siteRows(stage, { study: ran.study, document }, signal);
  const receipts = await audit(stage, ran);
  const resultReceiptsVerified = answer(withResults, document).results.length;
  const attacks = await tryAttacks(stage, founded, ran);
  const seconds = Number(story.seconds().toFixed(1));
  return {
    data: real ? 'real' : 'synthetic',
    rounds,
    sites,
    pooled: pooledMetrics(document),
    receiptsVerified: receipts - resultReceiptsVerified,
    resultReceiptsVerified,
    attacks,
    seconds,
    directory,
    study: ran.study,
  };
}

async function siteRows(
  { directory, hospitals }: Stage,
  { study, document }: { study: string; document: unknown },
  signal: AbortSignal,
): Promise<readonly SiteRow[]> {
  return await Promise.all(
    hospitals.map(async (hospital) => {
      const dir = siteDir(directory, hospital);
      const { localAccuracy, federatedAccuracy, roundsContributed } = await untilResults(dir, study, signal);
      return {
        name: hospital.name,
        patients: weightOf(document, hospital.name),
        localAccuracy,
        federatedAccuracy,
        roundsContributed,
      };
    }),
  );
}

/** Empty for a plan without metrics. */
function pooledMetrics(document: unknown): readonly PooledMetric[] {
  const last = releasedFigures(answer(withResults, document).results).evaluations.at(-1);
  return (last?.metrics ?? []).map(({ metric, value, interval }) => ({
    metric,
    value,
    interval: interval === null ? null : { low: interval.low, high: interval.high },
  }));
}

/** The weight that the site approved with: with \`weighting: patients\` the number of its training rows. */
function weightOf(status: unknown, site: string): number {
  if (typeof status !== 'object' || status === null || !('approvals' in status) || !Array.isArray(status.approvals))
    return 0;
  const approvals: readonly unknown[] = status.approvals;
  for (const approval of approvals) {
    if (
      typeof approval === 'object' &&
      approval !== null &&
      'site' in approval &&
      approval.site === site &&
      'weight' in approval
    )
      return Number(approval.weight);
  }
  return 0;
}

async function audit({ crew, story, directory }: Stage, { exported }: Ran): Promise<number> {
  const { studies } = answer(audited, await crew.run(['audit', 'verify', exported]));
  const receipts = studies.reduce((sum, study) => sum + study.receiptsVerified, 0);
  story.tell(
    'auditor',
    `proved everything again, offline: ${receipts} receipts, their evidence, cosignatures and chain (${join(directory, 'audit')})`,
  );
  return receipts;
}
