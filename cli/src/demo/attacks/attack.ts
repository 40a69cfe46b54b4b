// An attack of the demo: really tried, and what it got.
import { describeError } from '@wardround/protocol/errors';
import type { StudyRecords } from '@wardround/protocol/study-records';
import type { Founded, Stage } from '../founding.ts';
import type { Ran } from '../study.ts';

export interface AttackResult {
  readonly attack: string;
  /** The code with which it was refused, or what else became of it. */
  readonly got: string;
  readonly refused: boolean;
}

export interface Scene extends Stage {
  readonly founded: Founded;
  readonly ran: Ran;
  /** The study's records, verified. */
  readonly records: StudyRecords;
}

export type Attack = (scene: Scene) => Promise<AttackResult>;

/** Tries something that must not work. */
export async function outcome(attempt: () => Promise<unknown>): Promise<Omit<AttackResult, 'attack'>> {
  try {
    await attempt();
    return { got: 'accepted', refused: false };
  } catch (error) {
    return { got: describeError(error).code, refused: true };
  }
}
