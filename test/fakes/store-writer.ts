// A process that opens the store, writes one record after another, several at once, and prints each that was acknowledged, until it is killed.
import { once } from 'node:events';
import { openStore } from '../../coordinator/src/store/open-store.ts';

const [directory = '', databaseUrl] = process.argv.slice(2);
await once(process.stdin, 'data');
const { board } = await openStore({ directory, databaseUrl, now: () => new Date() });

async function write(lane: number): Promise<never> {
  for (let n = 1; ; n += 1) {
    const jws = `lane-${lane}-record-${n}`;
    const sequence = await board.append({
      topic: 'federation',
      kind: 'KeyBundle',
      document: jws,
      signer: 'writer',
      jws,
    });
    process.stdout.write(`${sequence} ${jws}\n`);
  }
}

await Promise.all([1, 2, 3, 4].map(write));
