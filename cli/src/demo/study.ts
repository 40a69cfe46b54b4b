// The demo's study: launched, approved by each hospital, trained over its rounds, its model released and opened.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answer, launched, modelOpened } from './answers.ts';
import { demoPlan } from './demo-plan.ts';
import { type Founded, notIsolated, siteDir, type Stage, startEnclave } from './founding.ts';
import { readText } from '../yaml-file.ts';
import { untilStudy } from './site-files.ts';

/** The weaknesses of the demo: a person types each. */
const weaknesses = ['noDifferentialPrivacy', 'simulatedPlatform', 'unmasked', 'unwitnessed'];

export interface Ran {
  readonly study: string;
  readonly exported: string;
}

export async function runStudy(
  stage: Stage,
  { fingerprint, measurement }: Founded,
  { rounds, seed, signal }: { rounds: number; seed: number; signal: AbortSignal },
): Promise<Ran> {
  const { story, crew, directory, hospitals } = stage;
  story.heading('the study');
  await writeFile(join(directory, 'plan.yaml'), demoPlan({ hospitals, rounds, seed }));
  const { study } = answer(
    launched,
    await crew.run(['study', 'launch', 'plan.yaml', '--dir', 'researcher', '--fingerprint', fingerprint]),
  );
  story.tell('researcher', `heard the fingerprint too, signed plan.yaml and launched it: study ${study.slice(0, 12)}`);
  await Promise.all(hospitals.map(async (hospital) => await approve(stage, hospital, { study, signal })));
  story.heading(`${rounds} rounds`);
  await Promise.all([startEnclave(stage, measurement), watch(stage, study)]);
  await release(stage, study, signal);
  const exported = await exportRecords(stage, study);
  return { study, exported };
}

async function approve(
  { story, crew, directory }: Stage,
  hospital: Stage['hospitals'][number],
  { study, signal }: { study: string; signal: AbortSignal },
): Promise<void> {
  const dir = siteDir(directory, hospital);
  await untilStudy(dir, { study, holds: ({ state }) => state === 'awaiting-decision', signal });
  const isolated = (await readText(join(dir, 'site.yaml'))).includes(`vaultIsolation: ${notIsolated}`)
    ? [notIsolated]
    : [];
  const accepted = [...weaknesses, ...isolated].join(',');
  await crew.run(['site', 'approve', study, '--dir', dir, '--accept', accepted, '--yes']);
  await untilStudy(dir, { study, holds: ({ state }) => state !== 'awaiting-decision', signal });
  story.tell(hospital.name, `read the plan, froze a snapshot, typed the weaknesses, approved`);
}

/** `study watch` tells; its lines are ours. */
async function watch({ story, crew }: Stage, study: string): Promise<void> {
  await crew.attempt(['study', 'watch', study, '--dir', 'researcher'], (line) => {
    if (!line.includes(' approved, with weight ')) story.tell('board', line);
  });
}

async function release(
  { story, crew, directory, hospitals }: Stage,
  study: string,
  signal: AbortSignal,
): Promise<void> {
  story.heading('the model');
  await Promise.all(
    hospitals.map(async (hospital) => {
      const dir = siteDir(directory, hospital);
      await untilStudy(dir, { study, holds: ({ state }) => state === 'complete', signal });
      await crew.run(['site', 'consent', study, '--dir', dir, '--yes']);
      story.tell(hospital.name, 'has the final model; a person consents to its release');
    }),
  );
  const opened = answer(modelOpened, await untilReleased({ crew, study, signal }));
  story.tell('researcher', `opened the model ${opened.model.slice(0, 12)}: the one whose receipt a quorum cosigned`);
}

/** The hospitals' vaults release when they see enough consents; until then the command says that there is nothing yet. */
async function untilReleased({
  crew,
  study,
  signal,
}: {
  crew: Stage['crew'];
  study: string;
  signal: AbortSignal;
}): Promise<unknown> {
  for (;;) {
    const { status, document, stderr } = await crew.attempt([
      'study',
      'model',
      study,
      '--dir',
      'researcher',
      '--out',
      'model',
    ]);
    if (status === 0) return document;
    if (!stderr.includes('[release-none]') && !stderr.includes('[chunk-missing]'))
      return await crew.run(['study', 'model', study, '--dir', 'researcher', '--out', 'model']);
    signal.throwIfAborted();
  }
}

async function exportRecords({ crew, directory, hospitals }: Stage, study: string): Promise<string> {
  const exported = join(directory, 'audit');
  await crew.run(['study', 'status', study, '--dir', 'researcher', '--export', exported]);
  await mkdir(join(exported, 'policies'), { recursive: true });
  for (const hospital of hospitals)
    await cp(join(siteDir(directory, hospital), 'policy.yaml'), join(exported, 'policies', `${hospital.name}.yaml`));
  await mkdir(join(exported, 'model'), { recursive: true });
  await cp(join(directory, 'model/model.safetensors'), join(exported, 'model/model.safetensors'));
  return exported;
}
