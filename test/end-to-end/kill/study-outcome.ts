// What a study came to, read from its exported records: which rounds were closed, by whom, and with which model.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { documentKinds } from '@wardround/protocol/documents/registry';

export interface ClosedRound {
  readonly round: number;
  /** Cosigned receipts of this round, in the order of their attempts: more than one only where the round was rolled forward. */
  readonly receipts: readonly Receipt[];
}

export interface Receipt {
  readonly digest: string;
  readonly previous: string | null;
  readonly checkpoint: string | null;
  readonly contributors: readonly string[];
}

export interface Outcome {
  readonly rounds: readonly ClosedRound[];
  /** Of every receipt, cosigned or not: pairs of round and checkpoint. */
  readonly issued: readonly { readonly round: number; readonly checkpoint: string | null }[];
  readonly sessions: number;
  /** Orders that asked for the same integers of a cosigned round again. */
  readonly rollForwards: number;
  /** Orders that asked sites for a checkpoint. */
  readonly recalls: number;
}

/** @param directory an export that `audit verify` accepts: nothing is verified here */
export function readOutcome(directory: string, quorum: number): Outcome {
  const records = readFileSync(join(directory, 'records.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => UNVERIFIED_kindOf((JSON.parse(line) as { jws: string }).jws));
  const witnesses = new Map<string, Set<string>>();
  for (const { kind, value } of records) {
    if (kind !== 'Cosignature') continue;
    const { receipt, site } = documentKinds.Cosignature.schema.parse(value);
    witnesses.set(receipt, (witnesses.get(receipt) ?? new Set()).add(site));
  }
  const receipts = records
    .filter(({ kind }) => kind === 'RoundReceipt')
    .map(({ digest, value }) => ({ digest, ...documentKinds.RoundReceipt.schema.parse(value) }))
    .toSorted((a, b) => a.attempt - b.attempt);
  const orders = records
    .filter(({ kind }) => kind === 'RoundOrder')
    .map(({ value }) => documentKinds.RoundOrder.schema.parse(value));
  const cosigned = receipts.filter(({ digest }) => (witnesses.get(digest)?.size ?? 0) >= quorum);
  return {
    rounds: [...Map.groupBy(cosigned, ({ round }) => round)]
      .toSorted(([a], [b]) => a - b)
      .map(([round, ofRound]) => ({
        round,
        receipts: ofRound.map(({ digest, previous, checkpoint, contributors }) => ({
          digest,
          previous,
          checkpoint,
          contributors: contributors.map(({ site }) => site),
        })),
      })),
    issued: receipts.map(({ round, checkpoint }) => ({ round, checkpoint })),
    sessions: records.filter(({ kind }) => kind === 'SessionOpen').length,
    rollForwards: orders.filter(({ rollsForward }) => rollsForward !== null).length,
    recalls: orders.filter(({ task }) => task === 'checkpointReturn').length,
  };
}
