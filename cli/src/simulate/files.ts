// What a simulation leaves behind: every metric as CSV and Parquet, the picture of convergence, the models, and a summary.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WardroundError } from '@wardround/protocol/errors';
import { encodeSafetensors } from '@wardround/protocol/safetensors';
import { convergencePicture } from './picture.ts';
import { csvOf, type MeasuredVariant, measurementsOf, parquetOf } from './tidy.ts';

/** @returns the files' names @throws WardroundError `file-not-written` */
export async function writeSimulation(
  directory: string,
  { title, variants, summary }: { title: string; variants: readonly MeasuredVariant[]; summary: unknown },
): Promise<readonly string[]> {
  const measurements = variants.flatMap(measurementsOf);
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    ['metrics.csv', csvOf(measurements)],
    ['metrics.parquet', parquetOf(measurements)],
    ['convergence.svg', convergencePicture(measurements, title)],
    ['summary.json', `${JSON.stringify(summary, null, 2)}\n`],
    ...variants.map(({ variant, result }): readonly [string, Uint8Array] => [
      variants.length === 1 ? 'model.safetensors' : `model-${variant}.safetensors`,
      encodeSafetensors(result.final.model),
    ]),
  ];
  for (const [name, content] of files) {
    const path = join(directory, name);
    try {
      await writeFile(path, content, { flag: 'wx' });
    } catch (cause) {
      throw new WardroundError('file-not-written', 'a file of the simulation could not be written', {
        where: path,
        cause,
      });
    }
  }
  return files.map(([name]) => name);
}
