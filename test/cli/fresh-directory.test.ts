// Where a demo goes: a second one beside the first, never into it.
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshDirectory } from '../../cli/src/fresh-directory.ts';

let from = '';
beforeEach(async () => (from = await mkdtemp(join(tmpdir(), 'wardround-demos-'))));
afterEach(async () => await rm(from, { recursive: true, force: true }));

const demoDirectory = async (typed: string | undefined, where: string): Promise<string> =>
  await freshDirectory({ name: 'wardround-demo', typed, from: where });

describe('a fresh directory', () => {
  it('has the next number each time, and is for nobody else to read', async () => {
    for (const name of ['wardround-demo', 'wardround-demo-2', 'wardround-demo-3']) {
      const directory = await demoDirectory(undefined, from);
      expect(directory).toBe(join(from, name));
      expect((await stat(directory)).mode & 0o077).toBe(0);
    }
  });

  it('is never one that is there already, whatever lies in it', async () => {
    await mkdir(join(from, 'wardround-demo'));
    await writeFile(join(from, 'wardround-demo-2'), 'a file');
    expect(await demoDirectory(undefined, from)).toBe(join(from, 'wardround-demo-3'));
    expect(await readdir(join(from, 'wardround-demo'))).toEqual([]);
  });

  it('is not shared by demos that start together', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(async () => await demoDirectory(undefined, from)));
    expect(made.map((directory) => basename(directory)).toSorted()).toEqual([
      'wardround-demo',
      'wardround-demo-2',
      'wardround-demo-3',
      'wardround-demo-4',
    ]);
  });

  it('is the one that was typed, new or empty', async () => {
    expect(await demoDirectory('a/b', from)).toBe(join(from, 'a/b'));
    expect(await demoDirectory('a/b', from)).toBe(join(from, 'a/b'));
    expect(await demoDirectory(join(from, 'c'), '/nonexistent')).toBe(join(from, 'c'));
  });

  it('is refused where it was typed and something lies in it', async () => {
    await mkdir(join(from, 'mine'));
    await writeFile(join(from, 'mine', 'thesis.txt'), '');
    await expect(demoDirectory('mine', from)).rejects.toMatchObject({ code: 'directory-not-empty' });
    expect(await readdir(from)).toEqual(['mine']);
  });

  it('is not looked for for ever where none can be made', async () => {
    await expect(demoDirectory(undefined, join(from, 'nowhere'))).rejects.toMatchObject({ code: 'file-not-written' });
  });
});
