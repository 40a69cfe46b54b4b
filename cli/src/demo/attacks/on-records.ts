// Attacks years later: records that are changed or taken away before an auditor gets them.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { readExport, writeExport } from '../../study/record-export.ts';
import { answer, audited } from '../answers.ts';
import type { Attack, AttackResult, Scene } from './attack.ts';
import { rewritten } from './on-the-board.ts';

/** One bit of a weight in one receipt. */
export const receiptChanged: Attack = async (scene) =>
  await judge(scene, {
    attack: 'one bit of a receipt is changed afterwards',
    folder: 'receipt',
    change: (records) => {
      const index = records.findIndex((jws) => UNVERIFIED_kindOf(jws).kind === 'RoundReceipt');
      const flip = (_all: string, weight: string): string => `"totalWeight":${Number(weight) ^ 1}`;
      return records.map((jws, at) =>
        at === index ? rewritten(jws, (text) => text.replace(/"totalWeight":(\d+)/, flip)) : jws,
      );
    },
  });

/** As if a result had been given out that no quorum of hospitals had seen. */
export const cosignaturesDropped: Attack = async (scene) =>
  await judge(scene, {
    attack: 'a result is passed off without a quorum of cosignatures',
    folder: 'cosignatures',
    change: (records) => {
      const last = records.findLast((jws) => UNVERIFIED_kindOf(jws).kind === 'RoundReceipt') ?? '';
      const { digest } = UNVERIFIED_kindOf(last);
      const isOfLast = (jws: string): boolean => {
        const { kind, value } = UNVERIFIED_kindOf(jws);
        return (
          kind === 'Cosignature' &&
          typeof value === 'object' &&
          value !== null &&
          Reflect.get(value, 'receipt') === digest
        );
      };
      return records.filter((jws) => !isOfLast(jws));
    },
  });

async function judge(
  { crew, directory, ran }: Scene,
  {
    attack,
    folder,
    change,
  }: { attack: string; folder: string; change: (records: readonly string[]) => readonly string[] },
): Promise<AttackResult> {
  const { federation, studies } = await readExport(ran.exported);
  const target = join(directory, 'attacks', folder);
  await cp(ran.exported, target, { recursive: true });
  await writeExport(target, { federation, studies: new Map([[ran.study, change(studies.get(ran.study) ?? [])]]) });
  const { status, document } = await crew.attempt(['audit', 'verify', target]);
  const steps = answer(audited, document).studies.flatMap((study) => study.steps);
  const failed = steps.find((step) => step.status === 'failed');
  return { attack, got: failed?.code ?? `status ${status}`, refused: status !== 0 };
}
