// A process that enters one list after another into a mirror, as fast as it can, until it is killed. Says each that is durable.
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { copyBytes } from '@wardround/protocol/bytes';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';

const orders = z
  .strictObject({
    directory: z.string(),
    root: z.string(),
    at: z.string(),
    chain: z.string(),
    lists: z.array(z.string()),
  })
  .parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));

const now = new Date(orders.at);
const bytes = (text: string): Uint8Array<ArrayBuffer> => copyBytes(Buffer.from(text, 'base64'));
const writer = await MirrorWriter.open(orders.directory, { roots: { simulated: [orders.root] }, now: () => now });
process.stdout.write('open\n');
for (const [position, list] of orders.lists.entries()) {
  const entered = await writer.enter({
    key: { kind: 'amdCrl', product: 'Genoa', signer: 'vcek' },
    files: { content: bytes(list), chain: bytes(orders.chain) },
    source: `list ${position}`,
    mirroredAt: now,
    checkedAt: now,
  });
  process.stdout.write(`${position} ${entered.verified.issued.toISOString()}\n`);
}
process.stdout.write('done\n');
setInterval(() => {}, 60_000);
