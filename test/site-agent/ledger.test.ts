// The ledger's file: durable before it is acknowledged, torn lines cut only where nobody relied on them, rolled-back disks found out.
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LedgerHead, readLedger, type Reservation } from '@wardround/privacy/ledger';
import { LedgerFile, type LedgerWitness } from '../../site-agent/src/ledger/ledger-file.ts';

let directory: string;
let path: string;
let witness: LedgerWitness & { head: LedgerHead | null };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-ledger-'));
  path = join(directory, 'ledger.jsonl');
  witness = {
    head: null,
    acknowledged: () => witness.head,
    acknowledge: (head) => {
      witness.head = head;
    },
  };
});
afterEach(async () => await rm(directory, { recursive: true }));

const reservation = (n: number): Reservation => ({
  type: 'reserve',
  federation: 'f'.repeat(64),
  study: '5'.repeat(64),
  approval: String(n).padStart(64, 'a'),
  population: 'site',
  budget: { kind: 'unbounded' },
  rounds: 10,
  maxAttempts: 3,
  reservedAt: '2026-11-23T08:00:00.000Z',
});

async function filled(count: number): Promise<LedgerFile> {
  const ledger = await LedgerFile.open(path, witness);
  for (let n = 1; n <= count; n += 1) await ledger.reserve(reservation(n));
  return ledger;
}

describe('the ledger on disk', () => {
  it('keeps reservations through restarts, readable by its owner alone', async () => {
    await filled(2);
    const again = await LedgerFile.open(path, witness);
    expect(again.entries.map(({ entry }) => entry)).toEqual([reservation(1), reservation(2)]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(witness.head?.sequence).toBe(2);
  });

  it('reserves once for one approval', async () => {
    const ledger = await filled(1);
    await ledger.reserve(reservation(1));
    expect(ledger.entries).toHaveLength(1);
    expect(readLedger(await readFile(path)).entries).toHaveLength(1);
  });

  it('acknowledges, after a restart, what was written and not acknowledged before the kill', async () => {
    await filled(1);
    witness.head = null;
    const again = await LedgerFile.open(path, witness);
    await again.reserve(reservation(1));
    expect(witness.head).toMatchObject({ sequence: 1 });
    expect(again.entries).toHaveLength(1);
  });

  it('cuts off a line that was torn before it was acknowledged, and goes on', async () => {
    await filled(1);
    const whole = await readFile(path);
    await appendFile(path, '{"body":{"entry":');
    const again = await LedgerFile.open(path, witness);
    expect(await readFile(path)).toEqual(whole);
    await again.reserve(reservation(2));
    expect(readLedger(await readFile(path)).entries).toHaveLength(2);
  });

  it('does not start where an acknowledged reservation is torn, gone, or another', async () => {
    await filled(2);
    const whole = await readFile(path);
    const acknowledged = witness.head;
    for (const length of [0, whole.byteLength - 1, Math.floor(whole.byteLength / 2)]) {
      await truncate(path, length);
      await expect(LedgerFile.open(path, witness)).rejects.toMatchObject({
        code: 'ledger-rolled-back',
        action: 'stop',
      });
      await writeFile(path, whole);
    }
    witness.head = null;
    await rm(path);
    const other = await LedgerFile.open(path, witness);
    await other.reserve(reservation(8));
    await other.reserve(reservation(9));
    witness.head = acknowledged;
    await expect(LedgerFile.open(path, witness)).rejects.toMatchObject({ code: 'ledger-rolled-back' });
  });

  it('does not start where something was changed in it', async () => {
    await filled(1);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"rounds":10', '"rounds":11'));
    await expect(LedgerFile.open(path, witness)).rejects.toMatchObject({ code: 'ledger-damaged' });
  });

  it('does not write where somebody else wrote', async () => {
    const ledger = await filled(1);
    await appendFile(path, 'x');
    await expect(ledger.reserve(reservation(2))).rejects.toMatchObject({ code: 'ledger-write' });
  });
});
