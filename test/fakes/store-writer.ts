// A process that opens the store, writes one record after another in some lanes at once, and prints each that was acknowledged.
// Arguments: the directory, the database's URL (empty for SQLite), how many lanes, how many records in each (none: until it is killed).
import { once } from 'node:events';
import { openStore } from '../../coordinator/src/store/open-store.ts';

const [directory = '', url = '', lanes = '4', records = 'Infinity'] = process.argv.slice(2);
await once(process.stdin, 'data');
const store = await openStore({ directory, databaseUrl: url === '' ? undefined : url, now: () => new Date() });

async function write(lane: number): Promise<void> {
  for (let n = 1; n <= Number(records); n += 1) {
    const jws = `lane-${lane}-record-${n}`;
    const record = { topic: 'federation', kind: 'KeyBundle', document: jws, signer: 'writer', jws };
    process.stdout.write(`${await store.board.append(record)} ${jws}\n`);
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, async (_, lane) => await write(lane)));
await store.close();
process.stdin.destroy();
