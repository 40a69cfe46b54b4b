// The frozen snapshot: same table, same bytes; any other byte is refused before it is parsed.
import { chmodSync, mkdtempSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Float64, Table as ArrowTable, Utf8, tableToIPC, vectorFromArray } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import {
  commitToSnapshot,
  decodeSnapshot,
  encodeSnapshot,
  freezeSnapshot,
  readSnapshot,
} from '@wardround/datasets/snapshot';
import { type Table, makeTable } from '@wardround/datasets/table';
import { sha256, toHex } from '@wardround/protocol/bytes';

const table = makeTable('synthetic', [
  { type: 'number', name: '2', values: [1.5, null, -3] },
  { type: 'text', name: '1', values: ['a', null, 'ü'] },
  { type: 'number', name: 'empty', values: [null, null, null] },
]);
const digestOf = (bytes: Uint8Array): string => toHex(sha256(bytes));
const folder = (): string => mkdtempSync(join(tmpdir(), 'wardround-snapshot-'));

describe('encodeSnapshot', () => {
  it('is a function of the table', () => {
    expect(encodeSnapshot(table)).toEqual(encodeSnapshot(structuredClone(table)));
    // Written down so that another version's bytes are noticed: approvals commit to them.
    expect(digestOf(encodeSnapshot(table))).toMatchInlineSnapshot(
      `"c33e344f56c598ae3fb27c3a623d0df9e7d49cb83cf1018ac177e77b36141be1"`,
    );
  });

  it.each<[string, Table]>([
    ['missing cells', table],
    ['no rows', makeTable('real', [{ type: 'number', name: 'a', values: [] }])],
    ['no columns', makeTable('real', [])],
    [
      'a hundred thousand rows',
      makeTable('real', [{ type: 'number', name: 'a', values: Array.from({ length: 100_000 }, (_, i) => i / 3) }]),
    ],
  ])('comes back as it was: %s', (_, original) => {
    const bytes = encodeSnapshot(original);
    expect(decodeSnapshot(bytes, digestOf(bytes)).table).toEqual(original);
  });

  it('differs where only the provenance does', () => {
    expect(encodeSnapshot({ ...table, provenance: 'real' })).not.toEqual(encodeSnapshot(table));
  });
});

describe('decodeSnapshot', () => {
  it('refuses every single flipped bit and every truncation by its digest', () => {
    const bytes = encodeSnapshot(table);
    const digest = digestOf(bytes);
    for (let i = 0; i < bytes.length; i += 7) {
      const flipped = Uint8Array.from(bytes);
      flipped[i] = (flipped[i] ?? 0) ^ 1;
      expect(() => decodeSnapshot(flipped, digest)).toThrow(expect.objectContaining({ code: 'snapshot-digest' }));
      expect(() => decodeSnapshot(bytes.subarray(0, i), digest)).toThrow(
        expect.objectContaining({ code: 'snapshot-digest' }),
      );
    }
  });

  const metadata = (entries: readonly (readonly [string, string])[], arrow: ArrowTable): Uint8Array => {
    for (const [key, value] of entries) arrow.schema.metadata.set(key, value);
    return tableToIPC(arrow, 'file');
  };
  const numbers = (): ArrowTable => new ArrowTable({ a: vectorFromArray([1], new Float64()) });
  const format = ['wardround.snapshot', 'v1'] as const;
  it.each([
    ['bytes that are not Arrow', new TextEncoder().encode('not arrow at all')],
    ['an Arrow file without our metadata', metadata([], numbers())],
    ['an unknown provenance', metadata([format, ['wardround.provenance', 'unknown']], numbers())],
    [
      'another version',
      metadata(
        [
          ['wardround.snapshot', 'v2'],
          ['wardround.provenance', 'real'],
        ],
        numbers(),
      ),
    ],
    [
      'a type that we do not write',
      metadata([format, ['wardround.provenance', 'real']], new ArrowTable({ a: vectorFromArray([true]) })),
    ],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeSnapshot(bytes, digestOf(bytes))).toThrow(expect.objectContaining({ code: 'snapshot-format' }));
  });

  it('refuses a number that is not finite, which no importer writes', () => {
    const bytes = metadata(
      [format, ['wardround.provenance', 'real']],
      new ArrowTable({ a: vectorFromArray([Number.NaN], new Float64()), b: vectorFromArray(['x'], new Utf8()) }),
    );
    expect(() => decodeSnapshot(bytes, digestOf(bytes))).toThrow(expect.objectContaining({ code: 'table-shape' }));
  });
});

describe('freezeSnapshot', () => {
  it('names the file by its digest, for its owner only, with nothing left beside it', async () => {
    const directory = join(folder(), 'snapshots');
    const frozen = await freezeSnapshot(table, directory);
    expect(readdirSync(directory)).toEqual([`${frozen.digest}.arrow`]);
    expect(digestOf(readFileSync(frozen.path))).toBe(frozen.digest);
    expect(statSync(frozen.path).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(await freezeSnapshot(table, directory)).toEqual(frozen);
    expect(await readSnapshot(frozen.path, frozen.digest)).toEqual(frozen);
  });

  it('leaves nothing behind when the directory cannot be written', async () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    await expect(freezeSnapshot(table, path)).rejects.toThrow();
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});

describe('readSnapshot', () => {
  it('refuses another table, a laxer mode, a link, and what is not there', async () => {
    const directory = folder();
    const { path, digest } = await freezeSnapshot(table, directory);
    await expect(
      readSnapshot(
        path,
        digest.replace(/^./, (c) => (c === '0' ? '1' : '0')),
      ),
    ).rejects.toMatchObject({ code: 'snapshot-digest' });
    chmodSync(path, 0o640);
    await expect(readSnapshot(path, digest)).rejects.toMatchObject({ code: 'snapshot-permissions', got: '640' });
    chmodSync(path, 0o600);
    symlinkSync(path, join(directory, 'link'));
    await expect(readSnapshot(join(directory, 'link'), digest)).rejects.toMatchObject({ code: 'snapshot-unreadable' });
    await expect(readSnapshot(join(directory, 'none'), digest)).rejects.toMatchObject({ code: 'snapshot-unreadable' });
  });
});

describe('commitToSnapshot', () => {
  const digest = 'ab'.repeat(32);
  it('hides the digest behind its salt', () => {
    const salt = new Uint8Array(32).fill(1);
    expect(commitToSnapshot(digest, salt)).toMatch(/^[0-9a-f]{64}$/);
    expect(commitToSnapshot(digest, salt)).toBe(commitToSnapshot(digest, salt));
    expect(commitToSnapshot(digest, new Uint8Array(32).fill(2))).not.toBe(commitToSnapshot(digest, salt));
  });
  it.each([0, 31, 33])('refuses a salt of %i bytes', (length) => {
    expect(() => commitToSnapshot(digest, new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'snapshot-salt' }),
    );
  });
});
