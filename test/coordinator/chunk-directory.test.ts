// Chunks on disk: wrong names, wrong bytes, spoiled files, half-written ones, the quota.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { chunkDigest, maxChunkSize } from '@wardround/protocol/manifest';
import { ChunkDirectory } from '../../coordinator/src/chunk-directory.ts';

const bytes = utf8('ciphertext of a hospital');
const digest = chunkDigest(bytes);
let root: string;
let chunks: ChunkDirectory;
const pathOf = (name: string): string => join(root, name.slice(0, 2), name);

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'wardround-chunks-')), 'chunks');
  chunks = await ChunkDirectory.open({ root, quotaBytes: 100 });
});
afterEach(async () => await rm(join(root, '..'), { recursive: true, force: true }));

describe('the chunk directory', () => {
  it('keeps a chunk under its name, for its owner alone, once', async () => {
    await Promise.all([chunks.put(digest, bytes), chunks.put(digest, bytes)]);
    await chunks.put(digest, bytes);
    expect(await chunks.get(digest)).toEqual(bytes);
    expect((await stat(pathOf(digest))).mode & 0o777).toBe(0o600);
    expect(chunks.usedBytes).toBe(bytes.byteLength);
    expect(await readdir(join(root, 'incoming'))).toEqual([]);
  });

  it.each([
    ['another digest', '0'.repeat(64), bytes, 'chunk-digest'],
    ['a path', `../../${'0'.repeat(58)}`, bytes, 'chunk-name'],
    ['upper case', digest.toUpperCase(), bytes, 'chunk-name'],
    ['no bytes', chunkDigest(new Uint8Array()), new Uint8Array(), 'chunk-empty'],
    ['too many bytes', digest, new Uint8Array(maxChunkSize + 1), 'chunk-too-large'],
    ['more than the quota', chunkDigest(new Uint8Array(101)), new Uint8Array(101), 'chunk-quota'],
  ])('refuses %s', async (_what, name, content, code) => {
    await expect(chunks.put(name, content)).rejects.toMatchObject({ code });
    expect(chunks.usedBytes).toBe(0);
  });

  it.each([`../${'0'.repeat(61)}`, '', 'zz', `${'0'.repeat(63)}/`])('reads no file by the name %j', async (name) => {
    await expect(chunks.get(name)).rejects.toMatchObject({ code: 'chunk-name' });
    await expect(chunks.missing([name])).rejects.toMatchObject({ code: 'chunk-name' });
  });

  it('says what is missing, and keeps to it', async () => {
    await chunks.put(digest, bytes);
    const other = '1'.repeat(64);
    expect(await chunks.missing([digest, other])).toEqual([other]);
    await expect(chunks.get(other)).rejects.toMatchObject({ code: 'chunk-missing' });
  });

  it('does not serve a chunk that the disk spoiled, and takes it again', async () => {
    await chunks.put(digest, bytes);
    const spoiled = await readFile(pathOf(digest));
    spoiled[3] = (spoiled[3] ?? 0) ^ 1;
    await writeFile(pathOf(digest), spoiled);
    await expect(chunks.get(digest)).rejects.toMatchObject({ code: 'chunk-missing' });
    expect(await chunks.missing([digest])).toEqual([digest]);
    expect(chunks.usedBytes).toBe(0);
    await chunks.put(digest, bytes);
    expect(await chunks.get(digest)).toEqual(bytes);
  });

  it('throws away what a kill left half written, and counts what is there', async () => {
    await chunks.put(digest, bytes);
    await writeFile(join(root, 'incoming', 'half'), 'half');
    const again = await ChunkDirectory.open({ root, quotaBytes: 100 });
    expect(await readdir(join(root, 'incoming'))).toEqual([]);
    expect(again.usedBytes).toBe(bytes.byteLength);
    expect(await again.get(digest)).toEqual(bytes);
  });

  it('gives its space back when a write fails', async () => {
    await mkdir(pathOf(digest));
    await expect(chunks.put(digest, bytes)).rejects.toThrow();
    expect(chunks.usedBytes).toBe(0);
    expect(await readdir(join(root, 'incoming'))).toEqual([]);
  });
});
