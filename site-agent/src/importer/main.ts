// The importer process: reads the configured source, writes a frozen snapshot, says its digest. It knows no coordinator and no federation.
import { buffer } from 'node:stream/consumers';
import { importSource } from '@wardround/datasets/source';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { describeError } from '@wardround/protocol/errors';
import { type ImportAnswer, importRequestSchema } from './frames.ts';

async function answer(): Promise<ImportAnswer> {
  try {
    const { source, snapshots } = importRequestSchema.parse(parseLimitedJson(await buffer(process.stdin)));
    const { digest, table } = await importSource(source, snapshots);
    const images = table.images === null ? [] : [{ name: table.images.name, type: 'image' as const }];
    const columns = [...table.columns.map(({ name, type }) => ({ name, type })), ...images];
    return { imported: { digest, rows: table.rows, columns, provenance: table.provenance } };
  } catch (error) {
    // For the person who typed the command, at the site: it may quote a cell, and goes nowhere else.
    return { failed: describeError(error) };
  }
}

process.stdout.write(JSON.stringify(await answer()));
