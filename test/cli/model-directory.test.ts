// The released model's directory: all of it or nothing, and never over anything that is there.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeModelDirectory } from '../../cli/src/study/model-directory.ts';

const files = new Map([
  ['model.safetensors', Uint8Array.of(1, 2)],
  ['tfjs/model.json', Uint8Array.of(3)],
]);

function freshFolder(): string {
  return mkdtempSync(join(tmpdir(), 'wardround-model-'));
}

const unwritable = expect.objectContaining({ code: 'model-unwritable' });

describe('writeModelDirectory', () => {
  it.each(['new', 'deep/er/new'])('writes every file and leaves nothing beside them: %s', async (name) => {
    const out = join(freshFolder(), name);
    await writeModelDirectory(out, files);
    expect([...readFileSync(join(out, 'model.safetensors'))]).toEqual([1, 2]);
    expect([...readFileSync(join(out, 'tfjs/model.json'))]).toEqual([3]);
    expect(readdirSync(join(out, '..'))).toEqual(['new']);
  });

  it('takes an empty directory', async () => {
    const out = freshFolder();
    await writeModelDirectory(out, files);
    expect(readdirSync(out).toSorted()).toEqual(['model.safetensors', 'tfjs']);
  });

  it('leaves a directory alone that holds something, and a file', async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, 'full'));
    writeFileSync(join(folder, 'full/model.safetensors'), 'mine');
    writeFileSync(join(folder, 'file'), 'mine');
    await expect(writeModelDirectory(join(folder, 'full'), files)).rejects.toEqual(unwritable);
    await expect(writeModelDirectory(join(folder, 'file'), files)).rejects.toEqual(unwritable);
    expect(readFileSync(join(folder, 'full/model.safetensors'), 'utf8')).toBe('mine');
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
    expect(readdirSync(folder).toSorted()).toEqual(['file', 'full']);
  });

  it('leaves nothing where one file cannot be written', async () => {
    const folder = freshFolder();
    const impossible = new Map([...files, ['model.safetensors/inside', Uint8Array.of(4)]]);
    await expect(writeModelDirectory(join(folder, 'new'), impossible)).rejects.toEqual(unwritable);
    expect(existsSync(join(folder, 'new'))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('cannot write below a file', async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'file'), 'mine');
    await expect(writeModelDirectory(join(folder, 'file/new'), files)).rejects.toEqual(unwritable);
  });
});
