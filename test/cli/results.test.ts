// Released results: believed for the digest that q sites cosigned, never for who shows them; and found out by the audit where they are not.
import { afterEach, describe, expect, it } from 'vitest';
import type { RoundReceipt } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { resultDigest, resultOf } from '@wardround/learning/rounds/released-result';
import type { AuditContext } from '../../cli/src/audit/context.ts';
import { checkResults } from '../../cli/src/audit/results.ts';
import { checkChain } from '../../cli/src/audit/rounds.ts';
import { resultLines } from '../../cli/src/study/result-text.ts';
import { studyResults } from '../../cli/src/study/results.ts';
import { roundStates } from '../../cli/src/study/rounds.ts';
import { linesOf } from '../../cli/src/study/watch.ts';
import { statusText, studyStatus } from '../../cli/src/study/status.ts';
import type { FakeEnclave } from '../fakes/fake-enclave.ts';
import { hex, VaultWorld } from '../site-agent/vault-world.ts';

let world: VaultWorld | undefined;
afterEach(async () => {
  await world?.dispose();
  world = undefined;
});

interface Closed {
  readonly enclave: FakeEnclave;
  readonly receipt: Verified<'RoundReceipt'>;
  /** The true one; nothing is published yet. */
  readonly result: DocumentOf<'RoundResult'>;
}

/** A round of statistics that all sites cosigned. @param change of its receipt */
async function closed(change: Partial<RoundReceipt> = {}): Promise<Closed> {
  const at = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, statistics: ['moments'] }) })).approved();
  world = at;
  const enclave = at.enclave();
  await at.session(enclave);
  const order = await enclave.order();
  await at.pumpAll();
  const receipt = await enclave.receipt(order, change);
  await at.pumpAll();
  for (const peer of at.peers) await peer.cosign(receipt);
  await enclave.sync();
  const values = resultOf(at.plan.value, decodeCheckpoint(enclave.checkpoints.get(1) ?? new Uint8Array()));
  const result: DocumentOf<'RoundResult'> = {
    kind: 'RoundResult',
    version: 1,
    ...enclave.names,
    session: receipt.value.session,
    receipt: receipt.digest,
    task: 'statistics',
    round: 1,
    result: resultDigest(values) ?? '',
    values,
  };
  return { enclave, receipt, result };
}

function audit({ records }: FakeEnclave): AuditContext {
  const { federation } = records;
  const empty = { releases: [], revocations: [], policies: new Map() };
  return { records, federation, rounds: roundStates(records), ...empty };
}

describe('a released result', () => {
  it('is told where its digest is the cosigned one', async () => {
    const { enclave, result } = await closed();
    expect(studyResults(enclave.records)).toEqual([]);
    await enclave.publish('RoundResult', result);
    expect(studyResults(enclave.records)).toEqual([{ round: 1, task: 'statistics', values: result.values }]);
    const status = studyStatus(enclave.records);
    expect(status.rounds[0]?.task).toBe('statistics');
    expect(linesOf(status, 3)).toContain(`statistics of ${rowsOf(result)} training rows of all sites: moments`);
    expect(statusText(status, enclave.records)).toContain('round 1 of 3 (statistics)');
    expect(checkResults(audit(enclave))).toBe('1 results, each as it was cosigned');
  });

  it('is not told with other values under the true digest, and the audit names it', async () => {
    const { enclave, result } = await closed();
    await enclave.publish('RoundResult', { ...result, values: { rows: 1_000_000 } });
    expect(studyResults(enclave.records)).toEqual([]);
    expect(() => checkResults(audit(enclave))).toThrow(expect.objectContaining({ code: 'audit-result' }));
  });

  it.each<[string, Partial<DocumentOf<'RoundResult'>>]>([
    ['another digest with its own values', { values: {}, result: resultDigest({}) ?? '' }],
    ['another task', { task: 'evaluation' }],
    ['another round', { round: 2 }],
    ['a receipt that is none', { receipt: hex('receipt') }],
  ])('is wrong for the audit with %s', async (_, change) => {
    const { enclave, result } = await closed();
    await enclave.publish('RoundResult', result);
    await enclave.publish('RoundResult', { ...result, ...change });
    expect(() => checkResults(audit(enclave))).toThrow(expect.objectContaining({ code: 'audit-result' }));
    expect(studyResults(enclave.records)).toEqual([{ round: 1, task: 'statistics', values: result.values }]);
  });

  it('is missed by the audit where nobody shows it', async () => {
    const { enclave } = await closed();
    expect(() => checkResults(audit(enclave))).toThrow(expect.objectContaining({ code: 'audit-result-missing' }));
  });

  it('of a form that this version does not know is only counted', () => {
    const later = { round: 4, task: 'evaluation', values: { kind: 'something new' } } as const;
    expect(resultLines(later)).toEqual(['round 4 released a result that only --json shows here']);
  });
});

const rowsOf = ({ values }: DocumentOf<'RoundResult'>): string => String(Object(Object(values).rows).train);

describe('the audit of a round that the plan has for statistics', () => {
  it.each<[string, string, Partial<RoundReceipt>]>([
    ['without a result', 'audit-chain-result', { result: null }],
    ['with another model', 'audit-chain-result', { model: hex('trained') }],
    ['that says that it trained', 'audit-chain-task', { task: 'update' }],
  ])('refuses one %s', async (_, code, change) => {
    const { enclave } = await closed(change);
    expect(() => checkChain(audit(enclave))).toThrow(expect.objectContaining({ code }));
  });
});
