// Hostile files where a mirror should be: what is no plain file, and more of them than memory should hold.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { maxItemBytes, maxMirrorBytes } from '@wardround/attestation/collateral/index-document';
import { requireRoom } from '@wardround/attestation/collateral/mirror-directory';
import { importFrom } from '../../cli/src/collateral/transfer.ts';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { readRegular } from '../../cli/src/collateral/read-files.ts';
import { at, freshDirectory } from './collateral-world.ts';

describe('files where a mirror should be', () => {
  it('that are none, or are elsewhere, are not read', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'wardround-review-'));
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('file'), 'bytes');
    symlinkSync(path('file'), path('link'));
    symlinkSync('/dev/zero', path('zero'));
    execFileSync('mkfifo', [path('pipe')]);
    mkdirSync(path('folder'));
    expect(await readRegular(path('file'), 5)).toEqual(Buffer.from('bytes'));
    for (const name of ['link', 'zero', 'pipe', 'folder', 'nothing'])
      expect(await readRegular(path(name), 100)).toBeNull();
    expect(await readRegular('/dev/zero', 100)).toBeNull();
    expect(await readRegular(path('file'), 4)).toBeNull();
  });

  it('that are more than memory should hold are refused before the rest is read', async () => {
    const stick = mkdtempSync(join(tmpdir(), 'wardround-review-'));
    const count = Math.ceil(maxMirrorBytes / maxItemBytes) + 1;
    for (let index = 0; index < count; index += 1) {
      writeFileSync(join(stick, `${index}.der`), '');
      truncateSync(join(stick, `${index}.der`), maxItemBytes);
    }
    const writer = await MirrorWriter.open(freshDirectory(), { roots: { simulated: [] }, now: () => at });
    await expect(
      importFrom([stick], { writer, now: at, believeDates: false, believeNrasKeys: false }),
    ).rejects.toSatisfy((error: unknown) => hasCode(error, 'collateral-too-much'));
    writer.close();
    expect(() => requireRoom(stick, maxMirrorBytes)).not.toThrow();
  });
});
