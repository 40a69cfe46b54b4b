// A study's records as a directory: what an auditor needs to check everything that was signed, with no network and years later.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { verifyFederationRecord } from '../audit/federation-records.ts';
import { type FederationFile, federationFileName, readFederationFile, viewOfFile } from '../federation-file.ts';

/** `DIR/federation.json`, `DIR/records.jsonl` (one `{study, jws}` a line), `DIR/policies/SITE.yaml`, `DIR/model/`. */
export interface ExportedRecords {
  readonly federation: FederationFile;
  /** Compact JWS of every study, by the study's digest. */
  readonly studies: ReadonlyMap<string, readonly string[]>;
}

const recordsName = 'records.jsonl';
export const policiesFolder = 'policies';
export const modelFolder = 'model';

const lineSchema = z.strictObject({ study: sha256Schema, jws: z.string() });
const lineLimits = { maxBytes: 8 * 1024 * 1024, maxDepth: 2 };

/** Writes or replaces an export. @throws WardroundError `export-unwritable` */
export async function writeExport(directory: string, { federation, studies }: ExportedRecords): Promise<void> {
  const lines = [...studies].flatMap(([study, records]) => records.map((jws) => `${JSON.stringify({ study, jws })}\n`));
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, federationFileName), `${JSON.stringify(federation)}\n`);
    await writeFile(join(directory, recordsName), lines.join(''));
  } catch (cause) {
    throw new WardroundError('export-unwritable', 'the records cannot be written', { where: directory, cause });
  }
}

/** One study for an auditor: of the federation's records those that verify and that this study needs. */
export async function exportOf({
  federation: file,
  study,
  jwsList,
}: {
  federation: FederationFile;
  study: string;
  jwsList: readonly string[];
}): Promise<ExportedRecords> {
  const newest = await viewOfFile(file);
  const kept: string[] = [];
  for (const jws of file.records) {
    const record = await verifyFederationRecord(jws, { file, newest }).catch(() => null);
    if (record !== null && (record.kind !== 'StudyPlan' || record.digest === study)) kept.push(jws);
  }
  return { federation: { federation: file.federation, records: kept }, studies: new Map([[study, jwsList]]) };
}

/** @throws WardroundError `export-unreadable` naming the file and the line, and those of `readFederationFile` */
export async function readExport(directory: string): Promise<ExportedRecords> {
  const federation = await readFederationFile(directory);
  const studies = new Map<string, string[]>();
  const lines = (await readRecords(directory)).split('\n');
  lines.forEach((line, index) => {
    if (line === '') return;
    const { study, jws } = parseLine(line, `${join(directory, recordsName)} line ${index + 1}`);
    studies.set(study, [...(studies.get(study) ?? []), jws]);
  });
  return { federation, studies };
}

/** The policies in an export, by site name: text of YAML. */
export async function readPolicies(directory: string): Promise<ReadonlyMap<string, string>> {
  const folder = join(directory, policiesFolder);
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.yaml'));
  const texts = await Promise.all(
    files.map(async (name) => [name.slice(0, -'.yaml'.length), await readFile(join(folder, name), 'utf8')] as const),
  );
  return new Map(texts);
}

async function readRecords(directory: string): Promise<string> {
  const path = join(directory, recordsName);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WardroundError('export-unreadable', 'the records cannot be read', { where: path, cause });
  }
}

function parseLine(line: string, where: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(parseLimitedJson(Buffer.from(line), lineLimits));
  } catch (cause) {
    throw new WardroundError('export-unreadable', 'not a line of an export', { where, cause });
  }
}
