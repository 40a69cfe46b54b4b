// The short list of attacks, tried one after the other on what is running.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { viewAt, viewOfFile } from '../../federation-file.ts';
import { readStudy, verifyPlan } from '../../study/find-study.ts';
import { readExport } from '../../study/record-export.ts';
import type { Founded, Stage } from '../founding.ts';
import type { Ran } from '../study.ts';
import type { Attack, AttackResult } from './attack.ts';
import { evidenceNotGenuine, evidenceOfOtherCode, evidenceReplayed, gpuOfAnotherMachine } from './on-evidence.ts';
import { cosignaturesDropped, receiptChanged } from './on-records.ts';
import { chunkFlipped, planAltered, strangerJoins } from './on-the-board.ts';

const attacks: readonly Attack[] = [
  strangerJoins,
  planAltered,
  chunkFlipped,
  evidenceReplayed,
  evidenceOfOtherCode,
  gpuOfAnotherMachine,
  evidenceNotGenuine,
  receiptChanged,
  cosignaturesDropped,
];

export async function tryAttacks(stage: Stage, founded: Founded, ran: Ran): Promise<readonly AttackResult[]> {
  const { story, directory } = stage;
  story.heading('attacks, tried on what is running');
  await mkdir(join(directory, 'attacks'), { recursive: true });
  const scene = { ...stage, founded, ran, records: await readRecords(ran) };
  const results: AttackResult[] = [];
  for (const attack of attacks) {
    const result = await attack(scene);
    story.tell(result.refused ? 'refused' : 'NOT REFUSED', `${result.attack}: ${result.got}`);
    results.push(result);
  }
  return results;
}

async function readRecords({ study, exported }: Ran): Promise<StudyRecords> {
  const { federation: file, studies } = await readExport(exported);
  const planJws = file.records.find((jws) => UNVERIFIED_kindOf(jws).digest === study) ?? '';
  const plan = await verifyPlan(planJws, await viewOfFile(file));
  const federation = await viewAt(file, plan.value.membership);
  return (await readStudy({ plan, federation }, studies.get(study) ?? [])).records;
}
