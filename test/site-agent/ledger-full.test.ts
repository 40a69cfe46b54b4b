// A real file system that takes a part of a line and then no more: what was acknowledged before is there, and nothing else was acknowledged.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readLedger } from '@wardround/privacy/ledger';
import { LedgerFile } from '../../site-agent/src/ledger/ledger-file.ts';

const probe = join(import.meta.dirname, 'probes/fill-ledger.ts');
const answerSchema = z.strictObject({
  head: z.strictObject({ sequence: z.int(), hash: z.string() }).nullable(),
  failure: z.string(),
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wardround-full-'));
});
afterEach(async () => await rm(directory, { recursive: true }));

/** The kernel writes up to the limit and reports a short write; the next one fails with EFBIG, as a full disk does with ENOSPC. */
async function fillUp(path: string, kibibytes: number): Promise<z.infer<typeof answerSchema>> {
  const script = `trap '' XFSZ; ulimit -f ${kibibytes}; exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, probe, path]);
  return answerSchema.parse(JSON.parse(stdout));
}

describe('a disk that is full in the middle of a line', () => {
  it.each([1, 2, 3, 5])('of %i KiB: the torn line was not acknowledged, the others are kept', async (kibibytes) => {
    const path = join(directory, 'ledger.jsonl');
    const { head, failure } = await fillUp(path, kibibytes);
    expect(failure).toBe('EFBIG');
    const left = readLedger(await readFile(path));
    expect(left.torn).toBe(true);
    expect(left.head).toEqual(head);
    expect(left.head.sequence).toBeGreaterThan(0);
    const witness = { acknowledged: () => head, acknowledge: () => undefined };
    const again = await LedgerFile.open(path, witness);
    expect(again.entries).toEqual(left.entries);
    expect(readLedger(await readFile(path)).torn).toBe(false);
  });
});
