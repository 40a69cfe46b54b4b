// Every file of genuine evidence yields what its manifest says, at the times that it says: one table, whose counts are printed.
import { describe, expect, it } from 'vitest';
import { nvidiaRows } from './manifest/nvidia.ts';
import { notEvidence, rootRows } from './manifest/roots.ts';
import type { Judged, Row } from './manifest/row.ts';
import { rowKinds } from './manifest/row.ts';
import { snpRows } from './manifest/snp.ts';
import { tdxRows } from './manifest/tdx.ts';
import { tpmRows } from './manifest/tpm.ts';
import { haveVectors, vectorFiles } from './vectors.ts';

/** Every leaf of what is expected, by its path. */
function leavesOf(value: unknown, path = ''): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, part]) => leavesOf(part, `${path}/${name}`));
}

interface Finding {
  readonly row: Row;
  readonly compared: number;
  readonly wrong: readonly string[];
}

async function judge(row: Row): Promise<Finding> {
  const judged: Judged = await row.judge();
  const where = `${row.file}, ${row.what}`;
  const expected = leavesOf(row.fields ?? {}).filter(([path]) => path !== '');
  const got = new Map(leavesOf(judged.fields));
  const different = expected.filter(([path, value]) => got.get(path) !== value);
  const refused = JSON.stringify(judged.failures);
  const wanted = JSON.stringify(row.failures);
  return {
    row,
    compared: expected.length,
    wrong: [
      ...(refused === wanted ? [] : [`${where}: expected the refusals ${wanted}, got ${refused}`]),
      ...different.map(
        ([path, value]) => `${where}: ${path}: expected ${JSON.stringify(value)}, got ${JSON.stringify(got.get(path))}`,
      ),
    ],
  };
}

function countsOf(findings: readonly Finding[]): readonly Readonly<Record<string, string | number>>[] {
  const count = (kind: string, chosen: readonly Finding[]): Readonly<Record<string, string | number>> => {
    return {
      kind,
      files: new Set(chosen.map(({ row }) => row.file)).size,
      judgements: chosen.length,
      positives: chosen.filter(({ row }) => row.failures.length === 0).length,
      negatives: chosen.filter(({ row }) => row.failures.length > 0).length,
      fields: chosen.reduce((sum, { compared }) => sum + compared, 0),
    };
  };
  const kinds = rowKinds.map((kind) =>
    count(
      kind,
      findings.filter(({ row }) => row.kind === kind),
    ),
  );
  return [...kinds, count('all', findings)];
}

describe.skipIf(!haveVectors)('the manifest', () => {
  it('is true of every file, and no file is left out', async () => {
    const rows = [...snpRows(), ...tdxRows(), ...nvidiaRows(), ...tpmRows(), ...rootRows()];
    const findings: Finding[] = [];
    for (const row of rows) findings.push(await judge(row));
    expect(findings.flatMap(({ wrong }) => wrong)).toEqual([]);

    const used = new Set(rows.flatMap(({ file, beside = [] }) => [file, ...beside]));
    const files = vectorFiles();
    expect(files.filter((file) => !used.has(file) && !Object.hasOwn(notEvidence, file))).toEqual([]);
    expect([...used, ...Object.keys(notEvidence)].filter((file) => !files.includes(file))).toEqual([]);
    expect(Object.keys(notEvidence).filter((file) => used.has(file))).toEqual([]);

    console.log(
      `${files.length} files, ${used.size} of them in the table, ${Object.keys(notEvidence).length} no evidence`,
    );
    console.table(countsOf(findings));
  });
});
