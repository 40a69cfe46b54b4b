// Reserves one approval after another until the disk takes no more, and says which were acknowledged. Run under a limit of the file's size.
import type { LedgerHead } from '@wardround/privacy/ledger';
import { LedgerFile } from '../../../site-agent/src/ledger/ledger-file.ts';

const [path = ''] = process.argv.slice(2);
let head: LedgerHead | null = null;
const witness = {
  acknowledged: () => head,
  acknowledge: (next: LedgerHead) => {
    head = next;
  },
};
const ledger = await LedgerFile.open(path, witness);
let failure = '';
for (let n = 1; n <= 100 && failure === ''; n += 1) {
  try {
    await ledger.reserve({
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
  } catch (error) {
    failure = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}
process.stdout.write(JSON.stringify({ head, failure }));
