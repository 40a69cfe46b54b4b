// XGBoost, LightGBM and scikit-learn on the same numbers: fetched from PyPI into a temporary folder, run, and said to be absent where they are.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import * as z from 'zod';
import type { Rows } from '@wardround/learning/rounds/site-rows';

const lineSchema = z.strictObject({ name: z.string(), seconds: z.number(), predictions: z.array(z.number()) });

export interface PeerRun {
  readonly name: string;
  readonly seconds: number;
  /** Of the test rows. */
  readonly predictions: Float64Array;
}

const packages = ['numpy', 'scikit-learn==1.9.1', 'lightgbm==4.7.0', 'xgboost-cpu==3.2.0'];
const minute = 60_000;

/** @param python an interpreter that has the packages; without it a virtual environment is made */
export function runPeers(
  { train, test }: { readonly train: Rows; readonly test: Rows },
  python: string | undefined,
): readonly PeerRun[] | { readonly absent: string } {
  const folder = mkdtempSync(join(tmpdir(), 'trees-peers-'));
  const wait = { timeout: 10 * minute, stdio: 'pipe', encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  try {
    for (const [name, rows] of Object.entries({ train, test })) {
      writeFileSync(join(folder, `${name}.features`), Float32Array.from(rows.features));
      writeFileSync(join(folder, `${name}.labels`), Float32Array.from(rows.labels));
    }
    const interpreter = python ?? madeIn(join(folder, 'environment'), wait);
    const output = execFileSync(interpreter, [join(import.meta.dirname, '../peers/trees.py'), folder], wait);
    return output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => lineSchema.parse(JSON.parse(line)))
      .map(({ name, seconds, predictions }) => ({ name, seconds, predictions: Float64Array.from(predictions) }));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { absent: stripVTControlCharacters(words).split('\n').slice(0, 3).join(' ').slice(0, 300) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function madeIn(folder: string, wait: { readonly timeout: number; readonly stdio: 'pipe' }): string {
  execFileSync('python3', ['-m', 'venv', folder], wait);
  const python = join(folder, 'bin/python');
  execFileSync(python, ['-m', 'pip', 'install', '-q', ...packages], wait);
  return python;
}
