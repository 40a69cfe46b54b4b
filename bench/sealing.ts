// How fast sealing, opening and exact sums are, beside what the machine can do at all: `npm run bench:sealing -- [--mib 64,256,1024]`.
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { defaultChunkSize } from '@wardround/protocol/stream-chunks';
import * as z from 'zod';
import { machineInWords } from './machine.ts';
import { type Row, rows } from './sealing/rows.ts';
import { meanSeconds } from './sealing/stopwatch.ts';
import { markdownTable } from './table.ts';

const mebibyte = 2 ** 20;
const secondsPerRow = 1.5;
const leastMebibytes = 64;

const resultSchema = z.strictObject({ bytesPerSecond: z.number(), peakBytes: z.number() });
type Result = z.infer<typeof resultSchema>;

/** Each row of each size in a process of its own, so that its peak memory is its own. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { mib: { type: 'string', default: '64,256' }, only: { type: 'string' } } });
  const sizes = values.mib.split(',').map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size >= leastMebibytes && size <= 1024)) {
    console.error(`--mib takes whole numbers from ${leastMebibytes} to 1024, separated by commas`);
    process.exit(2);
  }
  if (values.only === undefined) {
    report(sizes);
    return;
  }
  const row = rows.find(({ id }) => id === values.only);
  if (row !== undefined) console.log(JSON.stringify(await measure(row, sizes[0] ?? leastMebibytes)));
}

async function measure(row: Row, size: number): Promise<Result> {
  const chunk = randomFillSync(new Uint8Array(defaultChunkSize));
  const load = { chunks: (size * mebibyte) / chunk.byteLength, chunk };
  const seconds = await meanSeconds(secondsPerRow, row.prepare(load));
  return { bytesPerSecond: (size * mebibyte) / seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

function report(sizes: readonly number[]): void {
  console.log(
    `On ${machineInWords()}; one thread; processor time, each row in its own process for ${secondsPerRow} s.`,
  );
  console.log(
    'GB/s of payload (10⁹ bytes of int32). Sums take 8 bytes for each 4 of payload: they are in the peak memory of rows that sum.',
  );
  for (const size of sizes) {
    const results = new Map(rows.map(({ id }) => [id, measureApart(id, size)]));
    console.log(`\n${size} MiB\n`);
    console.log(tableOf(results));
  }
}

function measureApart(id: string, size: number): Result {
  const output = execFileSync(
    process.execPath,
    [...process.execArgv, import.meta.filename, '--only', id, '--mib', `${size}`],
    {
      encoding: 'utf8',
    },
  );
  return resultSchema.parse(JSON.parse(output));
}

function tableOf(results: ReadonlyMap<string, Result>): string {
  return markdownTable(
    [
      ['what', 'row', 'GB/s', 'against', 'peak MiB'],
      ...rows.map(({ id, title, limits }) => {
        const result = results.get(id);
        if (result === undefined) return [title];
        const ceiling = inSequence(limits.map((limit) => results.get(limit)?.bytesPerSecond ?? Number.NaN));
        const share =
          limits.length === 0
            ? 'a limit'
            : `${Math.round((100 * result.bytesPerSecond) / ceiling)} % of ${limits.join(' + ')}`;
        return [
          title,
          id,
          (result.bytesPerSecond / 1e9).toFixed(2),
          share,
          `${Math.round(result.peakBytes / mebibyte)}`,
        ];
      }),
    ],
    2,
  );
}

/** The speed of doing one after the other. */
function inSequence(speeds: readonly number[]): number {
  return 1 / speeds.reduce((sum, speed) => sum + 1 / speed, 0);
}

await main();
