// Runs where the vault would: keeps more records of one topic than SQLite sorts in its cache, starts again, and says how many it reads.
import { join } from 'node:path';
import { VaultState } from '../../../site-agent/src/vault/state.ts';

const [directory = ''] = process.argv.slice(2);
const path = join(directory, 'vault', 'state.sqlite');
const count = 128;
const state = new VaultState(path);
for (let index = 0; index < count; index += 1) {
  const jws = `${index} ${'x'.repeat(64 * 1024)}`;
  state.keepRecord({ topic: 'study', kind: 'SealedModel', digest: String(index), jws, own: false });
}
state.close();
const again = new VaultState(path).records('study').map(({ digest }) => Number(digest));
const inOrder = again.every((digest, index) => digest === index);
process.stdout.write(JSON.stringify({ kept: count, read: again.length, inOrder }));
