// The importer process: reads its one source and nothing else, writes the snapshot, answers without a row in it.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSnapshot } from '@wardround/datasets/snapshot';
import { siteDirectories, type SitePaths, sitePaths } from '../../site-agent/src/config/site-paths.ts';
import type { Source } from '@wardround/datasets/source-settings';
import { runImporter } from '../../site-agent/src/importer/run-importer.ts';
import type { ImportedSnapshot } from '../../site-agent/src/importer/frames.ts';
import { launchImporter } from '../../site-agent/src/isolation/launch.ts';
import { probeIsolation } from '../../site-agent/src/isolation/probe.ts';
import { importerMain } from '../../site-agent/src/isolation/program.ts';

const { works } = await probeIsolation('networkNamespace');
const vaultIsolation = works ? 'networkNamespace' : 'vaultNotIsolated';
if (!works) console.warn('WEAKER: no network namespaces here; the importer is tried under Node’s permissions alone');

let paths: SitePaths;
let data: string;
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wardround-importer-'));
  data = join(directory, 'data.csv');
  paths = sitePaths(join(directory, 'site'));
  for (const path of siteDirectories(paths)) await mkdir(path, { mode: 0o700 });
});
afterEach(async () => await rm(join(paths.directory, '..'), { recursive: true, force: true }));

async function run(source: Source, script?: string): Promise<ImportedSnapshot> {
  return await runImporter({ paths, config: { source, vaultIsolation }, ...(script === undefined ? {} : { script }) });
}

describe('an import', () => {
  it('freezes a CSV file, and tells its columns', async () => {
    await writeFile(data, 'age,name\n61,Ada\n47,Ben\n');
    const imported = await run({ kind: 'csv', path: data });
    expect(imported).toMatchObject({
      rows: 2,
      columns: [
        { name: 'age', type: 'number' },
        { name: 'name', type: 'text' },
      ],
      provenance: 'real',
    });
    expect(JSON.stringify(imported)).not.toMatch(/Ada|61/);
    const { table } = await readSnapshot(join(paths.snapshots, `${imported.digest}.arrow`), imported.digest);
    expect(table.columns[0]?.values).toEqual([61, 47]);
    expect(await run({ kind: 'csv', path: data })).toEqual(imported);
    expect(await readdir(paths.snapshots)).toEqual([`${imported.digest}.arrow`]);
  });

  it('says by its own code what is wrong with the file', async () => {
    await expect(run({ kind: 'csv', path: data })).rejects.toMatchObject({ code: 'csv-unreadable' });
    await writeFile(data, 'age\n61,62\n');
    await expect(run({ kind: 'csv', path: data })).rejects.toMatchObject({ code: 'csv-ragged' });
    expect(await readdir(paths.snapshots)).toEqual([]);
  });

  it('of invented patients says so', async () => {
    expect(await run({ kind: 'syntheticHeartDisease', hospital: 'va', seed: 1 })).toMatchObject({
      provenance: 'synthetic',
    });
  });
});

describe('an importer that goes wrong', () => {
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(paths.directory, name);
    await writeFile(path, text);
    return path;
  };

  it.each([
    ['ends without a word', 'process.exit(3)', 'exit code 3'],
    ['says nonsense', 'process.stdout.write("nonsense")', 'exit code 0'],
    ['says too much', 'process.stdout.write("[" + "1,".repeat(4e6))', ''],
    ['crashes', 'throw new Error("broken")', 'broken'],
    ['kills itself', 'process.kill(process.pid, "SIGKILL"); process.abort()', ''],
  ])('and %s is told apart', async (_what, text, said) => {
    const path = await script('wrong.mjs', text);
    await expect(run({ kind: 'syntheticHeartDisease', hospital: 'va', seed: 1 }, path)).rejects.toMatchObject({
      code: 'importer-failed',
      got: expect.stringContaining(said),
    });
  });

  it('reaches neither the network, nor the keys, nor any file but its source', async () => {
    await writeFile(data, 'x');
    await writeFile(paths.agentKey, 'secret', { mode: 0o600 });
    const path = await script(
      'curious.mjs',
      `import { readFileSync, writeFileSync } from 'node:fs';
       import { networkInterfaces } from 'node:os';
       const tries = { source: () => readFileSync(${JSON.stringify(data)}), key: () => readFileSync(${JSON.stringify(paths.agentKey)}),
         passwd: () => readFileSync('/etc/passwd'), write: () => writeFileSync(${JSON.stringify(data)}, 'y'),
         state: () => writeFileSync(${JSON.stringify(join(paths.vault, 'state.sqlite'))}, 'y'),
         network: () => { if (Object.keys(networkInterfaces()).length === 0) throw new Error('none'); } };
       const done = Object.entries(tries).filter(([, act]) => { try { act(); return true; } catch { return false; } });
       process.stdout.write(JSON.stringify({ failed: { code: 'tried', message: done.map(([name]) => name).join(' '), action: 'stop' } }));`,
    );
    const managed = works ? 'source' : 'source network';
    await expect(run({ kind: 'csv', path: data }, path)).rejects.toMatchObject({ code: 'tried', message: managed });
  });

  it('is started without the network in the first place', () => {
    const { args } = launchImporter(paths, { isolation: 'networkNamespace', script: importerMain, sources: [data] });
    expect(args).toContain('--net');
    expect(args.join(' ')).not.toContain('keys');
  });
});
