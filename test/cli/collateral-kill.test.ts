// A writer killed at any instant: what it said was durable is there, what it was at is whole or absent, and the next writer goes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesOf, parseIndex } from '@wardround/attestation/collateral/index-document';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import { hasCode } from '@wardround/protocol/errors';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { readMirrorFiles } from '../../cli/src/collateral/read-files.ts';
import { type AmdWorld, at, crlKey, dayMs, freshDirectory, makeAmdWorld } from './collateral-world.ts';

const lists = 40;
let world: AmdWorld;
let encoded: readonly string[];
const children: ChildProcess[] = [];

beforeAll(async () => {
  world = await makeAmdWorld();
  const days = Array.from({ length: lists }, (_, index) => (lists - index) * dayMs);
  const made = days.map(async (ago) => await world.vendor.issueCrl({ thisUpdate: new Date(at.getTime() - ago) }));
  encoded = (await Promise.all(made)).map((list) => Buffer.from(list).toString('base64'));
}, 120_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Writer {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

function startWriter(directory: string): Writer {
  const orders = join(mkdtempSync(join(tmpdir(), 'wardround-orders-')), 'orders.json');
  const chain = Buffer.from(world.chain).toString('base64');
  writeFileSync(
    orders,
    JSON.stringify({ directory, root: world.vendor.rootSha256, at: at.toISOString(), chain, lists: encoded }),
  );
  const child = spawn(process.execPath, [join(import.meta.dirname, 'collateral-writer-child.ts'), orders], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const { stdout } = child;
  return { child, lines: createInterface({ input: stdout })[Symbol.asyncIterator]() };
}

async function lineOf({ lines }: Writer): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('the writer ended');
  return value;
}

async function killed({ child }: Writer): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('a killed writer', () => {
  it('loses nothing that it said it had', async () => {
    const directory = freshDirectory();
    // At different instants of its work: right after the lock, and right after one item or another while it is at the next.
    for (const after of [0, 1, 2, 5, 9, 14, 20]) {
      const writer = startWriter(directory);
      expect(await lineOf(writer)).toBe('open');
      let last = '';
      for (let count = 0; count < after; count += 1) {
        // Those that are there already are older than what is there: the writer would end, so it begins where there is nothing newer.
        last = await lineOf(writer);
      }
      await killed(writer);
      if (after === 0) continue;
      const mirror = await readMirrorFiles(directory);
      const { held, refused } = readMirror(mirror, { at, roots: world.roots });
      expect(refused).toEqual([]);
      const [crl] = held;
      const said = last.split(' ')[1] ?? '';
      expect(crl?.verified.issued.toISOString() ?? '').toBeOneOf([said, following(said)]);

      const next = await MirrorWriter.open(directory, { roots: world.roots, now: () => at });
      expect((await next.held(crlKey))?.verified.issued).toEqual(crl?.verified.issued);
      next.close();
      // Litter is gone; what the index names is there.
      const named = filesOf(parseIndex(mirror.index));
      expect(new Set(readdirSync(join(directory, 'files')))).toEqual(named);
      expect(readdirSync(directory).toSorted()).toEqual(['.lock', 'files', 'index.json']);
      await forget(directory);
    }
  }, 60_000);

  it('keeps others out while it lives, and nobody after', async () => {
    const directory = freshDirectory();
    const writer = startWriter(directory);
    expect(await lineOf(writer)).toBe('open');
    const open = async (): Promise<MirrorWriter> =>
      await MirrorWriter.open(directory, { roots: world.roots, now: () => at });
    await expect(open()).rejects.toSatisfy((error: unknown) => hasCode(error, 'collateral-busy'));
    await killed(writer);
    (await open()).close();
  });

  it('shows a reader a whole mirror at every instant', async () => {
    const directory = freshDirectory();
    const writer = startWriter(directory);
    await lineOf(writer);
    await lineOf(writer);
    const seen = new Set<string>();
    for (let reads = 0; reads < 60; reads += 1) {
      const { held, refused } = readMirror(await readMirrorFiles(directory), { at, roots: world.roots });
      expect([refused, held.length]).toEqual([[], 1]);
      seen.add(held[0]?.item.source ?? '');
    }
    await killed(writer);
    expect(seen.size).toBeGreaterThan(0);
  }, 60_000);
});

/** The list that the writer was at when it was killed may be in force already. */
function following(issued: string): string {
  return new Date(Date.parse(issued) + dayMs).toISOString();
}

/** The next writer begins with the oldest list again. */
async function forget(directory: string): Promise<void> {
  const { rm } = await import('node:fs/promises');
  await rm(directory, { recursive: true });
}
